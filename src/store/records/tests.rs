//! Several handles, failures, withdrawals: what the suite of the contract does not play.

use super::*;
use crate::channel::Channel;
use crate::id::{MessageId, MessageSeq};
use crate::rows::{
    Answer, Batch, Change, ChannelRow, Digest, Epoch, Mark, MarkState, MessageRow, MessageState, Query, Seen,
    StoreFailure,
};
use crate::store::suite::{self, Step};
use crate::time::Wall;

/// Performs what any of several handles has to do.
#[derive(Default)]
struct Database(MemoryTables);

impl Database {
    fn claim(&mut self, records: &mut Records) -> Epoch {
        assert_eq!(self.0.perform(records, Task::Claim, false), Ok(None));
        records.epoch()
    }

    fn apply(&mut self, records: &mut Records, epoch: Epoch, changes: Vec<Change>) -> Result<(), StoreFailure> {
        self.0.perform(records, Task::Apply(&Batch { epoch, changes }), false).map(|_| ())
    }

    fn fail(&mut self, records: &mut Records, epoch: Epoch, changes: Vec<Change>) {
        assert!(self.0.perform(records, Task::Apply(&Batch { epoch, changes }), true).is_err());
    }

    fn ask(&mut self, records: &mut Records, query: &Query) -> Answer {
        let answer = self.0.perform(records, Task::Answer(query), false);
        if let Some(chore) = records.chore() {
            assert_eq!(self.0.perform(records, chore, false), Ok(None));
        }
        answer.expect("it answers").expect("an answer")
    }

    fn channels(&mut self, records: &mut Records) -> Vec<ChannelRow> {
        match self.ask(records, &Query::Hydrate) {
            Answer::Hydrated { channels, .. } => channels,
            other => panic!("not what was asked: {other:?}"),
        }
    }

    /// The places that the dedup information of the group names.
    fn places(&mut self, records: &mut Records) -> Vec<u64> {
        let Answer::Channel { mut seen, .. } = self.ask(records, &Query::Channel(group())) else {
            panic!("not what was asked")
        };
        seen.sort_unstable_by_key(|seen: &Seen| seen.placed_at);
        seen.iter().map(|seen| seen.placed_at.0).collect()
    }

    fn count(&self, table: &str) -> usize {
        self.0.records(table).count()
    }

    /// The object stores in which these bytes stand.
    fn holding(&self, words: &[u8]) -> Vec<&'static str> {
        let holds = |(_, value): (&Key, &Value)| match value {
            Value::Bytes(bytes) => bytes.windows(words.len()).any(|window| window == words),
            _ => false,
        };
        schema::TABLES.iter().map(|table| table.name).filter(|name| self.0.records(name).any(holds)).collect()
    }
}

fn group() -> Channel {
    Channel::group("g")
}

fn row(seq: u64) -> ChannelRow {
    ChannelRow { last_seq: MessageSeq(seq), ..ChannelRow::new(group()) }
}

fn message(seq: u64, content: &[u8]) -> MessageRow {
    MessageRow {
        channel: group(),
        message_seq: MessageSeq(seq),
        message_id: MessageId(seq as i64),
        client_msg_no: format!("n-{seq}").into(),
        from: "somebody".into(),
        timestamp: 1_700_000_000,
        setting: 0,
        expire: 0,
        topic: None,
        content: content.to_vec(),
        state: MessageState::Normal,
        mark: None,
        copies: vec![],
        counted: false,
        unconfirmed: false,
    }
}

fn said(seq: u64) -> Change {
    Change::Message(message(seq, b"{}"))
}

/// The conversation with this message as its last.
fn led_by(message: &MessageRow) -> Change {
    let last = Digest {
        message_seq: message.message_seq,
        message_id: message.message_id,
        client_msg_no: message.client_msg_no.clone(),
        from: message.from.clone(),
        timestamp: message.timestamp,
        content: message.content.clone(),
        state: message.state.clone(),
        mark: None,
    };
    Change::Channel(ChannelRow { last: Some(last), ..row(message.message_seq.0) })
}

#[test]
fn records_keep_the_contract() {
    for case in suite::cases() {
        let (mut database, mut records) = (Database::default(), Records::new(1));
        for (number, step) in case.steps.iter().enumerate() {
            let told = match step {
                Step::Apply(batch, expected) => {
                    let outcome = database.0.perform(&mut records, Task::Apply(batch), false).map(|_| ());
                    suite::compare_outcome(expected, &outcome)
                }
                Step::Ask(query, expected) => suite::compare(expected, &database.ask(&mut records, query)),
                Step::Reopen => {
                    records = Records::new(number as u64 + 2);
                    Ok(())
                }
            };
            if let Err(difference) = told {
                panic!("{}, step {number}: {difference}", case.name);
            }
        }
        assert_eq!(records.unreadable(), 0, "{}: every row can be read", case.name);
    }
}

/// Each handle has a copy of the journal in memory.
#[test]
fn a_handle_sees_what_another_one_wrote_before_and_after_it() {
    let (mut database, mut first, mut second) = (Database::default(), Records::new(1), Records::new(2));
    let old = database.claim(&mut first);
    database.apply(&mut first, old, vec![said(1), Change::Channel(row(1))]).expect("writes");
    // Read before the first one's last words.
    assert_eq!(database.places(&mut second), [1]);
    let new = database.claim(&mut second);
    assert!(new > old);
    assert_eq!(database.apply(&mut first, old, vec![said(2)]), Err(StoreFailure::Fenced));
    database.apply(&mut second, new, vec![said(3), Change::Channel(row(3))]).expect("writes");
    for records in [&mut first, &mut second] {
        assert_eq!(database.places(records), [1, 3]);
        assert_eq!(database.channels(records), [row(3)]);
    }
    // The second folds what both wrote.
    database.apply(&mut second, new, vec![Change::Forget(group(), MessageSeq(1))]).expect("writes");
    let third = database.claim(&mut first);
    assert!(third > new);
    database.apply(&mut first, third, vec![said(4), Change::Channel(row(4))]).expect("writes again");
    let late = vec![Change::ForgetFrom(group(), MessageSeq(1))];
    assert_eq!(database.apply(&mut second, new, late), Err(StoreFailure::Fenced));
    for records in [&mut first, &mut second] {
        assert_eq!(database.places(records), [3, 4]);
        assert_eq!(database.channels(records), [row(4)]);
    }
}

#[test]
fn what_was_not_committed_is_known_to_nobody() {
    let (mut database, mut records) = (Database::default(), Records::new(1));
    let epoch = database.claim(&mut records);
    database.apply(&mut records, epoch, vec![said(1), Change::Channel(row(1))]).expect("writes");
    database.fail(&mut records, epoch, vec![said(2), Change::Channel(row(2))]);
    database.fail(&mut records, epoch, vec![Change::ForgetFrom(group(), MessageSeq(1))]);
    assert_eq!((database.places(&mut records), database.channels(&mut records)), (vec![1], vec![row(1)]));
    database.apply(&mut records, epoch, vec![said(3)]).expect("writes");
    assert_eq!(database.places(&mut records), [1, 3]);
}

#[test]
fn where_nothing_can_be_written_the_first_batch_begins_the_tenure() {
    let (mut database, mut first, mut second) = (Database::default(), Records::new(1), Records::new(2));
    let old = database.claim(&mut first);
    assert_eq!(database.0.perform(&mut second, Task::ClaimLater, false), Ok(None));
    let new = second.epoch().next();
    assert!(new > old);
    database.apply(&mut first, old, vec![said(1)]).expect("nobody has kept it out");
    database.apply(&mut second, new, vec![said(2)]).expect("writes");
    assert_eq!(database.apply(&mut first, old, vec![said(3)]), Err(StoreFailure::Fenced));
    assert_eq!(database.places(&mut second), [1, 2]);
}

#[test]
fn a_database_that_came_back_empty_says_so_once_and_is_as_good_as_any_then() {
    let (mut database, mut records) = (Database::default(), Records::new(1));
    let epoch = database.claim(&mut records);
    database.apply(&mut records, epoch, vec![said(1), Change::Channel(row(1))]).expect("writes");
    assert_eq!(database.0.perform(&mut records, Task::Reopen, false), Ok(None), "nothing is lost");
    assert_eq!(database.places(&mut records), [1]);
    database.0 = MemoryTables::default();
    assert!(matches!(database.0.perform(&mut records, Task::Reopen, false), Err(StoreFailure::Failed(_))));
    assert_eq!(database.0.perform(&mut records, Task::Reopen, false), Ok(None));
    assert_eq!((database.places(&mut records), database.channels(&mut records)), (vec![], vec![]));
    database.apply(&mut records, epoch, vec![said(2)]).expect("the tenure goes on");
    assert_eq!(database.places(&mut records), [2]);
}

#[test]
fn many_runs_of_a_channel_become_one_and_say_the_same() {
    let (mut database, mut records) = (Database::default(), Records::new(1));
    let epoch = database.claim(&mut records);
    let mut expected = Vec::new();
    // Each withdrawal of another channel's message folds the journal, and a fold writes a run.
    for seq in 1..=seen::MANY as u64 {
        expected.push(seq);
        let elsewhere = Change::Forget(Channel::group("h"), MessageSeq(seq));
        database.apply(&mut records, epoch, vec![said(seq), elsewhere]).expect("writes");
    }
    assert_eq!(database.count(schema::SEEN), seen::MANY);
    assert_eq!(database.places(&mut records), expected);
    assert_eq!(database.count(schema::SEEN), 1);
    assert_eq!(database.places(&mut records), expected);
    assert_eq!(database.places(&mut Records::new(2)), expected);
}

/// A recalled message that had led its conversation stood in an older row, in the journal or in the channel's own record,
/// until the journal was folded some day.
#[test]
fn what_is_withdrawn_stands_in_no_older_row() {
    for fills in [false, true] {
        let (mut database, mut records) = (Database::default(), Records::new(1));
        let epoch = database.claim(&mut records);
        let secret = message(1, b"{\"content\":\"between us\"}");
        database.apply(&mut records, epoch, vec![Change::Message(secret.clone()), led_by(&secret)]).expect("writes");
        if fills {
            let elsewhere = Change::Forget(Channel::group("h"), MessageSeq(1));
            database.apply(&mut records, epoch, vec![elsewhere]).expect("is folded");
        } else {
            // So much that the journal goes on in its next record.
            let much = message(2, &[b'x'; 5_000]);
            database.apply(&mut records, epoch, vec![Change::Message(much.clone()), led_by(&much)]).expect("writes");
        }
        let place = if fills { schema::CHANNELS } else { schema::JOURNAL };
        assert!(database.holding(b"between us").contains(&place), "fills: {fills}");
        let recalled = MessageRow { content: b"{}".to_vec(), state: MessageState::Recalled, ..secret.clone() };
        let mark = Mark {
            client_msg_no: secret.client_msg_no.clone(),
            author: secret.from.clone(),
            copies: secret.all_copies(),
            version: 1,
            state: MarkState::Recalled,
            operator: secret.from.clone(),
            role: crate::rows::Role::Author,
            at: Wall(1_700_000_000_000),
            deadline: None,
            hint: false,
        };
        let changes = vec![Change::Mark(group(), mark), led_by(&recalled), Change::Message(recalled)];
        database.fail(&mut records, epoch, changes.clone());
        database.apply(&mut records, epoch, changes).expect("writes");
        assert_eq!(database.holding(b"between us"), [""; 0], "fills: {fills}");
        assert_eq!(database.channels(&mut records).len(), 1);
    }
}

/// The runs as they were read must not come back over what was written since.
#[test]
fn a_chore_whose_question_failed_is_not_done_later() {
    let (mut database, mut records) = (Database::default(), Records::new(1));
    let epoch = database.claim(&mut records);
    let elsewhere = |seq| Change::Forget(Channel::group("h"), MessageSeq(seq));
    let many = seen::MANY as u64;
    for seq in 1..=many {
        database.apply(&mut records, epoch, vec![said(seq), elsewhere(seq)]).expect("writes");
    }
    // The database goes away between the two rounds of the question.
    let query = Query::Channel(group());
    let mut transaction = Transaction::new(Task::Answer(&query));
    let tables = transaction.tables();
    let Ok(Next::Read(reads)) = records.go_on(&mut transaction, Vec::new()) else { panic!("it reads") };
    let found = reads.iter().map(|read| database.0.read(&tables, read)).collect();
    assert!(matches!(records.go_on(&mut transaction, found), Ok(Next::Read(_))));
    drop(transaction);
    database.apply(&mut records, epoch, vec![said(many + 1), elsewhere(1)]).expect("writes");
    assert!(matches!(database.ask(&mut records, &Query::Hydrate), Answer::Hydrated { .. }));
    assert_eq!(database.places(&mut records), (1..=many + 1).collect::<Vec<_>>());
}
