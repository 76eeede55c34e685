//! The quick pass: packets are read ahead, and only those that wanted frames need are decoded.
//!
//! Nothing here may change an image. Each answer is checked against the timestamps of all packets
//! seen, and whatever is not as foretold ends the pass as irregular; the plain pass then takes over.

use std::collections::BTreeSet;

use ffmpeg_next::Packet;

use crate::ahead::{Ahead, MAX_PACKETS, landings};
use crate::entries::{codec_of, contradicts};
use crate::feed::{self, Use};
use crate::ffi;
use crate::input::VideoInput;
use crate::numbers::Numbers;
use crate::plain::heed;
use crate::request::Selection;
use crate::run::{Run, Sink, Stop};
use crate::select::{Asked, Chooser};

/// Selections by time, in codecs whose random access points we can tell; and by number, in containers
/// that keep both fields of an interlaced picture in one packet.
pub fn applies(run: &Run, input: &VideoInput) -> bool {
    let counted = !run.plan.seam_check && (input.is_mp4() || input.is_matroska());
    let sparse = match run.plan.request.selection {
        Selection::EveryNth(nth) => nth > 1 && counted,
        _ => matches!(run.chooser, Chooser::Times(_)),
    };
    sparse && codec_of(input).divisible()
}

pub fn run(
    run: &mut Run,
    input: &mut VideoInput,
    first: Option<Packet>,
    sink: Sink,
) -> Result<(), Stop> {
    let mut ahead = Ahead::new(run, input, first)?;
    run.known = Some(BTreeSet::new());
    let mut numbers = numbers(run);
    ahead.counting = numbers.is_some();
    while !run.chooser.is_done() {
        let group = loop {
            if let Some(group) = ahead.group() {
                break group;
            }
            ahead.read(input)?;
        };
        heed(run, &ahead.packets)?;
        if !feed::regular(&ahead.items, group) {
            return Err(run.misordered());
        }
        let known = run.known.as_mut().expect("set above");
        known.extend(ahead.items.iter().filter(|i| i.shown).map(|i| i.pts));
        if let Some(numbers) = &mut numbers {
            count(run, &ahead, group.len, numbers)?;
            if numbers.is_over(&ahead.items[..group.len]) {
                run.decoder.send(None);
                run.receive(sink)?;
                run.past_end = true;
                return all_came(run);
            }
        }
        // A decoded frame has its packet's duration, so the end is where decoding all would find it.
        let last = ahead.last().map(|(pts, shown)| run.foretell(pts, shown));
        let end = last.map(|last| last.pts.saturating_add(last.duration));
        let decision = feed::decide(&ahead.items, group, end, |from, to| {
            let wanted = numbers.as_ref().map(|numbers| numbers.is_wanted(from));
            wanted.unwrap_or_else(|| asked(run, from, to))
        });
        for what in decision.uses {
            if let Some(numbers) = &mut numbers {
                numbers.pop(&ahead.items[0]);
                run.counted(numbers.inside());
            }
            let packet = ahead.pop();
            match what {
                Use::Drop => {
                    run.outcome.packets_skipped += 1;
                    continue;
                }
                Use::Decode => run.decoder.skip_unreferenced(false),
                Use::OnlyIfReferred => run.decoder.skip_unreferenced(ahead.skippable),
            }
            run.decoder.send(Some(&packet));
            let done = run.receive(sink)?;
            check(run)?;
            if done {
                return Ok(());
            }
        }
        let over = ahead.ended && ahead.items.is_empty();
        if decision.drain || over {
            run.decoder.send(None);
            run.receive(sink)?;
            all_came(run)?;
            run.decoder.flush();
        }
        if over {
            run.reached_end = true;
            return match last {
                Some(last) => run.end_at(last, sink),
                None => Ok(()),
            };
        }
        if decision.drain {
            let point = ahead.items[0].pts;
            let at = run.clock.seconds(point.saturating_sub(run.plan.first_pts));
            run.settle(at, sink)?;
            let known = run.known.as_mut().expect("set above");
            *known = known.split_off(&point);
            jump(run, input, &mut ahead)?;
        }
    }
    Ok(())
}

/// Counts frames where every nth is asked for.
fn numbers(run: &mut Run) -> Option<Numbers> {
    let Chooser::Frames(picker) = &mut run.chooser else {
        return None;
    };
    picker.list();
    let (start, end) = picker.bounds(run.clock);
    let pts = |rel: i64| run.plan.first_pts.saturating_add(rel);
    let nth = match run.plan.request.selection {
        Selection::EveryNth(nth) => nth,
        _ => 1,
    };
    let first = picker.first_frame;
    Some(Numbers::new(nth, first, pts(start), end.map(pts)))
}

/// Lists the wanted frames of the next group, if packets can be counted for frames.
fn count(run: &mut Run, ahead: &Ahead, len: usize, numbers: &mut Numbers) -> Result<(), Stop> {
    if !numbers.look(&ahead.items) || ahead.uneven {
        return Err(Stop::Irregular);
    }
    if let Chooser::Frames(picker) = &mut run.chooser {
        let own = ahead.items[..len].iter().filter(|item| item.shown);
        picker.expect(
            own.map(|item| item.pts)
                .filter(|pts| numbers.is_wanted(*pts)),
        );
    }
    Ok(())
}

/// The decoder is empty: what was listed must have come.
fn all_came(run: &Run) -> Result<(), Stop> {
    match &run.chooser {
        Chooser::Frames(picker) if picker.is_expecting() => Err(Stop::Irregular),
        _ => check(run),
    }
}

fn asked(run: &Run, from: i64, to: Option<i64>) -> bool {
    let Chooser::Times(picker) = &run.chooser else {
        return true;
    };
    let at = |pts: i64| run.clock.seconds(pts.saturating_sub(run.plan.first_pts));
    picker.asked_between(at(from), to.map(at))
}

/// Damage and odd timestamps are for the plain pass, which sees every frame.
fn check(run: &Run) -> Result<(), Stop> {
    let odd = run.decoder.errors > 0
        || run.timeline.missing > 0
        || run.timeline.backward > 0
        || run.decoder.misplaced > 0;
    if odd { Err(Stop::Irregular) } else { Ok(()) }
}

/// Leaves out whole GOPs without reading them, where the next wanted time lies past them.
fn jump(run: &mut Run, input: &mut VideoInput, ahead: &mut Ahead) -> Result<(), Stop> {
    let Chooser::Times(picker) = &run.chooser else {
        return Ok(());
    };
    let Some(asked) = picker.wanted() else {
        return Ok(());
    };
    let pts = |asked: Asked| (run.plan.first_pts).saturating_add(run.clock.ticks(asked.time));
    let target = pts(asked);
    let here = ahead.items[0].pts;
    let read = ahead.items.iter().map(|i| i.pts).max().unwrap_or(here);
    if ahead.unread_index && read < target {
        // Matroska's cues are read on the first seek.
        ahead.unread_index = false;
        let met = ffi::index(&mut input.input, input.stream);
        go_back(input, ahead, here)?;
        if contradicts(&ffi::index(&mut input.input, input.stream), &met) {
            return Err(run.misordered());
        }
        ahead.landings = landings(input, ahead.access);
        return Ok(());
    }
    let Some(aim) = ahead.landings.aim(read, target, ahead.delay) else {
        return Ok(());
    };
    let indexed = |asked: Asked| pts(asked).saturating_sub(ahead.delay);
    let targets = picker.upcoming().map(indexed);
    input.expect(&ahead.landings.announce(targets));
    if input.seek(aim)?
        && let Some(packet) = input.next_packet()?
        && packet.pts().is_some_and(|pts| pts > here && pts <= target)
        && ahead.access.is_entry(&packet)
    {
        ahead.restart(packet);
        return Ok(());
    }
    // The index promised what is not there: go back, and never trust it again.
    ahead.landings.clear();
    go_back(input, ahead, here)
}

fn go_back(input: &mut VideoInput, ahead: &mut Ahead, here: i64) -> Result<(), Stop> {
    if !input.seek(here)? {
        return Err(Stop::Irregular);
    }
    // Some seeks land earlier than they could (FFmpeg's, before a CRA picture).
    for _ in 0..MAX_PACKETS {
        match input.next_packet()? {
            Some(packet) if packet.pts() == Some(here) => {
                ahead.restart(packet);
                return Ok(());
            }
            Some(_) => {}
            None => break,
        }
    }
    Err(Stop::Irregular)
}
