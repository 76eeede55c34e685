//! One tenant's videos, newest first, a page at a time.

use aws_sdk_dynamodb::types::AttributeValue;
use fleet_core::{TenantId, VideoId, VideoState};

use crate::row::Row;
use crate::videos::{Videos, VideosError, key, service};

/// Queries for one page. With a rare state most rows read are not wanted, and a page that is
/// short, with a cursor, beats a request that takes a minute.
const QUERIES: usize = 10;
/// Rows read by one query where most may not be wanted.
const FILTERED: usize = 200;

#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    pub rows: Vec<Row>,
    /// Where the next page begins; None after the last.
    pub next: Option<VideoId>,
}

impl Videos {
    pub async fn list(
        &self,
        tenant: &TenantId,
        states: &[VideoState],
        after: Option<&VideoId>,
        limit: usize,
    ) -> Result<Page, VideosError> {
        let mut rows: Vec<Row> = Vec::new();
        let mut after = after.cloned();
        for _ in 0..QUERIES {
            let read = match states {
                [] => limit - rows.len(),
                _ => FILTERED,
            };
            let mut query = self
                .client()
                .query()
                .table_name(self.table())
                .key_condition_expression("tenant = :tenant AND begins_with(#item, :prefix)")
                .expression_attribute_names("#item", "item")
                .expression_attribute_values(":tenant", AttributeValue::S(tenant.to_string()))
                .expression_attribute_values(":prefix", AttributeValue::S("video#".into()))
                .scan_index_forward(false)
                .limit(i32::try_from(read).unwrap_or(i32::MAX))
                .set_exclusive_start_key(after.as_ref().map(|video| key(tenant, video)));
            let names: Vec<_> = (0..states.len()).map(|i| format!(":state{i}")).collect();
            for (name, state) in names.iter().zip(states) {
                query =
                    query.expression_attribute_values(name, AttributeValue::S(state.to_string()));
            }
            if !names.is_empty() {
                query = query
                    .filter_expression(format!("#state IN ({})", names.join(", ")))
                    .expression_attribute_names("#state", "state");
            }
            let answer = query.send().await.map_err(|e| service("list videos", e))?;
            rows.extend(serde_dynamo::from_items::<_, Row>(
                answer.items.unwrap_or_default(),
            )?);
            after = answer.last_evaluated_key.and_then(|k| {
                let item = k.get("item")?.as_s().ok()?;
                item.strip_prefix("video#")?.parse().ok()
            });
            if after.is_none() || rows.len() >= limit {
                break;
            }
        }
        // What was read past the limit is read again for the next page.
        if rows.len() > limit {
            rows.truncate(limit);
            after = rows.last().map(|row| row.video.clone());
        }
        Ok(Page { rows, next: after })
    }
}
