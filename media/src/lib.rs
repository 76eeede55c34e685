//! Any frame of any video, exactly: probe, segment plan, frame selection, image encoding.
//!
//! The only crate that links FFmpeg. It reads a video through [`RangeRead`] and nothing else: FFmpeg
//! gets no protocols, so it can open neither files nor sockets.
//!
//! Absent on purpose: jobs, archives, networks, threads. The caller decides what runs where, and a
//! plan never depends on how many machines there are. [`extract`] blocks.

mod about;
mod access;
mod ahead;
mod av1;
mod balance;
mod color;
mod countable;
mod decode;
mod divide;
mod entries;
mod entry;
mod error;
mod extract;
mod facts;
mod fast;
mod feed;
mod ffi;
mod fragments;
mod input;
mod keyscan;
mod landings;
mod mend;
mod mjpeg;
mod mp4;
mod numbers;
mod orient;
mod picture;
mod pixels;
mod plain;
mod plan;
mod planes;
mod positions;
mod probe;
mod request;
mod run;
mod scene;
mod select;
mod sets;
mod size;
mod sniff;
mod source;
mod still;
mod survey;
mod timeline;
mod times;
mod tonemap;

pub use about::{ffmpeg_version, missing_decoders, prepare_for_sandbox};
pub use error::{MediaError, RejectReason};
pub use extract::{ExtractedImage, Glimpse, SegmentOutcome, extract};
pub use facts::{Color, VideoFacts};
pub use plan::{EntryPoint, Plan, PlanOptions, PlannedSegment, plan};
pub use probe::{Entry, Estimate, Probe, ProbeLimits, probe};
pub use request::{Duplicates, Fit, Format, ImageOptions, Request, Selection, TimeRange};
pub use source::{FileSource, RangeRead, Stretch};
