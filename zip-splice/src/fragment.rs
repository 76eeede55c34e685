//! Writing one fragment, header by header. The caller owns the data and writes it itself.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::directory::{self, local_header, local_header_len};

/// One stored entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    pub name: String,
    pub crc32: u32,
    /// Of the data alone.
    pub size: u64,
    /// Of the local header, from the start of the fragment (or of the archive, after `merge`).
    pub offset: u64,
}

impl Entry {
    /// Where the next entry starts; None past 2^64.
    pub(crate) fn end(&self) -> Option<u64> {
        self.offset
            .checked_add(local_header_len(self))?
            .checked_add(self.size)
    }
}

/// What a fragment holds: all that is needed of it to build the archive's central directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FragmentIndex {
    pub entries: Vec<Entry>,
    /// Headers and data of all entries: the bytes that go into the archive.
    pub entries_len: u64,
    /// The fragment's whole length, its own central directory included.
    pub total_len: u64,
}

/// None of these passes by itself: reject.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ZipError {
    #[error(
        "entry name {0:?} must be a relative path of 1 to 65535 bytes without \\, empty, . or .. parts"
    )]
    BadName(String),
    #[error("two entries are named {0:?}")]
    DuplicateName(String),
    #[error("the archive would pass 2^64 bytes")]
    TooLarge,
    #[error("entry {0:?} does not start where the one before it ends")]
    Gap(String),
}

/// ```text
/// for each image: out.write(writer.entry(name, crc32(data), data.len())?); out.write(data)
/// at the end:     out.write(writer.finish());  store(writer.index())
/// ```
///
/// The same calls always give the same bytes: every entry is dated 1980-01-01.
#[derive(Debug, Clone, Default)]
pub struct FragmentWriter {
    entries: Vec<Entry>,
    names: HashSet<String>,
    entries_len: u64,
}

impl FragmentWriter {
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes to write before the entry's data, which must follow at once, `data_len` bytes.
    pub fn entry(&mut self, name: &str, crc32: u32, data_len: u64) -> Result<Vec<u8>, ZipError> {
        check_name(name)?;
        let entry = Entry {
            name: name.to_owned(),
            crc32,
            size: data_len,
            offset: self.entries_len,
        };
        let end = entry.end().ok_or(ZipError::TooLarge)?;
        if !self.names.insert(entry.name.clone()) {
            return Err(ZipError::DuplicateName(entry.name));
        }
        let header = local_header(&entry);
        self.entries.push(entry);
        self.entries_len = end;
        Ok(header)
    }

    /// Bytes written so far, data included.
    pub fn entries_len(&self) -> u64 {
        self.entries_len
    }

    /// The bytes after the last entry: central directory and end records.
    pub fn finish(&self) -> Vec<u8> {
        directory::tail(&self.entries, self.entries_len)
    }

    pub fn index(&self) -> FragmentIndex {
        FragmentIndex {
            entries: self.entries.clone(),
            entries_len: self.entries_len,
            total_len: self
                .entries_len
                .saturating_add(directory::tail_len(&self.entries, self.entries_len)),
        }
    }
}

pub fn crc32(data: &[u8]) -> u32 {
    crc32fast::hash(data)
}

/// Names come from us, but the check keeps a mistake from becoming a path outside the folder that
/// somebody unpacks into.
pub(crate) fn check_name(name: &str) -> Result<(), ZipError> {
    let bad = name.is_empty()
        || name.len() > usize::from(u16::MAX)
        || name.contains(['\\', '\0'])
        || name.split('/').any(|part| matches!(part, "" | "." | ".."));
    if bad {
        return Err(ZipError::BadName(name.chars().take(80).collect()));
    }
    Ok(())
}
