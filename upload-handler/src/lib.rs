//! The REST API (`router`) and the ingest function (`ingest`), each a library so that the Lambda,
//! the local server and the tests run the very same code.
//!
//! Absent on purpose: the bytes of a video or a result never pass through here (callers move them
//! to and from S3 and CloudFront by signed URLs), and so does any API key: API Gateway, or its
//! stand-in `gateway`, turns a key into a tenant before `router` sees the request.

pub mod app;
pub mod cdn;
pub mod config;
mod delete;
pub mod disposition;
mod download;
mod expiry;
mod extract;
pub mod gateway;
pub mod ingest;
pub mod lambda;
mod list;
pub mod presign;
pub mod problem;
mod register;
mod show;
pub mod supported;
pub mod tenant;
mod upload;
pub mod view;

pub use app::{App, router};
