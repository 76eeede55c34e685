//! Where the decoding of one stream can begin: the codec's random access points, and, where WebM keeps
//! alpha beside each picture, only those at which alpha can begin too.

use ffmpeg_next::Packet;
use ffmpeg_next::packet::side_data::Type;

use crate::entries::codec_of;
use crate::entry::Codec;
use crate::input::VideoInput;

#[derive(Debug, Clone, Copy)]
pub struct Access {
    pub codec: Codec,
    /// A second coded picture lies beside each one, with keyframes of its own.
    alpha: bool,
}

/// A block addition begins with its kind, big-endian; 1 is the codec's own: alpha.
const ALPHA: [u8; 8] = 1u64.to_be_bytes();

impl Access {
    pub fn of(input: &VideoInput) -> Self {
        Self {
            codec: codec_of(input),
            alpha: has_alpha(input),
        }
    }

    pub fn is_entry(self, packet: &Packet) -> bool {
        let alone = |data: &[u8]| self.codec.is_entry(data);
        packet.data().is_some_and(alone)
            // FFmpeg takes a PNG that is not marked for a difference to the one before.
            && (self.codec != Codec::Intra || packet.is_key())
            && (!self.alpha
                || packet
                    .side_data()
                    .filter(|side| side.kind() == Type::MatroskaBlockAdditional)
                    .find_map(|side| Some(alone(side.data().strip_prefix(&ALPHA)?)))
                    .unwrap_or(false))
    }
}

/// What WebM says of such a stream.
pub fn has_alpha(input: &VideoInput) -> bool {
    let stream = input.input.stream(input.stream);
    stream.is_some_and(|stream| stream.metadata().get("alpha_mode") == Some("1"))
}
