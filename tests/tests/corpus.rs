//! Every good video, through the whole fleet: one agent and four give the same bytes, and the
//! frames are those of the reference.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use fleet_tests::corpus::{self, Video};
use fleet_tests::{archive, fleet};
use futures::{StreamExt, TryStreamExt, stream};
use serde_json::json;

/// Videos under way at once; two cores have enough with these.
const AT_ONCE: usize = 6;

#[tokio::test(flavor = "multi_thread")]
async fn one_agent_and_four_give_the_same_archive_of_the_right_frames() -> Result<()> {
    let videos = corpus::good()?;
    let alone = everything(1, &videos).await?;
    let together = everything(4, &videos).await?;
    let mut wrong = Vec::new();
    let mut images = 0;
    for ((video, one), four) in videos.iter().zip(&alone).zip(&together) {
        match check(video, one, four) {
            Ok(count) => images += count,
            Err(error) => wrong.push(format!("{}: {error:#}", video.name())),
        }
    }
    println!(
        "{} videos, {images} images, {} wrong",
        videos.len(),
        wrong.len()
    );
    ensure!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        videos.len(),
        wrong.join("\n")
    );
    Ok(())
}

/// The archive of every video, made by a fleet of so many agents; or why there is none.
async fn everything(agents: usize, videos: &[Video]) -> Result<Vec<Result<Bytes, String>>> {
    let (cloud, caller) = fleet::start(fleet::options(agents)).await?;
    let caller = Arc::new(caller);
    let archives = stream::iter(videos.to_vec())
        .map(|video| {
            let caller = caller.clone();
            async move {
                let spec = json!({ "select": { "fps": 1 } });
                let made = caller
                    .archive_of(&video.name(), video.bytes()?, &spec)
                    .await;
                Ok::<_, anyhow::Error>(made.map_err(|e| format!("{e:#}")))
            }
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    fleet::queues_are_clean(&cloud).await?;
    cloud.shutdown().await;
    Ok(archives)
}

fn check(
    video: &Video,
    one: &Result<Bytes, String>,
    four: &Result<Bytes, String>,
) -> Result<usize> {
    let (one, four) = match (one, four) {
        (Ok(one), Ok(four)) => (one, four),
        (one, four) => anyhow::bail!(
            "one agent: {:?}, four: {:?}",
            one.as_ref().err(),
            four.as_ref().err()
        ),
    };
    ensure!(one == four, "one agent's archive differs from four agents'");
    let contents = archive::read(one)?;
    let manifest = archive::check_manifest(&contents)?;
    archive::check_with_others(one, contents.images.len() + 1)?;
    let first = manifest["video"]["first_pts"]
        .as_i64()
        .context("first_pts")?;
    let images = manifest["images"].as_array().context("images")?;
    let got: Vec<i64> = images
        .iter()
        .filter_map(|i| i["pts"].as_i64())
        .map(|p| p - first)
        .collect();
    ensure!(
        got == video.samples,
        "frames {got:?}, not {:?}",
        video.samples
    );
    Ok(images.len())
}
