//! Where the bytes of a video come from. Read-ahead, retries and caching belong to the implementor.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A video of known size, readable at any offset.
pub trait RangeRead: Send {
    fn len(&self) -> u64;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads at most `buf.len()` bytes at `offset`. Zero means the end; an error is never the end.
    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;

    /// These stretches will be read soon, in about this order: whoever waits for a network may fetch
    /// them side by side. A hint, and never more than one.
    fn expect(&mut self, stretches: &[Stretch]) {
        let _ = stretches;
    }
}

/// A part of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    pub offset: u64,
    pub length: u32,
}

/// A video on the local disk, for the command line and tests.
#[derive(Debug)]
pub struct FileSource {
    file: File,
    len: u64,
}

impl FileSource {
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        Ok(Self { file, len })
    }
}

impl RangeRead for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buf, offset)
    }
}
