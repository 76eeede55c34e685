//! What the agent counts of itself, for a Prometheus server that may ask for it.
//!
//! The fleet's scaling hangs on none of this: its signals are CloudWatch's. Absent: the machine's
//! own figures, which the node exporter beside the agent has.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use fleet_core::task::TaskKind;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::idle::Standing;
use crate::outcome::Ended;

type Labels<const N: usize> = [(&'static str, &'static str); N];
type Seconds = Counter<f64, AtomicU64>;

/// Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct Meter {
    tasks: Family<Labels<2>, Counter>,
    task_seconds: Family<Labels<1>, Seconds>,
    images: Counter,
    image_bytes: Counter,
    bytes_read: Counter,
    standing: Family<Labels<1>, Gauge>,
    registry: Arc<Registry>,
}

impl Meter {
    pub fn new() -> Self {
        let mut all = Registry::with_prefix("framefleet_agent");
        let tasks = Family::<Labels<2>, Counter>::default();
        all.register("tasks", "Tasks by kind and ending", tasks.clone());
        let task_seconds = Family::<Labels<1>, Seconds>::default();
        all.register(
            "task_seconds",
            "Time spent on tasks, by kind",
            task_seconds.clone(),
        );
        let images = Counter::default();
        all.register("images", "Images written", images.clone());
        let image_bytes = Counter::default();
        all.register(
            "image_bytes",
            "Bytes of images written",
            image_bytes.clone(),
        );
        let bytes_read = Counter::default();
        all.register("read_bytes", "Bytes of videos read", bytes_read.clone());
        let standing = Family::<Labels<1>, Gauge>::default();
        all.register("standing", "1 at what the machine may do", standing.clone());
        let build = Family::<Labels<1>, Gauge>::default();
        all.register("build_info", "The agent's version", build.clone());
        build
            .get_or_create(&[("version", env!("CARGO_PKG_VERSION"))])
            .set(1);
        let meter = Self {
            tasks,
            task_seconds,
            images,
            image_bytes,
            bytes_read,
            standing,
            registry: Arc::new(all),
        };
        meter.standing(Standing::Receiving);
        meter
    }

    pub fn ended(&self, kind: &TaskKind, ended: &Ended, took: Duration) {
        let kind = kind_name(kind);
        self.tasks
            .get_or_create(&[("kind", kind), ("ending", ending_name(ended))])
            .inc();
        self.task_seconds
            .get_or_create(&[("kind", kind)])
            .inc_by(took.as_secs_f64());
    }

    /// A segment's images are in S3.
    pub fn extracted(&self, images: usize, image_bytes: u64, bytes_read: u64) {
        self.images.inc_by(images as u64);
        self.image_bytes.inc_by(image_bytes);
        self.bytes_read.inc_by(bytes_read);
    }

    pub fn standing(&self, now: Standing) {
        for standing in [Standing::Receiving, Standing::Retiring, Standing::Condemned] {
            let value = i64::from(standing == now);
            self.standing
                .get_or_create(&[("standing", standing_name(standing))])
                .set(value);
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// Serves `/metrics` for as long as the agent runs.
pub async fn serve(meter: Meter, listen: SocketAddr) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::bind(listen).await?;
    tracing::info!(address = %listener.local_addr()?, "serving metrics");
    let routes = Router::new()
        .route("/metrics", get(answer))
        .with_state(meter);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the metrics endpoint ended");
        }
    });
    Ok(())
}

async fn answer(State(meter): State<Meter>) -> impl IntoResponse {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(CONTENT_TYPE, kind)], meter.text())
}

fn kind_name(kind: &TaskKind) -> &'static str {
    match kind {
        TaskKind::Plan => "plan",
        TaskKind::Segment { .. } => "segment",
    }
}

fn ending_name(ended: &Ended) -> &'static str {
    match ended {
        Ended::Settled => "settled",
        Ended::Rejected(_) => "rejected",
        Ended::Replan { .. } => "replan",
        Ended::Trouble(_) => "trouble",
        Ended::Later(_) => "later",
        Ended::Lost(_) => "lost",
        Ended::Interrupted => "interrupted",
    }
}

fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Receiving => "receiving",
        Standing::Retiring => "retiring",
        Standing::Condemned => "condemned",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_in_the_text() {
        let meter = Meter::new();
        let segment = TaskKind::Segment {
            generation: 0,
            segment: 3,
        };
        meter.ended(&TaskKind::Plan, &Ended::Settled, Duration::from_millis(250));
        meter.ended(&segment, &Ended::Settled, Duration::from_secs(2));
        meter.clone().ended(
            &segment,
            &Ended::Trouble("S3 is away".into()),
            Duration::from_secs(1),
        );
        meter.extracted(60, 4_000, 9_000);
        meter.extracted(1, 1, 1);
        meter.standing(Standing::Retiring);
        let text = meter.text();
        for line in [
            r#"framefleet_agent_tasks_total{kind="plan",ending="settled"} 1"#,
            r#"framefleet_agent_tasks_total{kind="segment",ending="settled"} 1"#,
            r#"framefleet_agent_tasks_total{kind="segment",ending="trouble"} 1"#,
            r#"framefleet_agent_task_seconds_total{kind="segment"} 3.0"#,
            "framefleet_agent_images_total 61",
            "framefleet_agent_image_bytes_total 4001",
            "framefleet_agent_read_bytes_total 9001",
            r#"framefleet_agent_standing{standing="receiving"} 0"#,
            r#"framefleet_agent_standing{standing="retiring"} 1"#,
            "# EOF",
        ] {
            assert!(
                text.lines().any(|have| have == line),
                "{line} is not in\n{text}"
            );
        }
    }
}
