//! The Lambda function around the guard.

use std::sync::Arc;

use anyhow::Context;
use fleet_core::config::{Lookup, from_env};
use lambda_runtime::{LambdaEvent, service_fn};
use scale_in_guard::config::Config;
use scale_in_guard::event::Answer;
use scale_in_guard::guard::Guard;
use serde_json::value::RawValue;

/// musl's own allocator gives memory back and asks for it again with every large event.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

// One call at a time and one connection: more threads would only have to be started.
#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let lookup = Lookup::new(&from_env);
    fleet_aws::logging::init(&lookup).context("start logging")?;
    let config = Config::from_lookup(&lookup).context("read the configuration")?;
    let guard = Arc::new(Guard::new(config));
    guard.warm_up().await;
    // The event stays text until the guard reads it, so that one it cannot read has an answer too.
    let handler = service_fn(move |event: LambdaEvent<Box<RawValue>>| {
        let guard = Arc::clone(&guard);
        async move { Ok::<Answer, std::convert::Infallible>(guard.answer(event.payload.get()).await) }
    });
    lambda_runtime::run(handler)
        .await
        .map_err(|error| anyhow::anyhow!("serve invocations: {error}"))
}
