//! What travels on the FIFO queue. A message names work; the record of what the work is lies in S3.

use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, VideoId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub tenant: TenantId,
    pub video: VideoId,
    #[serde(flatten)]
    pub kind: TaskKind,
    /// A hint: what the plan says too, ahead of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
}

/// Where in the uploaded object a segment's decoder begins, and before which byte it should be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reads {
    pub from: u64,
    pub to: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum TaskKind {
    /// Probe the video, write its plan, queue its segments.
    Plan,
    /// Extract one segment of plan number `generation` (0 unless the video was planned again).
    Segment { generation: u32, segment: u32 },
}

impl Task {
    pub fn plan(tenant: TenantId, video: VideoId) -> Self {
        Self {
            tenant,
            video,
            kind: TaskKind::Plan,
            reads: None,
        }
    }

    pub fn segment(tenant: TenantId, video: VideoId, generation: u32, segment: u32) -> Self {
        Self {
            tenant,
            video,
            kind: TaskKind::Segment {
                generation,
                segment,
            },
            reads: None,
        }
    }

    pub fn reading(self, reads: Reads) -> Self {
        Self {
            reads: Some(reads),
            ..self
        }
    }

    /// The message group. One in-flight message locks its group, so every task has its own, and
    /// segments of one video run side by side.
    pub fn group(&self) -> String {
        self.id()
    }

    /// Names the task for deduplication, for counting attempts, and in logs.
    pub fn id(&self) -> String {
        match self.kind {
            TaskKind::Plan => format!("{}#plan", self.video),
            TaskKind::Segment {
                generation,
                segment,
            } => {
                format!("{}#{generation}.{segment}", self.video)
            }
        }
    }

    pub fn to_body(&self) -> String {
        serde_json::to_string(self).expect("a task has no map keys that are not strings")
    }

    pub fn from_body(body: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_survives_its_message() {
        let tenant: TenantId = "t1".parse().unwrap();
        for task in [
            Task::plan(tenant.clone(), VideoId::new()),
            Task::segment(tenant.clone(), VideoId::new(), 1, 41),
            Task::segment(tenant.clone(), VideoId::new(), 0, 2).reading(Reads { from: 7, to: 9 }),
        ] {
            assert_eq!(Task::from_body(&task.to_body()).unwrap(), task);
            // SQS allows 128 characters of a fixed set in group and deduplication ids.
            assert!(task.group().len() <= 128);
        }
    }

    /// Agents of two releases share a queue while a fleet is renewed.
    #[test]
    fn messages_without_the_hint_and_with_unknown_words_are_tasks() {
        let video = VideoId::new();
        for more in ["", r#","reads":{"from":1,"to":2}"#, r#","later":true"#] {
            let body = format!(
                r#"{{"task":"segment","tenant":"t1","video":"{video}","generation":0,"segment":3{more}}}"#
            );
            let task = Task::from_body(&body).unwrap();
            assert_eq!(task.id(), format!("{video}#0.3"));
            assert_eq!(task.reads.is_some(), more.contains("reads"));
        }
    }

    #[test]
    fn a_foreign_body_is_an_error_not_a_task() {
        for body in [
            "",
            "{}",
            "[]",
            r#"{"task":"dance","tenant":"t","video":"x"}"#,
        ] {
            assert!(Task::from_body(body).is_err(), "{body}");
        }
    }
}
