//! What stands beside the timelines, at rest: unread figures are those of a client that has just come and seen nothing else, and
//! the audit tells of every mark.

use jindou::channel::ClientMsgNo;
use jindou::client::ConversationView;
use jindou::request::{Conversations, Request, Response};
use jindou::rows::AuditRow;
use jindou_business::rules::{self, recall::MarkState};
use jindou_gateway::Generation;

use crate::device::EPOCH;
use crate::world::World;

/// By so much may what stands in a list be older than what follows it, in milliseconds.
const LATER: u64 = 20_000;
/// As many as the client asks for.
const RECENTS: usize = 20;

impl World {
    /// After a reload nothing is counted beyond what the business server says, and nothing that was read is unread again.
    /// (2.1 reckons the figure from the oldest message that it returns, so there it depends on how much a client has.)
    pub fn check_figures(&mut self, device: usize) {
        if self.plan.generation == Generation::V21 {
            return;
        }
        let request = Request::Conversations(Conversations { cursors: Vec::new(), recents: RECENTS, since: None });
        let Ok(Response::Conversations(conversations)) = self.answer(device, &request) else {
            return self.fail("the business server tells no conversations".to_owned());
        };
        for told in conversations {
            let it = &self.devices[device];
            let Some(row) = it.disk.store.channels().find(|row| row.channel == told.channel) else { continue };
            let (ours, truth) = ((row.unread, row.read_to), (told.unread, told.read_to));
            let shown = it.app.unread.get(&told.channel).copied().unwrap_or(row.unread);
            let what = if told.last_message_seq.0 > 0 && ours != truth {
                format!("has unread and read {ours:?}, and a client that has just come {truth:?}")
            } else if shown != row.unread {
                format!("shows {shown} unread and keeps {}", row.unread)
            } else {
                continue;
            };
            let text = format!("6: {} in {} {what}", it.name, told.channel.id);
            return self.fail(text);
        }
    }

    /// Nobody is told that it is too late before it is.
    pub fn check_window(&mut self, device: usize, number: &ClientMsgNo, deadline: Option<i64>) {
        let now = i64::try_from(EPOCH + self.now).unwrap_or(i64::MAX);
        if deadline.is_none_or(|deadline| now < deadline) {
            let text =
                format!("window: {} is told too early that it is too late for {}", self.devices[device].name, number.0);
            self.fail(text);
        }
    }

    /// All conversations, each with its last message, and the one in which something was said last comes first.
    pub fn check_list(&mut self, device: usize, told: &[ConversationView]) {
        let mut newest = u64::MAX;
        let mut found = None;
        for view in told {
            let Some(expected) = self.expected(device, &view.channel).pop() else { continue };
            let last = view.last_message.as_ref().map(|last| (last.client_msg_no.0.clone(), last.state.clone()));
            if last != Some((expected.first.client_msg_no.clone(), expected.state.clone())) {
                found = Some(format!("lists {} with {last:?}", view.channel.id));
            }
            // Generation 3 gives no time to history, and what is pushed is later than what is stored.
            let at = expected.first.stored_at.0;
            if at > newest.saturating_add(LATER) && self.plan.generation != Generation::V3 {
                found = Some(format!("lists {} behind an older one", view.channel.id));
            }
            newest = newest.min(at);
        }
        for channel in self.channels_of(device) {
            let is_empty = self.gateway.messages(&self.shared(device, &channel)).is_empty();
            if !is_empty && told.iter().all(|view| view.channel != channel) {
                found = Some(format!("does not list {}", channel.id));
            }
        }
        if let Some(found) = found {
            let text = format!("6: {} {found}", self.devices[device].name);
            self.fail(text);
        }
    }

    /// Every mark left a line; what nobody forged is not called forged, and only one's own calls are denied.
    pub fn check_audit(&mut self, device: usize) {
        let it = &self.devices[device];
        let lines: Vec<&AuditRow> = it.disk.store.audit().collect();
        let mut found = None;
        for channel in self.channels_of(device) {
            let Some(ours) = self.ours(device, &channel) else { continue };
            for mark in self.business.ledger.feed(&ours, rules::Version::default(), usize::MAX - 1).marks {
                let what = match mark.state {
                    MarkState::Recalled => "recalled",
                    MarkState::Restored => "restored",
                };
                let tells = |line: &&&AuditRow| {
                    line.channel == channel
                        && line.client_msg_no.0 == mark.client_msg_no.as_str()
                        && line.operator.0 == mark.operator.as_str()
                        && line.what == what
                };
                if lines.iter().find(tells).is_none() {
                    found = Some(format!("{} was {what}, and no line tells so", mark.client_msg_no.as_str()));
                }
            }
        }
        for line in lines {
            let is_odd = match (line.what.as_str(), line.by.as_str()) {
                ("forged", "command") => !self.plan.forged,
                (what, "application") if what.ends_with("requested") => line.operator.0 != it.person,
                (what, "application" | "business") if what.ends_with("denied") => line.operator.0 != it.person,
                ("recalled" | "restored", "feed" | "history" | "application") => false,
                ("hidden", "command") => false,
                _ => true,
            };
            if is_odd {
                found = Some(format!("{} was {} by {}", line.client_msg_no.0, line.what, line.by));
            }
        }
        if let Some(found) = found {
            let text = format!("audit: {} says that {found}", self.devices[device].name);
            self.fail(text);
        }
    }

    /// A line is written once and behind all others.
    pub fn check_line(&mut self, device: usize, line: &AuditRow) {
        let last = self.model.last_lines.entry(device).or_insert(0);
        if line.ordinal <= core::mem::replace(last, line.ordinal) {
            let text = format!("audit: {} writes line {} over another", self.devices[device].name, line.ordinal);
            self.fail(text);
        }
    }
}
