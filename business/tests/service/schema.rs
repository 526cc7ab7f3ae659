//! Holds answers to the API's description: every field that is sent is described, and every one that is promised is there.

use std::sync::LazyLock;

use serde_json::Value;

static DESCRIPTION: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../openapi.json")).expect("the description is JSON"));

pub fn check(method: &str, path: &str, status: u16, body: &Value) {
    let path = path.split('?').next().unwrap_or_default();
    let same = |template: &str| {
        let (template, path) = (template.split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template.zip(path).all(|(part, given)| part.starts_with('{') || part == given)
    };
    let paths = DESCRIPTION["paths"].as_object().expect("paths");
    let operation =
        paths.iter().find(|(template, _)| same(template)).map(|(_, operations)| &operations[&method.to_lowercase()]);
    let error = &DESCRIPTION["components"]["schemas"]["Error"];
    let Some(responses) = operation.map(|operation| &operation["responses"]).filter(|responses| !responses.is_null())
    else {
        return matches(error, body, "an error");
    };
    let response = if status == 200 { &responses["200"] } else { &responses["default"] };
    matches(&response["content"]["application/json"]["schema"], body, &format!("{method} {path} {status}"));
}

fn matches(schema: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return matches(&DESCRIPTION["components"]["schemas"][name], value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = |choice: &Value| {
            choice["type"] == "null" && value.is_null() || choice["type"] == "object" && value.is_object()
        };
        let choice =
            choices.iter().find(|choice| fits(choice)).unwrap_or_else(|| panic!("{at}: {value} fits no choice"));
        return matches(choice, value, at);
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return,
    };
    let is = |name: &&str| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the description says {other}"),
    };
    assert!(types.iter().any(is), "{at}: {value} is not {types:?}");
    if let Some(choices) = schema["enum"].as_array() {
        assert!(choices.contains(value), "{at}: {value} is none of {choices:?}");
    }
    if let (Some(least), Some(number)) = (schema["minimum"].as_i64(), value.as_i64()) {
        assert!(number >= least, "{at}: {number} is below {least}");
    }
    if let Some(items) = value.as_array() {
        items.iter().for_each(|item| matches(&schema["items"], item, at));
    }
    let Some(fields) = value.as_object() else { return };
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(fields.contains_key(required), "{at}: {required} is missing in {value}");
    }
    for (name, field) in fields {
        match schema["properties"].get(name) {
            Some(property) => matches(property, field, &format!("{at}.{name}")),
            None => assert_ne!(schema["additionalProperties"], false, "{at}: {name} is not described"),
        }
    }
}
