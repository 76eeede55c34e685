//! Image numbers that could not be known when the segments were planned: of scenes, of frames
//! without duplicates, or where an index was wrong. Workers number from what the plan expected; here
//! each image gets its true number, and a fragment whose file names change is written once more.

use bytes::Bytes;
use fleet_aws::row::Row;
use fleet_core::keys;
use fleet_core::manifest::Image;
use fleet_core::spec::ExtractSpec;
use num_rational::Ratio;
use tokio::sync::mpsc;
use zip_splice::{Entry, FragmentIndex, FragmentWriter};

use crate::context::Context;
use crate::fragment::{self, Chunk};
use crate::outcome::Ended;
use crate::records::{FragmentRecord, PlanRecord};
use crate::{naming, seams, splice};

/// Bytes read of the old fragment at once; a single image may be larger.
const BATCH: u64 = 8 * 1024 * 1024;

/// Writes again only what is named wrongly. The same fragments always give the same result, so a
/// second finalizer may do it once more.
pub async fn apply(
    context: &Context,
    row: &Row,
    plan: &PlanRecord,
    fragments: &mut [FragmentRecord],
) -> Result<(), Ended> {
    let (firsts, _) = seams::numbers(fragments);
    for (fragment, first) in fragments.iter_mut().zip(firsts) {
        if fragment.images.first().is_none_or(|i| i.index == first) {
            continue;
        }
        let images = renamed(&plan.extract, &fragment.images, first);
        let same_names = images
            .iter()
            .zip(&fragment.images)
            .all(|(new, old)| new.file == old.file);
        if !same_names {
            rewrite(context, row, plan.generation, fragment, first, &images).await?;
        }
        fragment.images = images;
    }
    Ok(())
}

/// The same images, numbered from `first`.
fn renamed(extract: &ExtractSpec, images: &[Image], first: u64) -> Vec<Image> {
    let exact = |text: &str| text.parse::<Ratio<i64>>().unwrap_or_default();
    let again = images.iter().zip(first..).map(|(image, index)| {
        let time = exact(image.requested.as_deref().unwrap_or(&image.time_exact));
        Image {
            file: naming::image(extract.naming, extract.image.format, index, time),
            index,
            ..image.clone()
        }
    });
    again.collect()
}

async fn rewrite(
    context: &Context,
    row: &Row,
    generation: u32,
    fragment: &mut FragmentRecord,
    first: u64,
    images: &[Image],
) -> Result<(), Ended> {
    let (tenant, video, segment) = (&row.tenant, &row.video, fragment.segment);
    let key = |attempt: &str| keys::fragment(tenant, video, generation, segment, attempt);
    let from = key(&fragment.attempt);
    let attempt = format!("{}-from-{first}", fragment.attempt);
    let to = key(&attempt);
    let (sender, receiver) = mpsc::channel(2);
    let old = fragment.zip.clone();
    let copying = copy(context, &from, &old, images, sender);
    let (sent, copied) = tokio::join!(fragment::upload(&context.store, &to, receiver), copying);
    fragment.zip = copied?;
    sent?;
    fragment.attempt = attempt;
    tracing::info!(%video, segment, first, "numbered again");
    Ok(())
}

async fn copy(
    context: &Context,
    from: &str,
    old: &FragmentIndex,
    images: &[Image],
    chunks: mpsc::Sender<Chunk>,
) -> Result<FragmentIndex, Ended> {
    let mut writer = FragmentWriter::new();
    // The uploader says itself why it went away.
    let gone = |_| Ended::Trouble("the upload stopped".into());
    for batch in batches(&old.entries, old.entries_len) {
        let bytes = splice::range(&context.store, from, batch.start, batch.len).await?;
        for (entry, image) in batch.entries.into_iter().zip(&images[batch.first..]) {
            let header = writer.entry(&image.file, entry.crc32, entry.size)?;
            let end = entry.end - batch.start;
            let data = bytes.slice((end - entry.size) as usize..end as usize);
            for bytes in [Bytes::from(header), data] {
                chunks.send(Chunk::Bytes(bytes)).await.map_err(gone)?;
            }
        }
    }
    let tail = Bytes::from(writer.finish());
    for chunk in [Chunk::Bytes(tail), Chunk::End] {
        chunks.send(chunk).await.map_err(gone)?;
    }
    Ok(writer.index())
}

struct Batch {
    start: u64,
    len: u64,
    /// Of its first entry, among all.
    first: usize,
    entries: Vec<Placed>,
}

#[derive(Debug, Clone, Copy)]
struct Placed {
    crc32: u32,
    size: u64,
    /// Where its data ends in the fragment.
    end: u64,
}

/// Neighbouring entries that are read with one request.
fn batches(entries: &[Entry], total: u64) -> Vec<Batch> {
    let ends = entries
        .iter()
        .skip(1)
        .map(|e| e.offset)
        .chain(std::iter::once(total));
    let placed: Vec<Placed> = entries
        .iter()
        .zip(ends)
        .map(|(e, end)| Placed {
            crc32: e.crc32,
            size: e.size,
            end,
        })
        .collect();
    let mut out = Vec::new();
    let mut first = 0;
    while first < placed.len() {
        let start = entries[first].offset;
        let mut last = first;
        while last + 1 < placed.len() && placed[last + 1].end - start <= BATCH {
            last += 1;
        }
        out.push(Batch {
            start,
            len: placed[last].end - start,
            first,
            entries: placed[first..=last].to_vec(),
        });
        first = last + 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_cover_the_fragment_once() {
        let mut writer = FragmentWriter::new();
        for (n, size) in [5_u64 << 20, 2 << 20, 2 << 20, 30 << 20, 1, 0]
            .into_iter()
            .enumerate()
        {
            writer.entry(&format!("{n}"), n as u32, size).unwrap();
        }
        let index = writer.index();
        let mut at = 0;
        let mut seen = Vec::new();
        for batch in batches(&index.entries, index.entries_len) {
            assert_eq!(batch.start, at);
            assert_eq!(batch.first, seen.len());
            at += batch.len;
            seen.extend(batch.entries.iter().map(|e| (e.crc32, e.size)));
        }
        assert_eq!(at, index.entries_len);
        let expected: Vec<_> = index.entries.iter().map(|e| (e.crc32, e.size)).collect();
        assert_eq!(seen, expected);
    }

    #[test]
    fn images_are_named_by_their_true_number_or_by_their_time() {
        let image = |index: u64| Image {
            file: String::new(),
            index,
            pts: 7,
            time_exact: "1/2".into(),
            time: 0.5,
            requested: None,
            keyframe: false,
            width: 1,
            height: 1,
            bytes: 1,
            crc32: "00000000".into(),
        };
        let old = [image(0), image(1)];
        let names = |spec: &str| {
            let spec = serde_json::from_str(spec).unwrap();
            let named = renamed(&spec, &old, 41);
            named
                .into_iter()
                .map(|i| (i.index, i.file))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            names("{}"),
            [
                (41, "frame_000042.jpg".into()),
                (42, "frame_000043.jpg".into())
            ]
        );
        assert_eq!(
            names(r#"{"naming":"time"}"#)[1],
            (42, "t_000000.500.jpg".into())
        );
    }
}
