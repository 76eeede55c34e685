//! Fragments and spliced archives, as read by programs that are not ours.

mod readers;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use proptest::prelude::*;
use readers::{read_all, read_some};
use zip_splice::{
    Entry, FragmentIndex, FragmentWriter, Part, PartLimits, Piece, ZipError, central_directory,
    crc32, merge, plan_with,
};

type Files = Vec<(String, Vec<u8>)>;

fn fragment(files: &Files) -> (Vec<u8>, FragmentIndex) {
    let (mut writer, mut out) = (FragmentWriter::new(), Vec::new());
    for (name, data) in files {
        let header = writer.entry(name, crc32(data), data.len() as u64).unwrap();
        out.extend(header);
        out.extend(data);
    }
    assert_eq!(out.len() as u64, writer.entries_len());
    out.extend(writer.finish());
    let index = writer.index();
    assert_eq!(out.len() as u64, index.total_len);
    (out, index)
}

/// What the finalizer does, with slices for S3.
fn splice(limits: &PartLimits, fragments: &[(Vec<u8>, FragmentIndex)], extra: &Files) -> Vec<u8> {
    let (extra_bytes, extra_index) = fragment(extra);
    let indexes: Vec<FragmentIndex> = fragments.iter().map(|f| f.1.clone()).collect();
    let tail = central_directory(&merge(&indexes, &extra_index.entries).unwrap()).unwrap();
    let pieces: Vec<u64> = indexes.iter().map(|i| i.entries_len).collect();
    let plan = plan_with(limits, &pieces, extra_index.entries_len, tail.len() as u64).unwrap();
    let range =
        |bytes: &[u8], start: u64, len: u64| bytes[start as usize..(start + len) as usize].to_vec();
    let mut archive = Vec::new();
    for part in &plan.parts {
        match part {
            Part::Copy {
                fragment,
                start,
                len,
            } => {
                archive.extend(range(&fragments[*fragment].0, *start, *len));
            }
            Part::Upload(pieces) => {
                for piece in pieces {
                    archive.extend(match *piece {
                        Piece::Fragment {
                            fragment,
                            start,
                            len,
                        } => range(&fragments[fragment].0, start, len),
                        Piece::Extra { start, len } => range(&extra_bytes, start, len),
                        Piece::Tail { start, len } => range(&tail, start, len),
                    });
                }
            }
        }
    }
    assert_eq!(archive.len() as u64, plan.total);
    archive
}

fn images(count: usize, from: usize, size: usize) -> Files {
    let image = |i: usize| {
        let data = (0..size + i % 7).map(|b| (b * 31 + i) as u8).collect();
        (format!("frame_{i:06}.jpg"), data)
    };
    (from..from + count).map(image).collect()
}

fn write(dir: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

const SMALL: PartLimits = PartLimits {
    min_part: 5_000,
    max_part: 50_000,
    max_parts: 10_000,
    upload_part: 16_000,
};

#[test]
fn every_fragment_and_the_archive_open_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let lists = [
        images(3, 1, 9_000),
        images(2, 4, 100),
        vec![],
        images(4, 6, 30_000),
    ];
    let fragments: Vec<_> = lists.iter().map(fragment).collect();
    for (i, (list, (bytes, _))) in lists.iter().zip(&fragments).enumerate() {
        read_all(&write(dir.path(), &format!("{i}.zip"), bytes), list);
    }
    let extra = vec![
        ("manifest.json".to_owned(), b"{}".to_vec()),
        ("bilder/größe 日本.txt".to_owned(), vec![]),
    ];
    let archive = splice(&SMALL, &fragments, &extra);
    let all: Files = lists.into_iter().flatten().chain(extra).collect();
    read_all(&write(dir.path(), "all.zip", &archive), &all);
    assert!(
        !archive.windows(4).any(|w| w == b"PK\x06\x06"),
        "ZIP64 without need"
    );
}

#[test]
fn the_same_calls_give_the_same_bytes_and_the_index_survives_json() {
    let list = images(5, 0, 40);
    let (bytes, index) = fragment(&list);
    assert_eq!(fragment(&list), (bytes, index.clone()));
    let json = serde_json::to_string(&index).unwrap();
    assert_eq!(serde_json::from_str::<FragmentIndex>(&json).unwrap(), index);
}

#[test]
fn an_archive_of_nothing_is_still_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = splice(&SMALL, &[], &vec![]);
    assert_eq!(bytes.len(), 22);
    let archive = zip::ZipArchive::new(std::io::Cursor::new(&bytes)).unwrap();
    assert_eq!(archive.len(), 0);
    readers::python(&write(dir.path(), "empty.zip", &bytes), &[]);
}

#[test]
fn zip64_begins_with_the_65535th_entry() {
    let dir = tempfile::tempdir().unwrap();
    for (count, zip64) in [(65_534, false), (65_535, true), (70_000, true)] {
        let list: Files = (0..count).map(|i| (format!("{i:06}"), vec![])).collect();
        let (first, second) = list.split_at(count / 2);
        let fragments = [fragment(&first.to_vec()), fragment(&second.to_vec())];
        let archive = splice(&SMALL, &fragments, &vec![]);
        assert_eq!(
            archive.windows(4).any(|w| w == b"PK\x06\x06"),
            zip64,
            "{count}"
        );
        read_all(&write(dir.path(), &format!("{count}.zip"), &archive), &list);
    }
}

/// Entries on both sides of 4 GiB, in a sparse file. `large` is the size of the first entry, whose
/// data are zeros that nobody reads.
fn sparse(dir: &Path, large: u64) -> (std::path::PathBuf, Vec<Entry>, Vec<u8>) {
    let mut writer = FragmentWriter::new();
    let path = dir.join(format!("{large}.zip"));
    let mut file = File::create(&path).unwrap();
    file.write_all(&writer.entry("large", 0, large).unwrap())
        .unwrap();
    file.seek(SeekFrom::Current(large as i64)).unwrap();
    for name in ["a", "b"] {
        let header = writer.entry(name, crc32(name.as_bytes()), 1).unwrap();
        file.write_all(&header).unwrap();
        file.write_all(name.as_bytes()).unwrap();
    }
    let entries = merge(&[writer.index()], &[]).unwrap();
    let tail = central_directory(&entries).unwrap();
    assert_eq!(tail, writer.finish());
    file.write_all(&tail).unwrap();
    (path, entries, tail)
}

#[test]
fn zip64_begins_at_four_gib_less_one_byte() {
    let dir = tempfile::tempdir().unwrap();
    let limit = u64::from(u32::MAX);
    // Header and name of "large" are 35 bytes, of "a" and its data 32.
    for (large, size64, offsets64, end64) in [
        (limit - 35 - 64 - 1, false, 0, false),
        (limit - 35 - 64, false, 0, true),
        (limit - 35 - 32 - 1, false, 0, true),
        (limit - 35 - 32, false, 1, true),
        (limit - 35 - 1, false, 1, true),
        (limit - 35, false, 2, true),
        (limit - 1, false, 2, true),
        (limit, true, 2, true),
        (5 << 30, true, 2, true),
    ] {
        let (path, entries, tail) = sparse(dir.path(), large);
        assert_eq!(
            tail.windows(4).any(|w| w == b"PK\x06\x06"),
            end64,
            "{large}"
        );
        // Central headers are 46 bytes and the name, and 4 bytes more where a ZIP64 field follows.
        let plain = 3 * 46 + 5 + 1 + 1 + 22 + if end64 { 56 + 20 } else { 0 };
        let extra = if size64 { 4 + 16 } else { 0 } + offsets64 * (4 + 8);
        assert_eq!(tail.len(), plain + extra, "{large}");
        let header = FragmentWriter::new().entry("large", 0, large).unwrap();
        assert_eq!(header.len(), 35 + if size64 { 20 } else { 0 });
        let sizes: Vec<_> = entries
            .iter()
            .map(|e| (e.name.clone(), e.size, e.offset))
            .collect();
        read_some(&path, &sizes, &[("a", b"a"), ("b", b"b")]);
    }
}

#[test]
fn names_that_lead_elsewhere_or_twice_are_refused() {
    let mut writer = FragmentWriter::new();
    writer.entry("a", 0, 0).unwrap();
    assert_eq!(
        writer.entry("a", 0, 0),
        Err(ZipError::DuplicateName("a".into()))
    );
    for bad in ["", "/a", "../a", "a/../b", "a//b", "a\\b", ".", "a/", "a\0"] {
        assert_eq!(
            writer.entry(bad, 0, 0),
            Err(ZipError::BadName(bad.into())),
            "{bad:?}"
        );
    }
    let long = "x".repeat(65_536);
    assert!(matches!(
        writer.entry(&long, 0, 0),
        Err(ZipError::BadName(_))
    ));
    assert_eq!(writer.entry("b", 0, u64::MAX), Err(ZipError::TooLarge));
    assert_eq!(
        writer.index().entries.len(),
        1,
        "a refused entry leaves no trace"
    );
    let index = writer.index();
    let twice = merge(&[index.clone(), index.clone()], &[]);
    assert_eq!(twice, Err(ZipError::DuplicateName("a".into())));
    let mut torn = index;
    torn.entries_len += 1;
    assert_eq!(merge(&[torn], &[]), Err(ZipError::Gap("a".into())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever an index claims, merging it ends in an answer and never in a panic.
    #[test]
    fn any_index_is_merged_or_refused(
        entries in prop::collection::vec((".{0,4}", any::<u64>(), any::<u64>()), 0..6),
        entries_len: u64,
    ) {
        let entries = entries.into_iter()
            .map(|(name, size, offset)| Entry { name, crc32: 0, size, offset })
            .collect::<Vec<_>>();
        let index = FragmentIndex { entries: entries.clone(), entries_len, total_len: 0 };
        let _ = central_directory(&entries);
        if let Ok(merged) = merge(&[index.clone(), index], &entries) {
            central_directory(&merged).unwrap();
        }
    }

    #[test]
    fn spliced_bytes_are_the_fragments_bytes(
        counts in prop::collection::vec((0..5_usize, 1..9_000_usize), 0..8),
    ) {
        let mut from = 0;
        let lists: Vec<Files> = counts.iter().map(|&(count, size)| {
            from += count;
            images(count, from - count, size)
        }).collect();
        let fragments: Vec<_> = lists.iter().map(fragment).collect();
        let archive = splice(&SMALL, &fragments, &vec![("m".into(), vec![1; 77])]);
        let mut read = zip::ZipArchive::new(std::io::Cursor::new(&archive)).unwrap();
        prop_assert_eq!(read.len(), from + 1);
        for (name, data) in lists.iter().flatten() {
            let mut got = Vec::new();
            std::io::copy(&mut read.by_name(name).unwrap(), &mut got).unwrap();
            prop_assert_eq!(&got, data);
        }
    }
}
