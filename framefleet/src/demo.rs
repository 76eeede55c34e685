//! The whole fleet on this machine: left running, or for one video with an account of the work.

use std::path::Path;
use std::time::Instant;

use indicatif::HumanBytes;
use local_cloud::{Description, Scaling};
use serde::Deserialize;
use serde_json::json;

use crate::api::Api;
use crate::cli::{DemoArgs, FleetSize, UpArgs};
use crate::download::download;
use crate::embedded::Embedded;
use crate::extract::{Extracted, Input, extract};
use crate::fleet::{Fleet, Telling};
use crate::outcome::Ended;
use crate::output::Output;
use crate::progress::{Progress, transfer};

pub async fn up(args: UpArgs) -> Result<(), Ended> {
    let mut more = args.size.to_args().to_vec();
    more.extend(["--api-port".to_owned(), args.api_port.to_string()]);
    if let Some(run_dir) = &args.run_dir {
        more.extend(["--run-dir".to_owned(), run_dir.display().to_string()]);
    }
    let mut embedded = Embedded::start(&more).await?;
    print_cloud(&embedded.description, args.size);
    // The shell fills in the size, between the quotes of two strings.
    let body = r#"{"filename":"VIDEO.mp4","size":'$(stat -c %s VIDEO.mp4)',"extract":{"select":{"fps":1}}}"#;
    print_request(&embedded.description, "VIDEO.mp4", &format!("'{body}'"));
    println!(
        "or:  {}",
        framefleet_line(&embedded.description, Path::new("VIDEO.mp4"))
    );
    println!(
        "watch it:  framefleet status --watch --fleet {}",
        embedded.description.status
    );
    println!("\nCtrl-C stops everything.");
    // Ctrl-C drops this future, and with it the local cloud.
    Err(Ended::service(embedded.ended().await))
}

pub async fn run(args: DemoArgs) -> Result<(), Ended> {
    let spec = args.selection.spec()?;
    let input = Input::open(&args.video)?;
    let output = Output::prepare(&args.out, &args.video, true)?;
    let started = Instant::now();
    let embedded = Embedded::start(&args.size.to_args()).await?;
    print_cloud(&embedded.description, args.size);
    let body = json!({"filename": input.name, "size": input.size, "extract": spec}).to_string();
    let file = input.path.display().to_string();
    print_request(&embedded.description, &file, &shell_quoted(&body));
    println!();
    let api = embedded.api()?;
    if args.size.is_fixed() {
        let extracted = extract(&api, &input, &spec, &output, Progress::new()).await?;
        return finish(&api, &extracted, &output).await;
    }
    let fleet = Fleet::at(&embedded.description.status)?;
    let told = Telling::start(fleet.clone());
    let extracted = extract(&api, &input, &spec, &output, Progress::lines()).await?;
    finish(&api, &extracted, &output).await?;
    println!("\nand now that there is nothing to do:");
    let most = told.until_nobody_is_left(&fleet).await?;
    println!(
        "\nfrom no agent to {most} to none in {:.0} s",
        started.elapsed().as_secs_f64()
    );
    Ok(())
}

async fn finish(api: &Api, extracted: &Extracted, output: &Output) -> Result<(), Ended> {
    let bar = transfer("report", 0);
    download(api, &extracted.video.id, "report", &output.report, &bar).await?;
    bar.finish_and_clear();
    print_result(extracted, output);
    print_report(&read_report(&output.report)?);
    Ok(())
}

fn print_cloud(d: &Description, size: FleetSize) {
    println!("REST API  {}   key {}", d.api, d.api_key);
    println!("CDN       {}", d.cdn);
    println!("AWS       {}   {} (emulator)", d.aws, d.region);
    println!("Redis     {}", d.redis);
    println!("status    {}", d.status);
    for agent in &d.agents {
        println!("agent     {}   process {}", agent.instance_id, agent.pid);
    }
    println!("logs      {}", d.run_dir);
    if !size.is_fixed() {
        println!("agents    none yet. Shorter than in production, so that you can watch:");
        for line in Scaling::hurried(1).differences() {
            println!("          {line}");
        }
    }
}

/// Lines that anyone can repeat: register, then send the file to where the answer says, with the
/// header that is part of the signature. `body` is quoted for the shell.
fn print_request(d: &Description, file: &str, body: &str) {
    println!("\nthe request:");
    println!(
        "curl -sS {}/api/videos -H 'x-api-key: {}' -H 'content-type: application/json' -d {body} |",
        d.api, d.api_key
    );
    println!(
        "  tee /dev/stderr | jq -r .upload.url | xargs curl -sS -f -H 'if-none-match: *' -T {}",
        shell_quoted(file)
    );
}

fn framefleet_line(d: &Description, video: &Path) -> String {
    format!(
        "framefleet extract {} --api {} --key {}",
        shell_quoted(&video.display().to_string()),
        d.api,
        d.api_key
    )
}

fn shell_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "./_-".contains(c);
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

fn print_result(extracted: &Extracted, output: &Output) {
    let images: u64 = extracted.manifest.images.iter().map(|i| i.bytes).sum();
    println!("\narchive   {}", output.archive.display());
    println!("manifest  {}", output.manifest.display());
    println!(
        "frames    {} ({}), checked against the manifest",
        extracted.manifest.images.len(),
        HumanBytes(images)
    );
    for warning in &extracted.video.warnings {
        println!("warning   {warning}");
    }
    println!("\nstage         seconds");
    for (state, seconds) in &extracted.video.timings {
        println!("{:<12} {seconds:>8.2}", state.as_str());
    }
    println!("{:<12} {:>8.2}", "whole trip", extracted.seconds);
}

#[derive(Debug, Deserialize)]
struct Report {
    segments: Vec<Worked>,
    finalizer: String,
    bytes_downloaded_by_finalizer: u64,
    #[serde(default)]
    archive_bytes: u64,
}

#[derive(Debug, Deserialize)]
struct Worked {
    segment: u32,
    agent: String,
    images: u64,
    bytes: u64,
    bytes_read: u64,
    seconds: f64,
}

fn read_report(path: &Path) -> Result<Report, Ended> {
    let text = std::fs::read(path).map_err(|e| Ended::service(format!("read the report: {e}")))?;
    serde_json::from_slice(&text).map_err(|e| Ended::service(format!("read the report: {e}")))
}

fn print_report(report: &Report) {
    println!("\nsegment  agent                 frames     images       read   seconds");
    for s in &report.segments {
        println!(
            "{:>7}  {:<20} {:>7} {:>10} {:>10} {:>9.2}",
            s.segment,
            s.agent,
            s.images,
            HumanBytes(s.bytes).to_string(),
            HumanBytes(s.bytes_read).to_string(),
            s.seconds
        );
    }
    println!(
        "\nfinalizer {} downloaded {} to make an archive of {}",
        report.finalizer,
        HumanBytes(report.bytes_downloaded_by_finalizer),
        HumanBytes(report.archive_bytes)
    );
}

#[cfg(test)]
mod tests {
    use super::shell_quoted;

    #[test]
    fn any_file_name_survives_the_shell() {
        for name in ["a.mp4", "-v.mp4", "a b.mp4", "it's.mp4", "$(x).mp4", ""] {
            let quoted = shell_quoted(name);
            let said = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {quoted}")])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&said.stdout), name);
        }
    }
}
