//! From the start of the guard's process to its answer, with 30,000 instances in the event and
//! 5,000 of them idle, each start on a Redis of the same content; then the same warm. Real binary,
//! real redis-server, the local runtime API. The time includes starting the process through the
//! local cloud's own wrapper, and the way there and back over HTTP.
//!
//! A guard that runs out of time answers with nobody, and Auto Scaling asks again. Such answers are
//! counted and named; their times count like all others.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use fleet_tests::fleet;
use local_cloud::{Function, Settings};
use redis_scripts::testing::Server;
use redis_scripts::{Connection, Fleet, Options};
use serde_json::{Value, json};

use crate::stats::percentile;

const INSTANCES: usize = 30_000;
const IDLE: usize = 5_000;
const WANTED: usize = 100;
const STARTS: usize = 50;
/// Calls of a warm process for each cold start.
const WARM: usize = 2;
/// Auto Scaling's own limit.
const LIMIT: Duration = Duration::from_secs(2);

pub async fn run() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let binary = fleet::programs()
        .context("find our programs")?
        .join("scale-in-guard");
    let size = std::fs::metadata(&binary)
        .with_context(|| binary.display().to_string())?
        .len();
    println!(
        "guard: {} ({:.1} MB), {INSTANCES} instances in the event, {IDLE} idle, {STARTS} cold starts",
        binary.display(),
        size as f64 / 1e6
    );
    let mut server = Server::start();
    let event = event();
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        server.restart();
        fill(&server).await?;
        let env = [
            ("FRAMEFLEET_FLEET", "f".to_owned()),
            ("FRAMEFLEET_REDIS_URL", server.url()),
        ];
        let function = Function::new(Settings {
            name: "scale-in-guard".to_owned(),
            binary: binary.clone(),
            env: env.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            timeout: LIMIT,
            memory_mb: 128,
            log: folder.path().join("guard.log"),
        });
        cold.push(ask(&function, &event).await?);
        for _ in 0..WARM {
            warm.push(ask(&function, &event).await?);
        }
        function.stop(Duration::from_secs(1)).await;
    }
    println!("(f) cold start to answer: {}", summary(&cold));
    println!("(f) warm call to answer: {}", summary(&warm));
    Ok(())
}

struct Answered {
    millis: f64,
    /// All that were wanted, or nobody.
    named: bool,
}

async fn ask(function: &Function, event: &str) -> Result<Answered> {
    let started = Instant::now();
    let answer = function.invoke(event.to_owned()).await?;
    let millis = started.elapsed().as_secs_f64() * 1000.0;
    let answer: Value = serde_json::from_slice(&answer)?;
    let named = answer["InstanceIDs"].as_array().map_or(0, Vec::len);
    ensure!(
        named == WANTED || named == 0,
        "named {named} of {WANTED} after {millis:.0} ms"
    );
    let named = named > 0;
    Ok(Answered { millis, named })
}

fn summary(answers: &[Answered]) -> String {
    let times: Vec<f64> = answers.iter().map(|answer| answer.millis).collect();
    let at = |share| percentile(&times, share);
    let (p50, p99, max) = (at(0.5), at(0.99), at(1.0));
    let nobody = answers.iter().filter(|answer| !answer.named).count();
    format!(
        "p50 {p50:.1} ms, p99 {p99:.1} ms, max {max:.1} ms of {} allowed; {nobody} of {} ran out of time and named nobody",
        LIMIT.as_millis(),
        answers.len()
    )
}

fn id(i: usize) -> String {
    format!("i-{i:017x}")
}

fn zone(i: usize) -> &'static str {
    ["us-east-1a", "us-east-1b", "us-east-1c"][i % 3]
}

fn market(i: usize) -> &'static str {
    ["spot", "on-demand"][i % 2]
}

fn event() -> String {
    let instances: Vec<_> = (0..INSTANCES)
        .map(|i| {
            json!({
                "AvailabilityZone": zone(i),
                "InstanceId": id(i),
                "InstanceType": "c7g.large",
                "InstanceMarketOption": market(i),
            })
        })
        .collect();
    let capacity = [0, 1].map(|i| {
        json!({
            "AvailabilityZone": zone(i),
            "Capacity": WANTED / 2,
            "InstanceMarketOption": market(i),
        })
    });
    json!({
        "AutoScalingGroupARN": "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:x",
        "AutoScalingGroupName": "bench",
        "CapacityToTerminate": capacity,
        "Instances": instances,
        "Cause": "SCALE_IN",
        "HasMoreInstances": true,
    })
    .to_string()
}

/// One of every six instances reports idle, in all zones and markets, by the agents' own script.
async fn fill(server: &Server) -> Result<()> {
    let connection = Connection::open(&Options::new(server.url())).await?;
    let fleet = Fleet::new(&connection, "f")?;
    for chunk in (0..IDLE).collect::<Vec<_>>().chunks(500) {
        let reports = chunk.iter().map(|i| {
            let (fleet, id) = (fleet.clone(), id(i * 6 + i % 6).parse());
            async move { fleet.report_idle(&id.expect("an id")).await }
        });
        futures::future::try_join_all(reports).await?;
    }
    Ok(())
}
