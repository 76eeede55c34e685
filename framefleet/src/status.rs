//! How one video, or the newest ones, are doing.

use indicatif::HumanBytes;

use crate::api::{Api, Video};
use crate::cli::StatusArgs;
use crate::fleet;
use crate::outcome::Ended;

pub async fn run(args: StatusArgs) -> Result<(), Ended> {
    if let Some(url) = &args.fleet {
        return fleet::show(url, args.watch).await;
    }
    let Some((url, key)) = args.service.remote()? else {
        return Err(Ended::usage(
            "status needs --api and --key, or --fleet, as printed by `framefleet up`",
        ));
    };
    let api = Api::new(&url, &key)?;
    match args.id {
        Some(id) => print_one(&api.video(&id).await?),
        None => {
            for video in api.videos().await? {
                println!("{}", row(&video));
            }
        }
    }
    Ok(())
}

fn row(video: &Video) -> String {
    let p = &video.progress;
    format!(
        "{}  {:<10} {:>4.0} %  {:>6} frames  {}",
        video.id,
        video.state.as_str(),
        p.fraction * 100.0,
        p.images,
        video.filename
    )
}

fn print_one(video: &Video) {
    let p = &video.progress;
    println!("video     {}", video.id);
    println!("file      {} ({})", video.filename, HumanBytes(video.size));
    println!("state     {} ({:.0} %)", video.state, p.fraction * 100.0);
    println!("segments  {} of {}", p.segments_done, p.segments);
    println!("frames    {} ({})", p.images, HumanBytes(p.image_bytes));
    for (state, seconds) in &video.timings {
        println!("{:<10}{seconds:.1} s", state.as_str());
    }
    for warning in &video.warnings {
        println!("warning   {warning}");
    }
    if let Some(failure) = &video.failure {
        println!("failure   {failure}");
    }
}
