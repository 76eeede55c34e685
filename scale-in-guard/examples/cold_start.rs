//! From the start of the guard's process to its answer, with 30,000 instances in the event and
//! 5,000 of them idle; then the same warm. Real process, real redis-server, a local runtime API.
//!
//! `cargo run --release -p scale-in-guard --example cold_start [STARTS]` prints one line of JSON.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::{Duration, Instant};

use common::Function;
use redis_scripts::testing::Server;
use redis_scripts::{Connection, Fleet, Options};
use scale_in_guard::event::Answer;
use serde_json::json;
use tokio::io::AsyncReadExt;

const INSTANCES: usize = 30_000;
const IDLE: usize = 5_000;
const WANTED: usize = 100;

#[tokio::main]
async fn main() {
    let starts: usize = std::env::args()
        .nth(1)
        .map_or(50, |n| n.parse().expect("STARTS"));
    let example = std::env::current_exe().expect("find this program");
    // Examples lie in a folder beside the binaries of the same profile.
    let guard = example
        .parent()
        .and_then(|p| p.parent())
        .expect("a target folder");
    let guard = guard.join("scale-in-guard");
    let size = std::fs::metadata(&guard)
        .expect("build the guard first")
        .len();
    let mut server = Server::start();
    let event = event();
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        // Empty, so that every start decides on the same state.
        server.restart();
        fill(&server).await;
        let url = server.url();
        let env = [
            ("FRAMEFLEET_FLEET", "f"),
            ("FRAMEFLEET_REDIS_URL", url.as_str()),
        ];
        let start = Instant::now();
        let mut function = Function::start(guard.to_str().expect("a path of text"), &env).await;
        cold.push(ask(&mut function, &event).await - start);
        let start = Instant::now();
        warm.push(ask(&mut function, &event).await - start);
    }
    println!(
        "{}",
        json!({
            "instances": INSTANCES,
            "idle": IDLE,
            "starts": starts,
            "cold_ms": percentiles(&mut cold),
            "warm_ms": percentiles(&mut warm),
            "binary_bytes": size,
        })
    );
}

/// When the answer came; it names as many as were wanted.
async fn ask(function: &mut Function, event: &str) -> Instant {
    function.send(event.to_owned());
    let (at, text) = function.answer().await;
    let answer: Answer = serde_json::from_str(&text).expect("an answer");
    if answer.instance_ids.len() != WANTED {
        let _ = function.child.start_kill();
        let mut said = String::new();
        if let Some(mut stdout) = function.child.stdout.take() {
            let _ = stdout.read_to_string(&mut said).await;
        }
        panic!("named {} of {WANTED}: {said}", answer.instance_ids.len());
    }
    at
}

fn percentiles(times: &mut [Duration]) -> serde_json::Value {
    times.sort();
    let at = |share: f64| {
        let last = (times.len() - 1) as f64;
        times[(last * share).ceil() as usize].as_secs_f64() * 1000.0
    };
    json!({ "p50": at(0.5), "p99": at(0.99), "max": at(1.0) })
}

fn id(i: usize) -> String {
    format!("i-{i:017x}")
}

fn zone(i: usize) -> &'static str {
    ["us-east-1a", "us-east-1b", "us-east-1c"][i % 3]
}

fn market(i: usize) -> &'static str {
    if i.is_multiple_of(2) {
        "spot"
    } else {
        "on-demand"
    }
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
    json!({
        "AutoScalingGroupARN": "arn:aws:autoscaling:us-east-1:000000000000:autoScalingGroup:x",
        "AutoScalingGroupName": "bench",
        "CapacityToTerminate": [
            { "AvailabilityZone": zone(0), "Capacity": WANTED / 2, "InstanceMarketOption": market(0) },
            { "AvailabilityZone": zone(1), "Capacity": WANTED / 2, "InstanceMarketOption": market(1) },
        ],
        "Instances": instances,
        "Cause": "SCALE_IN",
        "HasMoreInstances": true,
    })
    .to_string()
}

/// One of every six instances reports idle, in all zones and markets, by the same script that the agents call.
async fn fill(server: &Server) {
    let connection = Connection::open(&Options::new(server.url()))
        .await
        .expect("reach Redis");
    let fleet = Fleet::new(&connection, "f").expect("name the fleet");
    for chunk in (0..IDLE).collect::<Vec<_>>().chunks(500) {
        let reports = chunk.iter().map(|i| {
            let (fleet, id) = (fleet.clone(), id(i * 6 + i % 6).parse());
            async move { fleet.report_idle(&id.expect("an id")).await }
        });
        for report in futures::future::join_all(reports).await {
            report.expect("report idle");
        }
    }
}
