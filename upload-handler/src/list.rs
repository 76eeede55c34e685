//! `GET /api/videos?state=&cursor=&limit=`

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fleet_core::{VideoId, VideoState};
use serde::Serialize;

use crate::app::App;
use crate::expiry;
use crate::problem::{Answer, Kind, Problem};
use crate::tenant::Tenant;
use crate::view::View;

const DEFAULT_LIMIT: usize = 20;
const MAX_LIMIT: usize = 100;

#[derive(Debug, Default, PartialEq)]
struct Query {
    state: Option<VideoState>,
    after: Option<VideoId>,
    limit: Option<usize>,
}

#[derive(Serialize)]
struct PageView {
    videos: Vec<View>,
    /// For the next page; null on the last. A page may be short and still have a next.
    next_cursor: Option<String>,
}

pub async fn get(
    State(app): State<App>,
    Tenant(tenant): Tenant,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = parse(query.as_deref().unwrap_or_default())?;
    let limit = query.limit.unwrap_or(DEFAULT_LIMIT);
    let recorded = query.state.map(expiry::recorded_as).unwrap_or_default();
    let page = app
        .videos
        .list(&tenant, &recorded, query.after.as_ref(), limit)
        .await?;
    let mut rows = Vec::new();
    for row in page.rows {
        rows.push(expiry::settled(&app, row).await?);
    }
    rows.retain(|row| query.state.is_none_or(|wanted| row.state == wanted));
    let now = fleet_aws::row::now();
    let body = PageView {
        videos: rows.iter().map(|row| View::of(row, now)).collect(),
        next_cursor: page.next.as_ref().map(to_cursor),
    };
    Ok(Json(body).into_response())
}

fn parse(query: &str) -> Answer<Query> {
    let mut parsed = Query::default();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let refuse = |why: String| Problem::new(Kind::InvalidParameter, why).at(name.as_ref());
        match name.as_ref() {
            "state" => {
                let state = value
                    .parse()
                    .map_err(|e: String| refuse(format!("There is an {e}.")))?;
                parsed.state = Some(state);
            }
            "cursor" => {
                let after = from_cursor(&value).ok_or_else(|| {
                    refuse("Give next_cursor of the page before, or leave cursor out.".into())
                })?;
                parsed.after = Some(after);
            }
            "limit" => {
                let limit = value.parse().ok().filter(|n| (1..=MAX_LIMIT).contains(n));
                let why = format!("limit must be a whole number from 1 to {MAX_LIMIT}.");
                parsed.limit = Some(limit.ok_or_else(|| refuse(why))?);
            }
            _ => {
                return Err(refuse(
                    "Only state, cursor and limit are known here.".into(),
                ));
            }
        }
    }
    Ok(parsed)
}

/// Opaque, so that callers do not build their own and paging can change.
fn to_cursor(video: &VideoId) -> String {
    URL_SAFE_NO_PAD.encode(format!("1:{video}"))
}

fn from_cursor(cursor: &str) -> Option<VideoId> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    text.strip_prefix("1:")?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_and_a_made_up_one_nowhere() {
        let video = VideoId::new();
        assert_eq!(from_cursor(&to_cursor(&video)), Some(video.clone()));
        for cursor in [
            "",
            "x",
            "%%%",
            video.as_str(),
            &URL_SAFE_NO_PAD.encode("2:abc"),
        ] {
            assert_eq!(from_cursor(cursor), None, "{cursor}");
        }
    }
}
