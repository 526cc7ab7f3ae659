//! Who may know whom in `src/`: a name may change where a better one is found, the edges not.
#![cfg(not(target_family = "wasm"))]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Small words: values without behaviour of their own, which everything may use.
const WORDS: &[&str] = &[
    "channel",
    "config",
    "copied",
    "dice",
    "error",
    "event",
    "id",
    "json",
    "quotes",
    "redact",
    "request",
    "rows",
    "sorted",
    "surrogates",
    "time",
    "turn",
];

/// Beyond the small words.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("session", &["wire"]),
    ("outbox", &["wire"]),
    ("timeline", &["wire", "recall"]),
    ("recall", &["wire"]),
    ("sync", &["wire"]),
    ("store", &["wire"]),
    ("client", &["wire", "session", "outbox", "timeline", "recall", "sync", "store"]),
    ("browser", &["wire", "client", "store"]),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the sources are here") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules of this crate that a source names.
fn named(source: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in source.lines().filter(|line| !line.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            let name: String = part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            names.insert(name);
        }
    }
    names
}

#[test]
fn every_module_knows_only_whom_it_may() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    let mut wrong = Vec::new();
    let mut edges = 0;
    for path in &paths {
        let place = path.strip_prefix(&src).expect("below src");
        let module = place.components().next().expect("a name").as_os_str().to_string_lossy();
        let module = module.trim_end_matches(".rs").to_owned();
        if module == "lib" {
            continue;
        }
        let source = std::fs::read_to_string(path).expect("readable");
        for name in named(&source).into_iter().filter(|name| !name.is_empty() && *name != module) {
            edges += 1;
            let allowed = match module.as_str() {
                // `wire` knows the ids and nobody else; a word knows words, and a turn carries acks of the wire.
                "wire" => name == "id",
                word if WORDS.contains(&word) => WORDS.contains(&name.as_str()) || (word == "turn" && name == "wire"),
                other => {
                    let more = MAY_KNOW.iter().find(|(of, _)| *of == other).map(|(_, more)| *more);
                    let more = more.unwrap_or_else(|| panic!("the module {other} has no row in this table"));
                    WORDS.contains(&name.as_str()) || more.contains(&name.as_str())
                }
            };
            if !allowed {
                wrong.push(format!("{}: {module} knows {name}", place.display()));
            }
        }
    }
    assert!(edges > 50, "the sources were not read");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_file_is_a_place() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    files(&src, &mut paths);
    for path in paths {
        let lines = std::fs::read_to_string(&path).expect("readable").lines().count();
        assert!(lines <= 800, "{} has {lines} lines: it is two concepts by now", path.display());
    }
}
