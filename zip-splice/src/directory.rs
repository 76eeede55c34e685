//! The ZIP records, by PKWARE's APPNOTE 6.3: local header, central directory, end records.
//!
//! A field that would read 0xFFFF or 0xFFFFFFFF means "see the ZIP64 record", so ZIP64 begins at
//! those values and not one later. Below them nothing of it is written.

use crate::fragment::{Entry, FragmentIndex, ZipError, check_name};

const ZIP64_U16: u64 = 0xFFFF;
const ZIP64_U32: u64 = 0xFFFF_FFFF;
const VERSION_STORED: u16 = 10;
const VERSION_ZIP64: u16 = 45;
/// Made on Unix, so that the permissions below are read.
const MADE_BY: u16 = 3 << 8 | VERSION_ZIP64;
const FLAG_UTF8: u16 = 1 << 11;
const STORED: u16 = 0;
const TIME_MIDNIGHT: u16 = 0;
const DATE_1980_01_01: u16 = 1 << 5 | 1;
/// A regular file, rw-r--r--.
const ATTRIBUTES: u32 = 0o100_644 << 16;
const END_LEN: u64 = 22;
const ZIP64_END_LEN: u64 = 56;
const ZIP64_LOCATOR_LEN: u64 = 20;

/// The fragments' entries and then `extra`'s (whose offsets count from the start of the generated
/// bytes), with their offsets in the archive.
pub fn merge(indexes: &[FragmentIndex], extra: &[Entry]) -> Result<Vec<Entry>, ZipError> {
    let count = indexes.iter().map(|i| i.entries.len()).sum::<usize>() + extra.len();
    let mut merged: Vec<Entry> = Vec::with_capacity(count);
    let mut start = 0_u64;
    for index in indexes {
        append(&mut merged, &index.entries, start)?;
        let end = start
            .checked_add(index.entries_len)
            .ok_or(ZipError::TooLarge)?;
        if merged.last().map_or(Some(0), Entry::end) != Some(end) {
            return Err(gap(&index.entries));
        }
        start = end;
    }
    append(&mut merged, extra, start)?;
    check(&merged)?;
    Ok(merged)
}

/// Everything after the last entry. `entries` must follow each other without a gap from offset 0,
/// as `merge` gives them.
pub fn central_directory(entries: &[Entry]) -> Result<Vec<u8>, ZipError> {
    let start = check(entries)?;
    let length = tail_len(entries, start);
    start.checked_add(length).ok_or(ZipError::TooLarge)?;
    Ok(tail(entries, start))
}

fn append(merged: &mut Vec<Entry>, entries: &[Entry], start: u64) -> Result<(), ZipError> {
    for entry in entries {
        merged.push(Entry {
            offset: entry.offset.checked_add(start).ok_or(ZipError::TooLarge)?,
            ..entry.clone()
        });
    }
    Ok(())
}

fn gap(entries: &[Entry]) -> ZipError {
    ZipError::Gap(entries.last().map_or_else(String::new, |e| e.name.clone()))
}

/// Names, duplicates, gaps. Gives where the central directory starts.
fn check(entries: &[Entry]) -> Result<u64, ZipError> {
    let mut names = std::collections::HashSet::with_capacity(entries.len());
    let mut at = 0;
    for entry in entries {
        check_name(&entry.name)?;
        if !names.insert(entry.name.as_str()) {
            return Err(ZipError::DuplicateName(entry.name.clone()));
        }
        if entry.offset != at {
            return Err(ZipError::Gap(entry.name.clone()));
        }
        at = entry.end().ok_or(ZipError::TooLarge)?;
    }
    Ok(at)
}

pub(crate) fn local_header_len(entry: &Entry) -> u64 {
    let zip64 = if entry.size >= ZIP64_U32 { 20 } else { 0 };
    30 + entry.name.len() as u64 + zip64
}

pub(crate) fn local_header(entry: &Entry) -> Vec<u8> {
    let zip64 = entry.size >= ZIP64_U32;
    let mut out = Record::new(b"PK\x03\x04");
    out.u16(if zip64 { VERSION_ZIP64 } else { VERSION_STORED });
    out.common(entry);
    out.u16(if zip64 { 20 } else { 0 });
    out.bytes(entry.name.as_bytes());
    if zip64 {
        // A local header must give both sizes.
        out.u16(1).u16(16).u64(entry.size).u64(entry.size);
    }
    out.0
}

fn central_header_len(entry: &Entry) -> u64 {
    let fields = central_zip64_fields(entry);
    let extra = if fields == 0 { 0 } else { 4 + 8 * fields };
    46 + entry.name.len() as u64 + extra
}

fn central_zip64_fields(entry: &Entry) -> u64 {
    let size = if entry.size >= ZIP64_U32 { 2 } else { 0 };
    size + u64::from(entry.offset >= ZIP64_U32)
}

fn central_header(out: &mut Record, entry: &Entry) {
    let fields = central_zip64_fields(entry);
    let version = if fields == 0 {
        VERSION_STORED
    } else {
        VERSION_ZIP64
    };
    out.bytes(b"PK\x01\x02").u16(MADE_BY).u16(version);
    out.common(entry);
    out.u16(if fields == 0 {
        0
    } else {
        4 + 8 * fields as u16
    });
    // No comment, first disk, no internal attributes.
    out.u16(0).u16(0).u16(0);
    out.u32(ATTRIBUTES).u32(clamp32(entry.offset));
    out.bytes(entry.name.as_bytes());
    if fields > 0 {
        out.u16(1).u16(8 * fields as u16);
        if entry.size >= ZIP64_U32 {
            out.u64(entry.size).u64(entry.size);
        }
        if entry.offset >= ZIP64_U32 {
            out.u64(entry.offset);
        }
    }
}

/// Central directory and end records, the directory starting at `start`.
pub(crate) fn tail(entries: &[Entry], start: u64) -> Vec<u8> {
    let mut out = Record(Vec::with_capacity(tail_len(entries, start) as usize));
    for entry in entries {
        central_header(&mut out, entry);
    }
    let (count, size) = (entries.len() as u64, out.0.len() as u64);
    if end_is_zip64(count, size, start) {
        let zip64_end = start.saturating_add(size);
        out.bytes(b"PK\x06\x06").u64(ZIP64_END_LEN - 12);
        out.u16(MADE_BY).u16(VERSION_ZIP64).u32(0).u32(0);
        out.u64(count).u64(count).u64(size).u64(start);
        out.bytes(b"PK\x06\x07").u32(0).u64(zip64_end).u32(1);
    }
    let count = count.min(ZIP64_U16) as u16;
    out.bytes(b"PK\x05\x06").u16(0).u16(0).u16(count).u16(count);
    out.u32(clamp32(size)).u32(clamp32(start)).u16(0);
    out.0
}

pub(crate) fn tail_len(entries: &[Entry], start: u64) -> u64 {
    let size = entries.iter().map(central_header_len).sum::<u64>();
    let zip64 = if end_is_zip64(entries.len() as u64, size, start) {
        ZIP64_END_LEN + ZIP64_LOCATOR_LEN
    } else {
        0
    };
    size + zip64 + END_LEN
}

fn end_is_zip64(count: u64, size: u64, start: u64) -> bool {
    count >= ZIP64_U16 || size >= ZIP64_U32 || start >= ZIP64_U32
}

fn clamp32(value: u64) -> u32 {
    value.min(ZIP64_U32) as u32
}

/// Little-endian fields, one after another.
struct Record(Vec<u8>);

impl Record {
    fn new(signature: &[u8; 4]) -> Self {
        Self(signature.to_vec())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes(&value.to_le_bytes())
    }

    /// What local and central header share: flags to name length.
    fn common(&mut self, entry: &Entry) {
        let size = clamp32(entry.size);
        self.u16(FLAG_UTF8).u16(STORED);
        self.u16(TIME_MIDNIGHT).u16(DATE_1980_01_01);
        self.u32(entry.crc32).u32(size).u32(size);
        self.u16(entry.name.len() as u16);
    }
}
