//! Keyframes of H.264, VP8, VP9 and AV1 without decoding anything else: each packet is judged by its own
//! bits.
//!
//! FFmpeg's decoders have a switch for this, but that of VP9 heeds it not, and that of H.264 leaves out
//! recovery points, which it marks as keyframes when it decodes everything. Where one of those leans on
//! earlier pictures, the plain pass takes over.

use ffmpeg_next::Packet;

use crate::entries::codec_of;
use crate::entry::{Codec, Standing};
use crate::input::VideoInput;
use crate::mend::Mender;
use crate::plain::next_packet;
use crate::request::Selection;
use crate::run::{Run, Sink, Stop};

/// MP4 and Matroska keep both fields of an interlaced picture in one packet.
pub fn applies(run: &Run, input: &VideoInput) -> bool {
    run.plan.request.selection == Selection::Keyframes
        && matches!(
            codec_of(input),
            Codec::H264 { .. } | Codec::Vp8 | Codec::Vp9 | Codec::Av1
        )
        // Alpha has keyframes of its own.
        && !run.decoder.is_foreign()
        && (input.is_mp4() || input.is_matroska())
}

pub fn run(
    run: &mut Run,
    input: &mut VideoInput,
    first: Option<Packet>,
    sink: Sink,
) -> Result<(), Stop> {
    let codec = codec_of(input);
    let mut packets = Mender::new(input, first, run.plan.border(run.planned));
    loop {
        let Some(now) = next_packet(run, &mut packets, input)? else {
            if input.damage.is_some() || run.outcome.frames_decoded == 0 {
                return Err(Stop::Irregular);
            }
            run.reached_end = true;
            return Ok(());
        };
        let (Some(_), Some(data), false) = (now.pts(), now.data(), now.is_corrupt()) else {
            return Err(Stop::Irregular);
        };
        match codec.standing(data) {
            Standing::Leans => {
                run.outcome.packets_skipped += 1;
                continue;
            }
            Standing::Unclear => return Err(Stop::Irregular),
            Standing::Alone => {}
        }
        run.decoder.send(Some(&now));
        run.decoder.send(None);
        let done = run.receive(sink)?;
        run.decoder.flush();
        if run.decoder.errors > 0 || run.timeline.missing > 0 || run.timeline.backward > 0 {
            return Err(Stop::Irregular);
        }
        if done {
            return Ok(());
        }
    }
}
