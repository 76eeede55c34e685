//! ZIP fragments, and how fragments become one archive without their bytes being read again.
//!
//! Each segment writes a fragment, itself a valid ZIP of stored entries ([`FragmentWriter`]). The
//! archive is every fragment's entry bytes in order, then a few generated entries, then one central
//! directory over all of them ([`merge`], [`central_directory`]). [`plan`] says which parts of it
//! S3 can copy by itself, and which few bytes must be downloaded and uploaded again.
//!
//! Absent on purpose: S3, tokio, files, compression. Images do not get smaller by deflating.

mod directory;
mod fragment;
mod plan;

pub use directory::{central_directory, merge};
pub use fragment::{Entry, FragmentIndex, FragmentWriter, ZipError, crc32};
pub use plan::{Part, PartLimits, Piece, SpliceError, SplicePlan, plan, plan_with};
