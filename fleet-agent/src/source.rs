//! A video in S3 as the media engine reads it: ranged requests, one run ahead, blocks shared with
//! the neighbouring segments on this machine. Never the whole object unless all of it is needed.

use std::io;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata};
use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use lru::LruCache;
use media::Stretch;
use thiserror::Error;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::blocks::{BLOCK, ReadAhead, Run};
use crate::drain::Drain;

#[derive(Debug, Error)]
pub enum SourceError {
    /// The object is not the one that was planned. Trying again is no use.
    #[error("the uploaded object changed or vanished")]
    Changed,
    /// The agent is being taken away.
    #[error("reading was interrupted")]
    Interrupted,
    #[error("get bytes {from} to {to}: {error}")]
    Service { from: u64, to: u64, error: String },
}

/// Blocks of videos, least recently used first out. Cheap to clone.
#[derive(Clone)]
pub struct BlockCache(Arc<Mutex<Blocks>>);

/// By object and block number.
type Blocks = LruCache<(Arc<str>, u64), Bytes>;

impl BlockCache {
    pub fn new(bytes: u64) -> Self {
        let blocks = usize::try_from(bytes / BLOCK).unwrap_or(usize::MAX).max(64);
        let blocks = NonZeroUsize::new(blocks).expect("at least 64");
        Self(Arc::new(Mutex::new(LruCache::new(blocks))))
    }

    fn get(&self, object: &Arc<str>, block: u64) -> Option<Bytes> {
        self.lock().get(&(object.clone(), block)).cloned()
    }

    fn put(&self, object: &Arc<str>, block: u64, bytes: Bytes) {
        self.lock().put((object.clone(), block), bytes);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Blocks> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What reading cost, readable while it goes on.
#[derive(Debug, Default)]
pub struct ReadStats {
    pub bytes: AtomicU64,
    pub requests: AtomicU64,
    /// Microseconds the decoder stood waiting.
    pub waited: AtomicU64,
}

impl ReadStats {
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.waited.load(Ordering::Relaxed))
    }
}

/// Which object, exactly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub bucket: String,
    pub key: String,
    pub etag: String,
    pub len: u64,
}

struct Shared {
    client: Client,
    object: Object,
    /// Cache key: an ETag names content, so equal ones may share blocks.
    name: Arc<str>,
    cache: BlockCache,
    stats: Arc<ReadStats>,
}

pub struct S3Source {
    shared: Arc<Shared>,
    handle: Handle,
    drain: Drain,
    ahead: ReadAhead,
    /// The runs being fetched in the background: the next one, and those that were promised.
    coming: Vec<Coming>,
    /// The run being read, whatever the cache has room for.
    current: Option<(Run, Bytes)>,
    /// Promised runs are fetched so many at a time.
    turns: Arc<Semaphore>,
}

/// Fetches of promised runs side by side: S3's answers come late, and not slowly.
const SIDE_BY_SIDE: usize = 16;
/// A decoder's promises beyond so many are passed over: it may not be ours any more.
const MOST_PROMISED: usize = 128;
/// Nor are more bytes than this kept for it.
const MOST_PROMISED_BYTES: u64 = 128 << 20;

struct Coming {
    run: Run,
    task: JoinHandle<Result<Bytes, SourceError>>,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// It follows what is being read.
    Next,
    /// Reading will begin there and go on, whatever is read before.
    Entry,
    /// The decoder said that it will read this, and no more of what lies there.
    Promised,
}

impl S3Source {
    /// `expected_end`: where the bytes this reader is expected to need end. A hint, not a bound.
    pub fn new(
        client: Client,
        object: Object,
        cache: BlockCache,
        expected_end: u64,
        drain: Drain,
    ) -> (Self, Arc<ReadStats>) {
        let stats = Arc::new(ReadStats::default());
        let ahead = ReadAhead::new(object.len, expected_end);
        let name = format!("{}/{}", object.key, object.etag).into();
        let shared = Shared {
            client,
            object,
            name,
            cache,
            stats: stats.clone(),
        };
        let shared = Arc::new(shared);
        (
            Self {
                shared,
                handle: Handle::current(),
                drain,
                ahead,
                coming: Vec::new(),
                current: None,
                turns: Arc::new(Semaphore::new(SIDE_BY_SIDE)),
            },
            stats,
        )
    }

    /// Reading will go on at `position` as soon as the container has been opened. Fetched at once,
    /// it comes while the header does.
    pub fn expect_at(&mut self, position: u64) {
        let run = self.ahead.entry(position, |block| self.is_here(block));
        if !run.is_empty() {
            self.spawn(run, Why::Entry);
        }
    }

    fn promise(&mut self, stretch: Stretch) {
        let run = self.ahead.covering(stretch.offset, stretch.length.into());
        let known = |block: &u64| {
            self.is_here(*block) || self.coming.iter().any(|c| c.run.contains(*block))
        };
        let missing = (run.start..run.end).find(|block| !known(block));
        let kept: u64 = self.coming.iter().map(|c| c.run.bytes()).sum();
        if let Some(start) = missing
            && self.coming.len() < MOST_PROMISED
            && kept + run.bytes() <= MOST_PROMISED_BYTES
        {
            self.spawn(Run { start, ..run }, Why::Promised);
        }
    }

    fn spawn(&mut self, run: Run, why: Why) {
        let (shared, turns) = (self.shared.clone(), self.turns.clone());
        let task = self.handle.spawn(async move {
            // The next run waits for nobody.
            let _turn = match why {
                Why::Next => None,
                Why::Entry | Why::Promised => turns.acquire().await.ok(),
            };
            fetch(shared, run).await
        });
        self.coming.push(Coming { run, task, why });
    }

    fn is_here(&self, block: u64) -> bool {
        self.shared.cache.get(&self.shared.name, block).is_some()
    }

    fn block(&mut self, block: u64) -> Result<Bytes, SourceError> {
        if let Some((run, body)) = &self.current
            && run.contains(block)
        {
            return Ok(slice(body, *run, block));
        }
        let awaited = self.coming.iter().position(|c| c.run.contains(block));
        let awaited = awaited.map(|i| self.coming.swap_remove(i));
        let here = self.shared.cache.get(&self.shared.name, block);
        if awaited.is_none()
            && let Some(bytes) = here
        {
            return Ok(bytes);
        }
        let started = Instant::now();
        // Taken from what was fetched and not from the cache: neighbours may have pushed it out.
        let mut goes_on = true;
        let (run, body) = match awaited {
            Some(Coming { run, task, why }) => {
                let done = self.handle.block_on(task);
                let body = done.map_err(|_| SourceError::Interrupted)??;
                if why != Why::Next {
                    self.abort_ahead();
                    self.ahead.entered(run);
                }
                goes_on = why != Why::Promised;
                (run, body)
            }
            None => {
                self.abort_ahead();
                let run = self.ahead.fetch(block);
                let body = self.handle.block_on(fetch(self.shared.clone(), run))?;
                (run, body)
            }
        };
        let waited = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.shared
            .stats
            .waited
            .fetch_add(waited, Ordering::Relaxed);
        if goes_on {
            self.look_ahead();
        }
        let bytes = slice(&body, run, block);
        self.current = Some((run, body));
        Ok(bytes)
    }

    fn look_ahead(&mut self) {
        let run = self.ahead.ahead(|block| self.is_here(block));
        let coming = self.coming.iter().any(|c| c.run.contains(run.start));
        if run.is_empty() || coming {
            return;
        }
        self.ahead.took(run);
        self.spawn(run, Why::Next);
    }

    /// Reading went elsewhere. What was promised is still to be read.
    fn abort_ahead(&mut self) {
        self.coming.retain(|coming| {
            let stays = coming.why != Why::Next;
            if !stays {
                coming.task.abort();
            }
            stays
        });
    }
}

impl Drop for S3Source {
    fn drop(&mut self) {
        for coming in &self.coming {
            coming.task.abort();
        }
    }
}

impl media::RangeRead for S3Source {
    fn len(&self) -> u64 {
        self.shared.object.len
    }

    fn read_at(&mut self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        if self.drain.interrupted() {
            return Err(io::Error::other(SourceError::Interrupted));
        }
        if offset >= self.len() || buf.is_empty() {
            return Ok(0);
        }
        let bytes = self.block(offset / BLOCK).map_err(io::Error::other)?;
        let within = usize::try_from(offset % BLOCK).expect("a block is small");
        let count = bytes.len().saturating_sub(within).min(buf.len());
        buf[..count].copy_from_slice(&bytes[within..within + count]);
        Ok(count)
    }

    fn expect(&mut self, stretches: &[Stretch]) {
        for stretch in stretches {
            self.promise(*stretch);
        }
    }
}

/// One block of a run's bytes.
fn slice(body: &Bytes, run: Run, block: u64) -> Bytes {
    let start = usize::try_from((block - run.start) * BLOCK).expect("a run is small");
    let end = (start + BLOCK as usize).min(body.len());
    body.slice(start..end)
}

async fn fetch(shared: Arc<Shared>, run: Run) -> Result<Bytes, SourceError> {
    let from = run.start * BLOCK;
    let to = (run.end * BLOCK).min(shared.object.len);
    // The SDK retries what fails before the first byte; a body that breaks off is retried here.
    let attempt = || get(&shared, from, to);
    let body = attempt
        .retry(
            ExponentialBuilder::default()
                .with_max_times(5)
                .with_jitter(),
        )
        .when(|error| matches!(error, SourceError::Service { .. }))
        .notify(|error, pause| tracing::warn!(%error, ?pause, "reading a video; trying again"))
        .await?;
    for block in run.start..run.end {
        let bytes = slice(&body, run, block);
        shared.cache.put(&shared.name, block, bytes);
    }
    Ok(body)
}

async fn get(shared: &Shared, from: u64, to: u64) -> Result<Bytes, SourceError> {
    let object = &shared.object;
    let service = |error: String| SourceError::Service { from, to, error };
    let got = shared
        .client
        .get_object()
        .bucket(&object.bucket)
        .key(&object.key)
        .if_match(&object.etag)
        .range(format!("bytes={from}-{}", to - 1))
        .send()
        .await
        .map_err(|error| match error.code() {
            Some("PreconditionFailed" | "NoSuchKey") => SourceError::Changed,
            _ => service(DisplayErrorContext(error).to_string()),
        })?;
    shared.stats.requests.fetch_add(1, Ordering::Relaxed);
    let body = got
        .body
        .collect()
        .await
        .map_err(|error| service(error.to_string()))?
        .into_bytes();
    shared
        .stats
        .bytes
        .fetch_add(body.len() as u64, Ordering::Relaxed);
    if body.len() as u64 != to - from {
        return Err(service(format!("{} bytes came", body.len())));
    }
    Ok(body)
}

#[cfg(test)]
mod tests;
