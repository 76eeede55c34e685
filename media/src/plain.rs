//! The plain pass: every packet is decoded, until the selection has all it wants, or to the end.

use ffmpeg_next::Packet;

use crate::error::MediaError;
use crate::input::VideoInput;
use crate::mend::Mender;
use crate::run::{Run, Sink, Stop};

pub fn run(
    run: &mut Run,
    input: &mut VideoInput,
    first: Option<Packet>,
    sink: Sink,
) -> Result<(), MediaError> {
    match go(run, input, first, sink) {
        Err(Stop::Media(e)) => Err(e),
        Err(Stop::Irregular) => unreachable!("a plain pass foretells nothing"),
        Ok(()) => Ok(()),
    }
}

fn go(
    run: &mut Run,
    input: &mut VideoInput,
    first: Option<Packet>,
    sink: Sink,
) -> Result<(), Stop> {
    let mut packets = Mender::new(input, first, run.plan.border(run.planned));
    loop {
        let packet = next_packet(run, &mut packets, input)?;
        run.decoder.send(packet.as_ref());
        if run.receive(sink)? {
            return Ok(());
        }
        if packet.is_none() {
            run.reached_end = true;
            return Ok(());
        }
    }
}

/// What the packets read so far tell of timestamps.
pub fn heed(run: &mut Run, packets: &Mender) -> Result<(), Stop> {
    run.mended = packets.count;
    match packets.misled {
        true => Err(run.misordered()),
        false => Ok(()),
    }
}

/// The next packet of a pass that reads all of them.
pub fn next_packet(
    run: &mut Run,
    packets: &mut Mender,
    input: &mut VideoInput,
) -> Result<Option<Packet>, Stop> {
    let packet = packets.next(input)?;
    heed(run, packets)?;
    if packets.lost && run.is_part() {
        return Err(run.misordered());
    }
    Ok(packet)
}
