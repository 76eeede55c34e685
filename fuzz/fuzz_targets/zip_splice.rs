//! Any names and sizes as fragments: the spliced archive is one that another ZIP reader reads, and
//! the splice plan takes every byte once and in order.
#![no_main]

use std::io::{Cursor, Read};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use zip_splice::{Entry, FragmentIndex, FragmentWriter, Part, PartLimits, Piece};

#[derive(Debug, Arbitrary)]
struct Input {
    fragments: Vec<Vec<(String, Vec<u8>)>>,
    /// Indexes as a stranger would write them: only refused or merged, never a panic.
    claims: Vec<Vec<(String, u32, u64, u64)>>,
    min_part: u16,
    max_parts: u8,
}

fuzz_target!(|input: Input| {
    let mut bytes = Vec::new();
    let mut wanted = Vec::new();
    let mut indexes = Vec::new();
    for fragment in &input.fragments {
        let mut writer = FragmentWriter::new();
        for (name, data) in fragment {
            let crc32 = zip_splice::crc32(data);
            let Ok(header) = writer.entry(name, crc32, data.len() as u64) else {
                continue;
            };
            bytes.extend_from_slice(&header);
            bytes.extend_from_slice(data);
            wanted.push((name, data));
        }
        assert_eq!(
            writer.index().total_len,
            writer.entries_len() + writer.finish().len() as u64
        );
        indexes.push(writer.index());
    }
    if let Ok(entries) = zip_splice::merge(&indexes, &[]) {
        let tail = zip_splice::central_directory(&entries).expect("merged entries fit");
        spliced(&input, &indexes, tail.len() as u64, bytes.len() as u64);
        bytes.extend_from_slice(&tail);
        read_back(bytes, &wanted);
    }
    let claimed: Vec<FragmentIndex> = input.claims.iter().map(|claim| index(claim)).collect();
    if let Ok(entries) = zip_splice::merge(&claimed, &[]) {
        let _ = zip_splice::central_directory(&entries);
    }
});

fn index(claim: &[(String, u32, u64, u64)]) -> FragmentIndex {
    let entries = claim.iter().map(|(name, crc32, size, offset)| Entry {
        name: name.clone(),
        crc32: *crc32,
        size: *size,
        offset: *offset,
    });
    FragmentIndex {
        entries: entries.collect(),
        entries_len: claim.first().map_or(0, |c| c.2),
        total_len: claim.last().map_or(0, |c| c.3),
    }
}

fn read_back(archive: Vec<u8>, wanted: &[(&String, &Vec<u8>)]) {
    let mut archive = zip::ZipArchive::new(Cursor::new(archive)).expect("another reader opens it");
    assert_eq!(archive.len(), wanted.len());
    for (i, (name, data)) in wanted.iter().enumerate() {
        let mut file = archive.by_index(i).expect("find an entry");
        assert_eq!(file.name().expect("a readable name"), name.as_str());
        let mut read = Vec::new();
        file.read_to_end(&mut read).expect("the checksum holds");
        assert_eq!(&read, *data);
    }
}

fn spliced(input: &Input, indexes: &[FragmentIndex], tail: u64, before: u64) {
    let pieces: Vec<u64> = indexes.iter().map(|i| i.entries_len).collect();
    let min_part = u64::from(input.min_part).max(1);
    let limits = PartLimits {
        min_part,
        max_part: min_part * 4,
        max_parts: usize::from(input.max_parts).max(1),
        upload_part: min_part,
    };
    let Ok(plan) = zip_splice::plan_with(&limits, &pieces, 0, tail) else {
        return;
    };
    assert_eq!(plan.total, before + tail);
    assert_eq!(plan.parts.iter().map(Part::length).sum::<u64>(), plan.total);
    let downloaded = plan.parts.iter().flat_map(|part| match part {
        Part::Upload(pieces) => pieces.as_slice(),
        Part::Copy { .. } => &[],
    });
    let downloaded: u64 = downloaded
        .filter(|piece| matches!(piece, Piece::Fragment { .. }))
        .map(Piece::length)
        .sum();
    assert_eq!(plan.downloaded, downloaded);
}
