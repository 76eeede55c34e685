use std::sync::atomic::AtomicUsize;

use aws_sdk_s3::config::{BehaviorVersion, Region};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use media::RangeRead;

use super::*;

const BLOCKS: u64 = 2 * MOST_PROMISED as u64;

/// Everything a server saw of requests: how many, and how many at once.
#[derive(Default)]
struct Load {
    all: AtomicUsize,
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Load {
    async fn answer(&self, headers: HeaderMap) -> (StatusCode, Vec<u8>) {
        self.all.fetch_add(1, Ordering::SeqCst);
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(50)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
        let range = headers["range"].to_str().expect("a range in ASCII");
        let bounds = range.trim_start_matches("bytes=").split_once('-');
        let (from, to) = bounds.expect("both bounds");
        let [from, to] = [from, to].map(|n| n.parse::<u64>().expect("a number"));
        (StatusCode::PARTIAL_CONTENT, (from..=to).map(byte).collect())
    }
}

/// Tells each block from the others.
fn byte(at: u64) -> u8 {
    (at / BLOCK % 251) as u8
}

async fn source(load: Arc<Load>, cache: u64, expected_end: u64) -> S3Source {
    let router = Router::new().fallback(async move |headers| load.answer(headers).await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(format!("http://{address}"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .allow_no_auth()
        .force_path_style(true)
        .build();
    let object = Object {
        bucket: "videos".into(),
        key: "video".into(),
        etag: "\"1\"".into(),
        len: (BLOCKS * BLOCK).max(expected_end),
    };
    let client = Client::from_conf(config);
    let cache = BlockCache::new(cache);
    S3Source::new(client, object, cache, expected_end, Drain::default()).0
}

#[tokio::test(flavor = "multi_thread")]
async fn promises_are_kept_a_few_at_a_time_and_too_many_are_passed_over() {
    let load = Arc::new(Load::default());
    let mut source = source(load.clone(), 2 * BLOCKS * BLOCK, 0).await;
    let length = BLOCK as u32;
    let promised: Vec<Stretch> = (0..BLOCKS)
        .map(|block| Stretch {
            offset: block * BLOCK,
            length,
        })
        .collect();
    source.expect(&promised);
    assert_eq!(source.coming.len(), MOST_PROMISED);
    tokio::task::spawn_blocking(move || {
        let mut buffer = [0; 16];
        for stretch in &promised {
            let count = source.read_at(stretch.offset, &mut buffer).unwrap();
            assert_eq!(buffer[..count], [byte(stretch.offset); 16]);
        }
    })
    .await
    .unwrap();
    assert_eq!(load.most.load(Ordering::SeqCst), SIDE_BY_SIDE);
    // Those that were passed over are read all the same, one block each: the segment has ended.
    assert_eq!(load.all.load(Ordering::SeqCst) as u64, BLOCKS);
}

#[tokio::test(flavor = "multi_thread")]
async fn promises_of_many_bytes_are_passed_over() {
    let load = Arc::new(Load::default());
    let mut source = source(load, 1, 1 << 40).await;
    let all = Stretch {
        offset: 0,
        length: u32::MAX,
    };
    source.expect(&[all]);
    assert!(source.coming.is_empty());
    let length = (MOST_PROMISED_BYTES / 2) as u32;
    let half = |n: u64| Stretch {
        offset: n << 32,
        length,
    };
    source.expect(&[half(0), half(1), half(2)]);
    assert_eq!(source.coming.len(), 2);
}

/// A decoder that jumps says what it will read, and of that nothing is fetched twice, nor anything behind it.
#[tokio::test(flavor = "multi_thread")]
async fn behind_what_was_promised_nothing_is_fetched() {
    let load = Arc::new(Load::default());
    let mut source = source(load.clone(), 2 * BLOCKS * BLOCK, BLOCKS * BLOCK).await;
    tokio::task::spawn_blocking(move || {
        let mut buffer = [0; 16];
        source.read_at(0, &mut buffer).unwrap();
        let ten = |block: u64| Stretch {
            offset: block * BLOCK,
            length: 10 * BLOCK as u32,
        };
        source.expect(&[ten(100), ten(150)]);
        for block in (100..110).chain(150..160) {
            source.read_at(block * BLOCK, &mut buffer).unwrap();
            assert_eq!(buffer, [byte(block * BLOCK); 16]);
        }
        assert!(source.coming.is_empty());
    })
    .await
    .unwrap();
    // The first read, what would have followed it, and the promised.
    assert_eq!(load.all.load(Ordering::SeqCst), 4);
}

/// Two of the longest runs do not fit the smallest cache together.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_fetched_is_not_fetched_again_however_small_the_cache() {
    let load = Arc::new(Load::default());
    let mut source = source(load.clone(), 1, BLOCKS * BLOCK).await;
    let stats = source.shared.stats.clone();
    tokio::task::spawn_blocking(move || {
        let mut buffer = [0; 16];
        for block in 0..BLOCKS {
            source.read_at(block * BLOCK, &mut buffer).unwrap();
            assert_eq!(buffer, [byte(block * BLOCK); 16]);
            // The runs ahead come long before the present one is read.
            std::thread::sleep(Duration::from_millis(5));
        }
    })
    .await
    .unwrap();
    assert_eq!(stats.bytes.load(Ordering::Relaxed), BLOCKS * BLOCK);
}
