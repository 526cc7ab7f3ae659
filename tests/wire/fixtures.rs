//! Loads the test data and writes its long values out in full.

use serde_json::{Map, Value};

use crate::notation::{answer, from_hex};

/// A file of `tests/fixtures/wkproto`.
pub fn load(name: &str) -> Value {
    let path = format!("{}/tests/fixtures/wkproto/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    in_full(serde_json::from_str(&text).expect("fixtures are JSON"))
}

pub fn cases(name: &str) -> Vec<Value> {
    match load(name) {
        Value::Array(cases) => cases,
        _ => panic!("{name} is a list"),
    }
}

fn in_full(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(in_full).collect(),
        Value::Object(object) => repeated(&object)
            .unwrap_or_else(|| Value::Object(object.into_iter().map(|(name, value)| (name, in_full(value))).collect())),
        other => other,
    }
}

fn repeated(object: &Map<String, Value>) -> Option<Value> {
    let part = |name| object.get(name).and_then(Value::as_str);
    let count = usize::try_from(object.get("count")?.as_u64()?).ok()?;
    let unit = part("repeatHex").or(part("repeat"))?;
    Some([part("prefixHex").unwrap_or(""), &unit.repeat(count), part("suffixHex").unwrap_or("")].concat().into())
}

/// One question to the tool, answered.
pub fn ask(request: &Value) -> Value {
    serde_json::from_str(&answer(request.to_string().as_bytes())).expect("every answer is JSON")
}

pub fn text<'a>(case: &'a Value, name: &str) -> &'a str {
    case[name].as_str().unwrap_or_else(|| panic!("{name} in {case}"))
}

pub fn bytes(case: &Value, name: &str) -> Vec<u8> {
    from_hex(text(case, name)).unwrap_or_else(|| panic!("{name} in {case}"))
}

pub fn list<'a>(case: &'a Value, name: &str) -> &'a [Value] {
    case[name].as_array().unwrap_or_else(|| panic!("{name} in {case}"))
}
