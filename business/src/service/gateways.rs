//! The socket addresses that browsers get. WuKongIM's nodes name their own; a node that is down names none, so those that were
//! seen are remembered for the page's policy.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::secrets;
use super::wukongim::Wukongim;
use crate::rules::{Span, Time};

pub struct Gateways {
    configured: Vec<String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    asked_at: Option<Time>,
    living: Vec<String>,
    seen: BTreeSet<String>,
    silent_hosts: BTreeSet<String>,
}

/// Reconnecting clients come in crowds, and ask each.
const FRESH: Span = Span(2_000);

impl Gateways {
    pub fn new(configured: Vec<String>) -> Gateways {
        Gateways { configured, state: Mutex::default() }
    }

    /// Addresses that answer now, beginning with any of them so that clients spread. Empty while no node answers.
    pub async fn living(&self, wukongim: &Wukongim, now: Time) -> Vec<String> {
        if !self.configured.is_empty() {
            return rotated(self.configured.clone());
        }
        let fresh = |state: &State| {
            state.asked_at.is_some_and(|at| at <= now && now.since(at) < FRESH && !state.living.is_empty())
        };
        let remembered = {
            let state = self.lock();
            fresh(&state).then(|| state.living.clone())
        };
        if let Some(living) = remembered {
            return rotated(living);
        }
        let (mut living, silent) = wukongim.gateways().await;
        living.sort();
        living.dedup();
        let mut state = self.lock();
        state.asked_at = Some(now);
        state.seen.extend(living.iter().cloned());
        state.silent_hosts = silent.iter().map(|node| node.host().to_owned()).collect();
        state.living.clone_from(&living);
        drop(state);
        rotated(living)
    }

    /// What a page may connect to: all addresses seen, and any port on the host of a node that has not told its own yet.
    pub fn sources(&self) -> Vec<String> {
        if !self.configured.is_empty() {
            return self.configured.iter().map(|address| origin(address)).collect();
        }
        let state = self.lock();
        let mut sources: Vec<String> = state.seen.iter().map(|address| origin(address)).collect();
        sources
            .extend(state.silent_hosts.iter().flat_map(|host| [format!("ws://{host}:*"), format!("wss://{host}:*")]));
        sources
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `ws://host:port` of an address: a policy that names a path would bind it exactly.
fn origin(address: &str) -> String {
    let after_scheme = address.find("://").map_or(0, |at| at + 3);
    let end = address[after_scheme..].find('/').map_or(address.len(), |at| after_scheme + at);
    address[..end].to_owned()
}

fn rotated(mut addresses: Vec<String>) -> Vec<String> {
    // Without entropy the order is the same each time, which still works.
    let dice = secrets::random::<8>().map(u64::from_le_bytes).unwrap_or_default();
    if !addresses.is_empty() {
        let by = (dice % addresses.len() as u64) as usize;
        addresses.rotate_left(by);
    }
    addresses
}

#[cfg(test)]
mod tests {
    use super::origin;

    #[test]
    fn an_origin_has_no_path() {
        assert_eq!(origin("ws://h:1/a/b"), "ws://h:1");
        assert_eq!(origin("wss://h"), "wss://h");
    }
}
