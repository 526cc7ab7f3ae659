//! Which commands, and which messages that nobody keeps, were seen: the newest, whatever their ids are.
//!
//! Acts of sending stand among them under ids that no server gives, so the order of the ids says nothing of their age.

use std::collections::VecDeque;

use crate::id::MessageId;
use crate::sorted::Set;

/// So many are remembered. What is forgotten here is still known to the database, for a reload.
const MOST: usize = 20_000;

pub struct Recent {
    ids: Set<MessageId>,
    /// Oldest first.
    order: VecDeque<MessageId>,
}

impl Recent {
    /// What the database knows, all of it.
    pub fn new(ids: Vec<MessageId>) -> Self {
        Self { order: ids.iter().copied().collect(), ids: ids.into_iter().collect() }
    }

    pub fn contains(&self, id: MessageId) -> bool {
        self.ids.contains(&id)
    }

    /// True if it was not there.
    pub fn insert(&mut self, id: MessageId) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        self.order.push_back(id);
        if self.order.len() > MOST
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_go_first_whatever_their_ids_are() {
        let mut recent = Recent::new(vec![MessageId(-5), MessageId(7)]);
        assert!(!recent.insert(MessageId(7)));
        for id in 0..MOST as i64 {
            assert!(recent.insert(MessageId(if id % 2 == 0 { id + 100 } else { -id - 100 })));
        }
        assert!(!recent.contains(MessageId(7)) && !recent.contains(MessageId(-5)));
        assert!(recent.contains(MessageId(-101)) && recent.contains(MessageId(100)));
        assert!(recent.insert(MessageId(i64::MIN)) && recent.contains(MessageId(i64::MIN)));
        assert!(!recent.contains(MessageId(100)));
    }
}
