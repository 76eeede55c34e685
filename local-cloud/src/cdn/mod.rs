//! A stand-in for one CloudFront distribution with a trusted key group in front of the results
//! bucket: it verifies the signed URL, then serves from S3.
//!
//! Absent: caching, signed cookies, ECDSA keys, address conditions of other than the caller.

mod serve;
mod signature;

pub use serve::{Cdn, Distribution};
pub use signature::{KeyGroup, Signer};
