//! The laptop's AWS: starts the emulator and redis-server, creates what Terraform creates in an
//! account, runs the very binaries that run on AWS, and stands in for what no emulator does: the
//! Lambda runtime API with its SQS event source, CloudFront's signature check, Auto Scaling,
//! instance metadata and lifecycle hooks.
//!
//! Absent: any knowledge of videos, and any code path of its own in the components. They get an
//! endpoint in `AWS_ENDPOINT_URL` and cannot tell where they run.

mod agent;
mod backends;
mod cdn;
mod child;
mod cloud;
mod depths;
mod describe;
mod error;
mod group;
mod lambda;
mod lifecycle;
mod machines;
mod metadata;
mod options;
mod place;
mod programs;
mod ready;
mod resources;
mod scratch;
mod sdk;
mod status;

pub use agent::Agent;
pub use backends::EMULATOR_ENV;
pub use cdn::{KeyGroup, Signer as CdnSigner};
pub use cloud::Cloud;
pub use depths::QueueDepths;
pub use describe::{AgentDescription, Description};
pub use error::StartError;
pub use group::{
    AlarmStatus, Bounds, Cause, Doing, End, FleetStatus, HURRIED_POLL, Happening, InstanceStatus,
    Scaling, Waiting, What,
};
pub use lambda::{Function, InvokeError, Settings};
pub use lifecycle::{HookEnd, Lifecycle};
pub use metadata::{Identity, Market, Metadata};
pub use options::{Component, Env, Options, Route};
pub use resources::{CDN_KEY_SECRET, Queues, RESULTS_BUCKET, TABLE, UPLOADS_BUCKET};

pub const REGION: &str = "us-east-1";
/// Whose API key the local one is.
pub const TENANT: &str = "local";
pub const FLEET: &str = "local";
/// The Auto Scaling group of the agents, and its terminating hook.
pub const GROUP: &str = "local-agents";
pub const HOOK: &str = "drain";
pub const METRICS_NAMESPACE: &str = "Framefleet";

/// An HTTP client for whoever talks to a local cloud. Another crate of the build may have switched
/// TLS on in reqwest, and then a client cannot even be made without a provider.
pub fn http_client() -> reqwest::Client {
    // It fails where another part of the program has chosen already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}
