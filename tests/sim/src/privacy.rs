//! Invariant 8: what the core prints, for a log or for a person, holds no content, no token of a login and no uid.
//!
//! `Debug` of everything that goes in and out is looked at, as are the texts of errors and the lines for an inspector. Bytes
//! that print as numbers are found too.

use core::fmt::Debug;

use jindou::client::{ConnectionView, Event, Output};
use jindou::error::Error;

use crate::world::{PEOPLE, World};

/// One in so many of what goes in and out is printed; printing all would take longer than all else.
const EVERY: u64 = 8;
/// Stands in every content, and in every token.
const SECRETS: [&str; 2] = ["hello", "token-"];

pub struct Privacy {
    seen: u64,
    text: String,
    /// Each with how `Debug` prints its bytes.
    secrets: Vec<(&'static str, String)>,
}

impl Default for Privacy {
    fn default() -> Self {
        let secrets = SECRETS.iter().chain(&PEOPLE).map(|secret| (*secret, as_numbers(secret))).collect();
        Self { seen: 0, text: String::new(), secrets }
    }
}

impl World {
    pub fn check_print(&mut self, device: usize, what: &impl Debug) {
        self.privacy.seen += 1;
        if !self.privacy.seen.is_multiple_of(EVERY) {
            return;
        }
        use core::fmt::Write as _;
        let mut text = core::mem::take(&mut self.privacy.text);
        text.clear();
        // Writing to a String cannot fail.
        let _ = write!(text, "{what:?}");
        self.check_text(device, &text);
        self.privacy.text = text;
    }

    pub fn check_texts_of(&mut self, device: usize, output: &Output) {
        match output {
            Output::Event(Event::Problem { error })
            | Output::Event(Event::Connection {
                connection: ConnectionView::Waiting { error: Some(error), .. } | ConnectionView::Refused { error },
            })
            | Output::Settle(_, Err(error)) => self.check_error(device, error),
            Output::Event(Event::Connection { connection: ConnectionView::Kicked { reason } }) => {
                self.check_text(device, reason);
            }
            Output::Event(Event::Quarantined { why, .. }) => self.check_text(device, why),
            Output::Event(Event::Trace { line }) => {
                let line = serde_json::to_string(line).unwrap_or_default();
                self.check_text(device, &line);
            }
            _ => {}
        }
    }

    fn check_error(&mut self, device: usize, error: &Error) {
        let text = format!("{error} {error:?} {}", serde_json::to_string(error).unwrap_or_default());
        self.check_text(device, &text);
    }

    fn check_text(&mut self, device: usize, text: &str) {
        let printed = |(secret, numbers): &&(&str, String)| text.contains(secret) || text.contains(numbers);
        if let Some((secret, _)) = self.privacy.secrets.iter().find(printed) {
            let from: String = text.chars().take(60).collect();
            let what = format!("8: {} prints {secret:?} in {from}…", self.devices[device].name);
            self.fail(what);
        }
    }
}

/// How `Debug` prints these bytes.
fn as_numbers(text: &str) -> String {
    let bytes: Vec<String> = text.bytes().map(|byte| byte.to_string()).collect();
    bytes.join(", ")
}
