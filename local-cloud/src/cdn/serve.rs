//! The HTTP side: GET and HEAD with ranges and ETags, straight from S3.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::DisplayErrorContext;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::signature::{KeyGroup, Refusal, check};

#[derive(Debug)]
pub struct Cdn {
    address: SocketAddr,
    server: JoinHandle<()>,
}

/// What one distribution serves, and whose signatures it takes.
#[derive(Debug, Clone)]
pub struct Distribution {
    pub s3: Client,
    pub bucket: String,
    pub keys: KeyGroup,
}

struct Shared {
    distribution: Distribution,
    base: String,
}

impl Cdn {
    /// Binds first: the handler needs the URL before the key exists.
    pub async fn bind() -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await
    }

    pub fn start(listener: TcpListener, distribution: Distribution) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            distribution,
            base: format!("http://{address}"),
        });
        let router = Router::new().fallback(answer).with_state(shared);
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, service).await {
                tracing::error!(%error, "the CDN's server ended");
            }
        });
        Ok(Self { address, server })
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Cdn {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    if let Err(refusal) = allowed(&shared, &uri, client.ip()) {
        tracing::info!(path = uri.path(), ?refusal, "refused a signed URL");
        return refuse(refusal);
    }
    let Some(key) = key(uri.path()) else {
        return denied();
    };
    let disposition = uri.query().and_then(|query| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == "response-content-disposition")
            .map(|(_, value)| value.into_owned())
    });
    let request = ObjectRequest {
        key: &key,
        headers: &headers,
        disposition,
    };
    match method {
        Method::GET => get(&shared.distribution, request).await,
        Method::HEAD => head(&shared.distribution, request).await,
        _ => xml(
            StatusCode::FORBIDDEN,
            "InvalidMethod",
            "This distribution only takes GET and HEAD requests.",
        ),
    }
}

struct ObjectRequest<'a> {
    key: &'a str,
    headers: &'a HeaderMap,
    disposition: Option<String>,
}

impl ObjectRequest<'_> {
    fn header(&self, name: HeaderName) -> Option<String> {
        let value = self.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    }
}

async fn get(distribution: &Distribution, request: ObjectRequest<'_>) -> Response {
    let got = distribution
        .s3
        .get_object()
        .bucket(&distribution.bucket)
        .key(request.key)
        .set_range(request.header(header::RANGE))
        .set_if_match(request.header(header::IF_MATCH))
        .set_if_none_match(request.header(header::IF_NONE_MATCH))
        .set_response_content_disposition(request.disposition.clone())
        .send()
        .await;
    let object = match got {
        Ok(object) => object,
        Err(error) => return failed(&error, request.key),
    };
    let status = match object.content_range() {
        Some(_) => StatusCode::PARTIAL_CONTENT,
        None => StatusCode::OK,
    };
    let headers = object_headers(&object);
    let chunks = stream::unfold(object.body, |mut body| async move {
        Some((body.next().await?, body))
    });
    (status, headers, Body::from_stream(chunks)).into_response()
}

/// A GET of which only the head is sent: HeadObject reports neither ranges nor the disposition.
async fn head(distribution: &Distribution, request: ObjectRequest<'_>) -> Response {
    let (parts, _unread) = get(distribution, request).await.into_parts();
    Response::from_parts(parts, Body::empty())
}

fn object_headers(object: &GetObjectOutput) -> HeaderMap {
    let length = object.content_length().map(|n| n.to_string());
    let mut headers = HeaderMap::new();
    for (name, value) in [
        (header::CONTENT_TYPE, object.content_type()),
        (header::CONTENT_LENGTH, length.as_deref()),
        (header::CONTENT_RANGE, object.content_range()),
        (header::CONTENT_DISPOSITION, object.content_disposition()),
        (header::CACHE_CONTROL, object.cache_control()),
        (header::ETAG, object.e_tag()),
        (header::ACCEPT_RANGES, Some("bytes")),
    ] {
        if let Some(value) = value.and_then(|value| value.parse().ok()) {
            headers.insert(name, value);
        }
    }
    headers
}

/// S3's own 304, 412 and 416 pass; a missing object looks like a forbidden one, as it does behind
/// an origin access control that may not list the bucket.
fn failed<E>(error: &aws_sdk_s3::error::SdkError<E>, key: &str) -> Response
where
    E: std::error::Error + Send + Sync + 'static,
    aws_sdk_s3::error::SdkError<E>: std::error::Error,
{
    let raw = error.raw_response();
    let status = raw.and_then(|raw| StatusCode::from_u16(raw.status().as_u16()).ok());
    match status {
        Some(status @ (StatusCode::NOT_MODIFIED | StatusCode::PRECONDITION_FAILED)) => {
            status.into_response()
        }
        Some(status @ StatusCode::RANGE_NOT_SATISFIABLE) => {
            let range = raw.and_then(|raw| raw.headers().get("content-range"));
            match range {
                Some(range) => {
                    (status, [(header::CONTENT_RANGE, range.to_owned())]).into_response()
                }
                None => status.into_response(),
            }
        }
        Some(StatusCode::NOT_FOUND | StatusCode::FORBIDDEN) => denied(),
        _ => {
            let error = DisplayErrorContext(error);
            tracing::warn!(%error, key, "could not read from the origin");
            xml(
                StatusCode::BAD_GATEWAY,
                "BadGateway",
                "The origin did not answer.",
            )
        }
    }
}

fn allowed(shared: &Shared, uri: &Uri, client: IpAddr) -> Result<(), Refusal> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let query = uri.query().unwrap_or_default();
    let keys = &shared.distribution.keys;
    check(keys, &shared.base, uri.path(), query, client, now)
}

fn key(path: &str) -> Option<String> {
    let key = percent_decode_str(path.strip_prefix('/')?)
        .decode_utf8()
        .ok()?;
    (!key.is_empty()).then(|| key.into_owned())
}

fn denied() -> Response {
    xml(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied")
}

fn refuse(refusal: Refusal) -> Response {
    let (code, message) = refusal.code_and_message();
    xml(StatusCode::FORBIDDEN, code, message)
}

/// Code and message are constants without markup.
fn xml(status: StatusCode, code: &'static str, message: &'static str) -> Response {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    (status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
}
