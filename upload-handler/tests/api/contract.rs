//! Holds answers to openapi.yaml: the status is listed for the operation, and body and headers fit.

use std::sync::LazyLock;

use http::Method;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::client::Answer;

/// The document, with the references to responses and parameters resolved.
pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../openapi.yaml");
    let text = std::fs::read_to_string(path).expect("read openapi.yaml");
    let mut yaml: serde_yaml_ng::Value =
        serde_yaml_ng::from_str(&text).expect("openapi.yaml is YAML");
    yaml.apply_merge().expect("openapi.yaml has no bad merges");
    serde_json::to_value(yaml).expect("openapi.yaml reads as JSON")
});

/// Panics where the answer is not one that the document allows. A path or method that the document
/// does not have may only be refused.
pub fn check(method: &Method, path: &str, answer: &Answer) {
    let status = answer.status.as_u16().to_string();
    let Some(operation) = operation(method, path) else {
        assert!(
            matches!(answer.status.as_u16(), 401 | 403 | 404 | 405 | 429),
            "{method} {path}: {status}"
        );
        fits(
            &json!({ "$ref": "#/components/schemas/Problem" }),
            &answer.json,
        );
        return;
    };
    let response = &operation["responses"][&status];
    assert!(
        response.is_object(),
        "{method} {path}: {status} is not in openapi.yaml: {}",
        answer.json
    );
    let response = resolve(response);
    match response["content"].as_object() {
        None => assert!(
            answer.json.is_null(),
            "{method} {path}: {status} has no body in openapi.yaml"
        ),
        Some(content) => {
            let media = answer.header("content-type");
            let schema = &content[media]["schema"];
            fits(schema, &answer.json);
        }
    }
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let value = answer.header(name);
        assert!(
            header["required"] != json!(true) || !value.is_empty(),
            "{method} {path}: {name} is missing"
        );
    }
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let path = path.split('?').next().unwrap();
    let is = |template: &str| {
        let (t, p): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
        t.len() == p.len()
            && t.iter()
                .zip(&p)
                .all(|(t, p)| t == p || (t.starts_with('{') && !p.is_empty()))
    };
    let paths = DOCUMENT["paths"].as_object().unwrap();
    let (_, item) = paths.iter().find(|(template, _)| is(template))?;
    item.get(method.as_str().to_ascii_lowercase())
}

fn resolve(value: &'static Value) -> &'static Value {
    match value["$ref"].as_str() {
        Some(pointer) => DOCUMENT
            .pointer(pointer.trim_start_matches('#'))
            .expect(pointer),
        None => value,
    }
}

/// Asserts that a value is what a schema of the document says.
pub fn fits(schema: &Value, value: &Value) {
    let validator = validator(schema);
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|e| format!("{} at {}", e, e.instance_path()))
        .collect();
    assert!(
        errors.is_empty(),
        "{value}\ndoes not fit {schema}:\n{}",
        errors.join("\n")
    );
}

fn validator(schema: &Value) -> Validator {
    // The references in a schema point into the document, so it comes along.
    let mut whole = schema.clone();
    whole["components"] = DOCUMENT["components"].clone();
    whole["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    jsonschema::options()
        .should_validate_formats(true)
        .build(&whole)
        .expect("a schema in openapi.yaml is a schema")
}
