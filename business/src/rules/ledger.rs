//! All of recall over maps: marks, versions and what is sealed, as the storage keeps them in tables.
//!
//! It is the business server of a simulator, and the reference that the rules' own tests hold. Not for a server: nothing here
//! survives the process.

use std::collections::BTreeMap;

use super::feed::{self, Page};
use super::identity::{Channel, MessageId, TargetKey, Uid, Version};
use super::message::{Marks, StoredMessage};
use super::recall::{self, ContentChange, Decision, Denial, Facts, Mark, MarkState, Policy, Target};
use super::roles::Role;
use super::time::Time;

#[derive(Clone, Debug, Default)]
pub struct Ledger {
    marks: BTreeMap<(Channel, TargetKey), Mark>,
    sealed: BTreeMap<(Channel, TargetKey), Vec<u8>>,
    versions: BTreeMap<Channel, Version>,
}

impl Ledger {
    pub fn version(&self, channel: &Channel) -> Version {
        self.versions.get(channel).copied().unwrap_or_default()
    }

    /// `stored` are the channel's messages that may be meant, `role` tells the role of anybody in the channel.
    pub fn recall(
        &mut self,
        caller: &Uid,
        target: &Target,
        stored: &[StoredMessage],
        role: &dyn Fn(&Uid) -> Option<Role>,
        policy: &Policy,
        now: Time,
    ) -> Decision {
        let key = recall::identify(target, caller, stored);
        let copies: Vec<StoredMessage> =
            stored.iter().filter(|message| Some(message.target()) == key).cloned().collect();
        let author = key.as_ref().and_then(|key| key.author.uid()).and_then(|uid| role(&uid));
        let existing = key.as_ref().and_then(|key| self.mark(&target.channel, key)).cloned();
        let version = self.version(&target.channel);
        let facts = Facts { caller: role(caller), author, existing: existing.as_ref(), copies: &copies, version };
        let decision = recall::recall(caller, &target.channel, key.as_ref(), &facts, policy, now);
        self.apply(&decision);
        decision
    }

    pub fn restore(
        &mut self,
        caller: &Uid,
        channel: &Channel,
        key: &TargetKey,
        role: Option<Role>,
        policy: &Policy,
        now: Time,
    ) -> Decision {
        let existing = self.mark(channel, key).cloned();
        let version = self.version(channel);
        let facts = Facts { caller: role, author: role, existing: existing.as_ref(), copies: &[], version };
        let decision = recall::restore(caller, &facts, policy, now);
        self.apply(&decision);
        decision
    }

    /// What its author may write anew. None in place of the content: it is deleted already.
    pub fn reedit(
        &self,
        caller: &Uid,
        channel: &Channel,
        key: &TargetKey,
        role: Option<Role>,
        now: Time,
    ) -> Result<Option<&[u8]>, Denial> {
        let existing = self.mark(channel, key);
        let facts = Facts { caller: role, author: role, existing, copies: &[], version: self.version(channel) };
        recall::reedit(caller, &facts, now)?;
        Ok(self.sealed.get(&(channel.clone(), key.clone())).map(Vec::as_slice))
    }

    pub fn feed(&self, channel: &Channel, since: Version, limit: usize) -> Page {
        let mut newer: Vec<Mark> =
            self.marks.values().filter(|mark| mark.channel == *channel && mark.version > since).cloned().collect();
        newer.sort_by_key(|mark| mark.version);
        newer.truncate(limit + 1);
        feed::page(since, newer, self.version(channel), limit)
    }

    pub fn mark(&self, channel: &Channel, key: &TargetKey) -> Option<&Mark> {
        self.marks.get(&(channel.clone(), key.clone()))
    }

    /// The content that a restored mark carries.
    pub fn content(&self, mark: &Mark) -> Option<&[u8]> {
        let shown = mark.state == MarkState::Restored;
        self.sealed.get(&(mark.channel.clone(), mark.key.clone())).filter(|_| shown).map(Vec::as_slice)
    }

    /// The marks of a channel, for merging into its history.
    pub fn marks(&self, channel: &Channel) -> Marks {
        Marks::new(self.marks.values().filter(|mark| mark.channel == *channel).cloned())
    }

    /// Whether a message's content may not leave.
    pub fn withdraws(&self, channel: &Channel, message: MessageId) -> bool {
        self.marks(channel).withdraws(message)
    }

    /// Deletes what was kept past its deadline.
    pub fn expire(&mut self, now: Time) {
        let marks = &self.marks;
        self.sealed
            .retain(|key, _| marks.get(key).and_then(|mark| mark.deadline).is_none_or(|deadline| now <= deadline));
    }

    fn apply(&mut self, decision: &Decision) {
        let Decision::Change(change) = decision else { return };
        let key = (change.mark.channel.clone(), change.mark.key.clone());
        if let ContentChange::Seal(content) = &change.content {
            self.sealed.insert(key.clone(), content.clone());
        }
        self.versions.insert(change.mark.channel.clone(), change.mark.version);
        self.marks.insert(key, change.mark.clone());
    }
}
