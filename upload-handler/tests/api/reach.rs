//! openapi.yaml and the router name the same addresses.

use axum::body::Body;
use http::Method;
use serde_json::Value;

use crate::client::Client;
use crate::cloud::Cloud;
use crate::contract::DOCUMENT;

const METHODS: [Method; 5] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
];

#[tokio::test]
async fn every_operation_is_reachable_and_no_other_is() {
    let cloud = Cloud::new().await;
    let client = Client::of(&cloud);
    let mut operations = 0;
    for (template, item) in DOCUMENT["paths"].as_object().unwrap() {
        let path = template.replace("{id}", &"0".repeat(32));
        for method in METHODS {
            let answer = client.send(method.clone(), &path, &[], Body::empty()).await;
            let listed = item.get(method.as_str().to_ascii_lowercase()).is_some();
            let refused = answer.json["type"] == "urn:framefleet:problem:method-not-allowed";
            assert_eq!(listed, !refused, "{method} {path}: {}", answer.status);
            assert_ne!(
                answer.json["type"], "urn:framefleet:problem:path-not-found",
                "{path}"
            );
            operations += usize::from(listed);
        }
    }
    assert_eq!(operations, 9);
}

/// The limits and words that the document repeats are those of the code.
#[test]
fn the_document_repeats_the_code_rightly() {
    let schemas = &DOCUMENT["components"]["schemas"];
    let texts = |value: &Value| -> Vec<String> {
        let list = value.as_array().unwrap();
        list.iter()
            .map(|v| v.as_str().unwrap().to_owned())
            .collect()
    };
    let states: Vec<String> = fleet_core::VideoState::ALL
        .iter()
        .map(|s| s.to_string())
        .collect();
    assert_eq!(texts(&schemas["State"]["enum"]), states);
    let reasons: Vec<String> = fleet_core::Reason::ALL
        .iter()
        .map(|r| r.to_string())
        .collect();
    assert_eq!(
        texts(&schemas["Video"]["properties"]["failure"]["properties"]["reason"]["enum"]),
        reasons
    );
    let limits = fleet_core::Limits::default();
    let registration = &schemas["Registration"]["properties"];
    let size = limits.video_bytes.min(fleet_core::limits::PUT_BYTES);
    assert_eq!(registration["size"]["maximum"], size);
    assert_eq!(registration["filename"]["maxLength"], limits.filename_bytes);
    assert_eq!(
        schemas["Image"]["properties"]["width"]["maximum"],
        limits.side_pixels
    );
    let select = schemas["Select"]["oneOf"].to_string();
    assert!(
        select.contains(&format!("\"maxItems\":{}", limits.timestamps)),
        "{select}"
    );
    assert!(
        select.contains(&format!("\"maximum\":{}", limits.images)),
        "{select}"
    );
}
