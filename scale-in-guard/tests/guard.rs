//! The real binary, polled from a runtime API, deciding on a real redis-server.

mod common;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use common::Function;
use fleet_core::InstanceId;
use redis_scripts::testing::{Server, free_port};
use redis_scripts::{Begun, Connection, Fleet, Options};
use scale_in_guard::event::Answer;
use tokio::io::{AsyncBufReadExt, BufReader};

const GUARD: &str = env!("CARGO_BIN_EXE_scale-in-guard");
const DOCUMENTED: &str = include_str!("events/aws-documentation.json");
const LISTED: [&str; 3] = [
    "i-0056faf8da3e1f75d",
    "i-02e1c69383a3ed501",
    "i-036bc44b6092c01c7",
];

async fn fleet(server: &Server) -> Fleet {
    let connection = Connection::open(&Options::new(server.url())).await.unwrap();
    Fleet::new(&connection, "f").unwrap()
}

async fn guard(redis_url: &str) -> Function {
    let env = [
        ("FRAMEFLEET_FLEET", "f"),
        ("FRAMEFLEET_REDIS_URL", redis_url),
    ];
    Function::start(GUARD, &env).await
}

async fn ask(function: &mut Function, event: &str) -> (Vec<String>, Duration) {
    let start = Instant::now();
    function.send(event.to_owned());
    let (at, text) = function.answer().await;
    let answer: Answer = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let mut ids: Vec<String> = answer.instance_ids.into_iter().map(String::from).collect();
    ids.sort();
    (ids, at - start)
}

/// The next line of metrics that the process prints.
async fn metrics(function: &mut Function) -> serde_json::Value {
    let stdout = function.child.stdout.take().unwrap();
    let mut lines = BufReader::new(stdout).lines();
    let line = lines.next_line().await.unwrap().expect("a line of metrics");
    function.child.stdout = Some(lines.into_inner().into_inner());
    serde_json::from_str(&line).unwrap()
}

fn id(name: &str) -> InstanceId {
    name.parse().unwrap()
}

#[tokio::test]
async fn the_event_of_the_aws_documentation_is_answered_with_the_idle_ones() {
    let server = Server::start();
    let fleet = fleet(&server).await;
    let mut guard = guard(&server.url()).await;
    // Nobody is idle: nobody is named.
    assert_eq!(ask(&mut guard, DOCUMENTED).await.0, [""; 0]);
    for listed in LISTED {
        fleet.report_idle(&id(listed)).await.unwrap();
    }
    let busy = id(LISTED[1]);
    let begun = fleet.begin_task(&busy, "t", "r").await.unwrap();
    assert_eq!(begun, Begun::Granted { attempt: 1 });
    let (ids, _) = ask(&mut guard, DOCUMENTED).await;
    assert_eq!(ids, [LISTED[0], LISTED[2]]);
    // What is named takes no task; asked again, the same are named, and the busy one is not.
    let begun = fleet.begin_task(&id(LISTED[0]), "t", "r").await.unwrap();
    assert_eq!(begun, Begun::Condemned);
    assert_eq!(ask(&mut guard, DOCUMENTED).await.0, ids);
    fleet.report_idle(&busy).await.unwrap();
    assert_eq!(ask(&mut guard, DOCUMENTED).await.0, LISTED);
}

#[tokio::test]
async fn a_refresh_marks_a_busy_instance_and_takes_it_once_it_is_idle() {
    let server = Server::start();
    let fleet = fleet(&server).await;
    let mut guard = guard(&server.url()).await;
    let busy = id(LISTED[1]);
    fleet.begin_task(&busy, "t", "r").await.unwrap();
    let refresh = DOCUMENTED.replace("SCALE_IN", "INSTANCE_REFRESH");
    assert!(ask(&mut guard, &refresh).await.0.is_empty());
    assert_eq!(
        fleet.begin_task(&busy, "u", "r").await.unwrap(),
        Begun::Retiring
    );
    fleet.report_idle(&busy).await.unwrap();
    assert_eq!(ask(&mut guard, &refresh).await.0, [LISTED[1]]);
}

#[tokio::test]
async fn an_event_that_cannot_be_read_is_an_empty_answer_and_an_error_metric() {
    let server = Server::start();
    fleet(&server)
        .await
        .report_idle(&id(LISTED[0]))
        .await
        .unwrap();
    for odd in [
        "{}".to_owned(),
        "null".to_owned(),
        "[1]".to_owned(),
        r#""text""#.to_owned(),
        DOCUMENTED.replace("SCALE_IN", "WHIM"),
        DOCUMENTED.replace("\"spot\"", "\"reserved\""),
        DOCUMENTED.replace("\"Capacity\": 2", "\"Capacity\": -2"),
        DOCUMENTED.replace("\"Instances\"", "\"Instance\""),
    ] {
        let mut guard = guard(&server.url()).await;
        let (ids, _) = ask(&mut guard, &odd).await;
        assert!(ids.is_empty(), "{odd}");
        let line = metrics(&mut guard).await;
        assert_eq!(line["GuardErrors"], 1, "{odd}: {line}");
        // The next event finds the guard in good health.
        let (ids, _) = ask(&mut guard, DOCUMENTED).await;
        assert_eq!(ids, [LISTED[0]]);
        assert_eq!(metrics(&mut guard).await["GuardErrors"], 0);
    }
    // What AWS may add is not odd.
    let more = DOCUMENTED.replacen('{', r#"{"HasMoreInstances": true, "New": {"a": []},"#, 1);
    let mut guard = guard(&server.url()).await;
    assert_eq!(ask(&mut guard, &more).await.0, [LISTED[0]]);
}

#[tokio::test]
async fn with_redis_away_or_hanging_the_answer_is_empty_within_a_second() {
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    for port in [free_port(), hanging.local_addr().unwrap().port()] {
        let mut guard = guard(&format!("redis://127.0.0.1:{port}")).await;
        // The first call finds the process still starting; the second shows the guard alone.
        ask(&mut guard, DOCUMENTED).await;
        let (ids, took) = ask(&mut guard, DOCUMENTED).await;
        assert!(ids.is_empty());
        assert!(took < Duration::from_secs(1), "{took:?}");
        assert_eq!(metrics(&mut guard).await["GuardErrors"], 1);
    }
}

#[tokio::test]
async fn a_redis_that_hangs_in_the_middle_is_named_with_the_stage_it_hung_in() {
    let server = Server::start();
    let idle = id(LISTED[0]);
    fleet(&server).await.report_idle(&idle).await.unwrap();
    let mut guard = guard(&server.url()).await;
    assert_eq!(ask(&mut guard, DOCUMENTED).await.0, [LISTED[0]]);
    metrics(&mut guard).await;
    let signal = |name: &str| {
        let pid = server.pid().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &pid])
            .status();
        assert!(sent.unwrap().success());
    };
    signal("-STOP");
    let (ids, took) = ask(&mut guard, DOCUMENTED).await;
    let line = metrics(&mut guard).await;
    signal("-CONT");
    assert!(
        ids.is_empty() && took < Duration::from_secs(1),
        "{ids:?} {took:?}"
    );
    assert_eq!(line["GuardErrors"], 1, "{line}");
    let fault = line["fault"].as_str().unwrap_or_default();
    assert_eq!(fault, "read the fleet: not done within 850 ms", "{line}");
    assert_eq!(ask(&mut guard, DOCUMENTED).await.0, [LISTED[0]]);
}

#[tokio::test]
async fn a_redis_that_stops_answering_or_holds_other_data_is_survived_too() {
    let mut server = Server::start();
    let idle = id(LISTED[0]);
    fleet(&server).await.report_idle(&idle).await.unwrap();
    let mut guard = guard(&server.url()).await;
    assert_eq!(ask(&mut guard, DOCUMENTED).await.0, [LISTED[0]]);
    server.kill();
    let (ids, took) = ask(&mut guard, DOCUMENTED).await;
    assert!(
        ids.is_empty() && took < Duration::from_secs(1),
        "{ids:?} {took:?}"
    );
    server.restart();
    let client = redis::Client::open(server.url()).unwrap();
    let mut raw = client.get_multiplexed_async_connection().await.unwrap();
    let set = redis::cmd("SET")
        .arg("framefleet:{f}:idle")
        .arg("text")
        .to_owned();
    set.exec_async(&mut raw).await.unwrap();
    let (ids, took) = ask(&mut guard, DOCUMENTED).await;
    assert!(
        ids.is_empty() && took < Duration::from_secs(1),
        "{ids:?} {took:?}"
    );
    redis::cmd("FLUSHALL").exec_async(&mut raw).await.unwrap();
    fleet(&server).await.report_idle(&idle).await.unwrap();
    assert_eq!(ask(&mut guard, DOCUMENTED).await.0, [LISTED[0]]);
}
