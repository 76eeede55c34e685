//! Which bytes of the video a segment is made of. Its plan knows; its message says it too, so that the
//! first of them come while the plan does.

use std::sync::Arc;

use fleet_aws::row::Row;
use fleet_core::task::Reads;

use crate::context::Context;
use crate::drain::Drain;
use crate::records::PlanRecord;
use crate::source::{Object, ReadStats, S3Source};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    object: Object,
    reads: Reads,
}

impl Reading {
    pub fn announced(row: &Row, reads: Reads, bucket: &str) -> Option<Self> {
        let source = row.source.as_ref()?;
        let object = Object {
            bucket: bucket.to_owned(),
            key: source.key.clone(),
            etag: source.etag.clone(),
            len: row.size,
        };
        Some(Self { object, reads })
    }

    pub fn planned(plan: &PlanRecord, segment: u32, bucket: &str) -> Self {
        let object = Object {
            bucket: bucket.to_owned(),
            key: plan.source_key.clone(),
            etag: plan.source_etag.clone(),
            len: plan.source_bytes,
        };
        let reads = plan.reads(segment);
        Self { object, reads }
    }

    /// Fetches the first bytes at once.
    pub fn open(self, context: &Context, drain: &Drain) -> Opened {
        let (mut source, stats) = S3Source::new(
            context.store.client.clone(),
            self.object.clone(),
            context.cache.clone(),
            self.reads.to,
            drain.clone(),
        );
        source.expect_at(self.reads.from);
        Opened {
            of: self,
            source,
            stats,
        }
    }
}

pub struct Opened {
    of: Reading,
    pub source: S3Source,
    pub stats: Arc<ReadStats>,
}

impl Opened {
    /// The plan decides: what a message announced otherwise is given up.
    pub fn if_of(self, planned: &Reading) -> Option<Self> {
        (self.of == *planned).then_some(self)
    }
}
