//! One video's journey: the footage, the archive of a run in which nothing goes wrong, and what is
//! left of any run that ended well.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use local_cloud::{Cloud, Component, Options, RESULTS_BUCKET, UPLOADS_BUCKET};
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::proxy::{Fault, Proxy, Seen};
use crate::{archive, corpus, fleet};

/// They misbehave until this is dropped.
pub type Proxies = Arc<Mutex<Vec<Proxy>>>;

/// Half a minute of real footage where there is a corpus, or else of the generated clip made for
/// this: several segments in any case.
pub fn footage() -> Result<Bytes> {
    let videos = corpus::good()?;
    let wanted = ["h264-world-30s-audio.mp4", "journey-30s.mp4"];
    let video = videos.iter().find(|v| wanted.contains(&v.name().as_str()));
    video
        .with_context(|| format!("find one of {wanted:?}"))?
        .bytes()
}

pub fn spec() -> Value {
    json!({ "select": { "fps": 2 } })
}

/// The archive of a run in which nothing goes wrong.
pub async fn quiet() -> Result<Bytes> {
    let (cloud, caller) = fleet::start(fleet::options(1)).await?;
    let id = caller.submit("quiet.mp4", footage()?, &spec()).await?;
    let bytes = finished(&cloud, &caller, &id).await?;
    cloud.shutdown().await;
    Ok(bytes)
}

/// Done, clean, and one archive: its bytes.
pub async fn finished(cloud: &Cloud, caller: &Caller, id: &str) -> Result<Bytes> {
    let ended = caller.ended(id).await?;
    ensure!(ended["state"] == "done", "{ended}");
    let bytes = caller.download(id, "archive").await?;
    let contents = archive::read(&bytes)?;
    archive::check_manifest(&contents)?;
    fleet::queues_are_clean(cloud).await?;
    let results = fleet::keys(cloud, RESULTS_BUCKET).await?;
    let of_it: Vec<_> = results.iter().filter(|key| key.contains(id)).collect();
    let archives = of_it.iter().filter(|k| k.ends_with("frames.zip")).count();
    ensure!(
        archives == 1 && of_it.len() == 3,
        "one archive, manifest and report: {of_it:?}"
    );
    let other = results.iter().find(|key| !key.starts_with("results/"));
    ensure!(other.is_none(), "work is left: {results:?}");
    let uploads = fleet::keys(cloud, UPLOADS_BUCKET).await?;
    ensure!(uploads.is_empty(), "uploads are left: {uploads:?}");
    Ok(bytes)
}

/// A fleet with a proxy in front of the emulator, for the agents only.
pub async fn with_proxy(
    options: Options,
    rule: impl Fn(&Seen) -> Fault + Send + Sync + 'static,
) -> Result<(Cloud, Caller, Proxies)> {
    let proxies = Proxies::default();
    let rule = Arc::new(rule);
    let held = proxies.clone();
    let route = move |component: Component, upstream: SocketAddr| {
        if component != Component::Agent {
            return upstream;
        }
        let rule = rule.clone();
        let proxy = Proxy::start(upstream, Arc::new(move |seen| rule(seen))).expect("a free port");
        let address = proxy.address;
        held.lock().expect("no poisoned lock").push(proxy);
        address
    };
    let options = Options {
        aws_route: Some(Arc::new(route)),
        ..options
    };
    let (cloud, caller) = fleet::start(options).await?;
    Ok((cloud, caller, proxies))
}
