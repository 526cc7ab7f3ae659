//! Others in the world: somebody who forges commands, and a person who bars another for a while.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::world::{Happening, PEOPLE, World, tell};

impl World {
    /// A member sends a command that claims that somebody's message was recalled. WuKongIM lets anybody do so.
    pub fn forge(&mut self) {
        if self.now < self.plan.chaos {
            let at = self.now + self.dice.between(1_000, 15_000);
            self.schedule(at, Happening::Rogue);
        }
        let device = self.dice.below(self.devices.len() as u64) as usize;
        let channels = self.channels_of(device);
        let Some(channel) = self.dice.pick(&channels).cloned() else { return };
        let log = self.gateway.messages(&self.shared(device, &channel)).to_vec();
        let Some(message) = self.dice.pick(&log).cloned() else { return };
        let from = if self.dice.chance(500) { self.devices[device].person } else { message.from.as_str() }.to_owned();
        let to = if channel.kind == 1 {
            PEOPLE.iter().find(|person| **person != from).copied().unwrap_or_default().to_owned()
        } else {
            channel.id.clone()
        };
        tell!(self, "somebody forges a recall of {} from {from}", message.client_msg_no);
        let version = self.dice.below(30);
        let payload = json!({
            "type": 99,
            "cmd": "messageRevoke",
            "param": {
                "message_id": message.message_id.to_string(),
                "message_seq": message.message_seq,
                "client_msg_no": message.client_msg_no,
                "channel_id": to,
                "channel_type": channel.kind,
                "uids": PEOPLE,
                "version": version,
                "operator": from,
            },
        });
        let body = json!({
            "header": { "no_persist": 0, "red_dot": 0, "sync_once": 1 },
            "from_uid": from,
            "channel_id": to,
            "channel_type": channel.kind,
            "payload": STANDARD.encode(payload.to_string()),
        });
        self.call_gateway("/message/send", &body);
    }

    /// Bob bars Alice, or lets her in again: the server refuses what she says to him.
    pub fn bar(&mut self, barred: bool) {
        tell!(self, "bob {} alice", if barred { "bars" } else { "lets in" });
        let path = if barred { "/channel/blacklist_add" } else { "/channel/blacklist_remove" };
        self.call_gateway(path, &json!({ "channel_id": "bob", "channel_type": 1, "uids": ["alice"] }));
    }
}
