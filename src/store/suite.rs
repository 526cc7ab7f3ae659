//! The persistence contract as data: cases of batches and queries with what must come of them.
//!
//! The memory store runs it natively, the IndexedDB store in a browser. Where the contract leaves an order open
//! (channels, seen, aliases, marks), `compare` does too.

use crate::channel::{Channel, ClientMsgNo, Uid};
use crate::id::{MessageId, MessageSeq};
use crate::rows::StoreFailure;
use crate::rows::{
    Answer, AuditRow, Batch, Change, ChannelRow, Copy, Digest, Epoch, Mark, MarkState, MessageRow, MessageState, Meta,
    OutboxRow, OutboxState, QuarantineRow, Query, Range, Role, Seen, seen_hash,
};
use crate::time::Wall;

#[derive(Debug)]
pub enum Step {
    Apply(Batch, Result<(), StoreFailure>),
    Ask(Query, Answer),
    /// Close the database and open it again; what is kept must not differ. It begins no new tenure.
    Reopen,
}

#[derive(Debug)]
pub struct Case {
    pub name: &'static str,
    pub steps: Vec<Step>,
}

/// What differs, in a sentence.
pub fn compare_outcome(expected: &Result<(), StoreFailure>, actual: &Result<(), StoreFailure>) -> Result<(), String> {
    if expected == actual { Ok(()) } else { Err(format!("expected {expected:?}, got {actual:?}")) }
}

/// What differs, in a sentence; the order counts only where the contract gives one.
pub fn compare(expected: &Answer, actual: &Answer) -> Result<(), String> {
    let (mut expected, mut actual) = (expected.clone(), actual.clone());
    for answer in [&mut expected, &mut actual] {
        match answer {
            Answer::Hydrated { channels, commands, .. } => {
                channels.sort_by(|a, b| a.channel.cmp(&b.channel));
                commands.sort_unstable();
            }
            Answer::Channel { seen, aliases, marks } => {
                seen.sort_unstable();
                seen.dedup();
                aliases.sort_unstable();
                marks.sort_by(|a, b| (a.version, &a.client_msg_no).cmp(&(b.version, &b.client_msg_no)));
            }
            Answer::Messages(_) | Answer::Audit(_) => {}
        }
    }
    // A stale hint is allowed at a place that holds another message now, and nowhere else.
    if let (Answer::Channel { seen: wanted, .. }, Answer::Channel { seen, .. }) = (&expected, &mut actual) {
        seen.retain(|have| {
            wanted.binary_search(have).is_ok() || !wanted.iter().any(|want| want.placed_at == have.placed_at)
        });
    }
    if expected == actual { Ok(()) } else { Err(format!("expected {expected:?}, got {actual:?}")) }
}

pub fn cases() -> Vec<Case> {
    vec![
        case("a new database is empty", |t| {
            t.ask(Query::Hydrate, hydrated(Meta::default(), vec![], vec![], vec![]));
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[]));
            t.page(None, 50, &[]);
            t.ask(Query::Audit { limit: 10 }, Answer::Audit(vec![]));
        }),
        case("an empty batch is a success and changes nothing", |t| {
            t.apply(vec![]);
            t.ask(Query::Hydrate, hydrated(Meta::default(), vec![], vec![], vec![]));
        }),
        case("a page is newest first and ends at its limit", |t| {
            t.apply((1..=7).map(|seq| Change::Message(message(seq))).collect());
            t.apply(vec![Change::Message(other_channel(message(9)))]);
            t.page(None, 3, &[7, 6, 5]);
            t.page(Some(5), 3, &[4, 3, 2]);
            t.page(Some(2), 3, &[1]);
            t.page(Some(1), 3, &[]);
            t.page(Some(100), 2, &[7, 6]);
            t.page(None, 0, &[]);
            t.page(None, 50, &[7, 6, 5, 4, 3, 2, 1]);
            t.reopen();
            t.page(None, 3, &[7, 6, 5]);
        }),
        case("a page is full though seqs are missing", |t| {
            let seqs = [3, 4, 90, 91, 5_000, 70_000, 70_001];
            t.apply(seqs.iter().map(|seq| Change::Message(message(*seq))).collect());
            t.page(None, 4, &[70_001, 70_000, 5_000, 91]);
            t.page(Some(91), 4, &[90, 4, 3]);
            t.page(Some(5_001), 3, &[5_000, 91, 90]);
            t.page(Some(70_002), 7, &[70_001, 70_000, 5_000, 91, 90, 4, 3]);
            t.page(Some(2), 4, &[]);
            // Single places that are empty, as copies of messages leave them.
            t.apply((100..=140).filter(|seq| seq % 7 != 0).map(|seq| Change::Message(message(seq))).collect());
            let newest: Vec<u64> = (100..141).rev().filter(|seq| seq % 7 != 0).chain([91, 90, 4]).collect();
            t.page(Some(141), 30, &newest[..30]);
            t.page(Some(141), newest.len(), &newest);
        }),
        case("channels with like names are not mixed up", |t| {
            let channels = [
                Channel::group("g"),
                Channel::group("g1"),
                Channel::person("g"),
                Channel::group("g:"),
                Channel::new(22, "g"),
            ];
            for (at, channel) in channels.iter().enumerate() {
                let seq = at as u64 + 1;
                t.apply(vec![Change::Message(MessageRow { channel: channel.clone(), ..message(seq) })]);
            }
            for (at, channel) in channels.iter().enumerate() {
                let row = MessageRow { channel: channel.clone(), ..message(at as u64 + 1) };
                let page = Query::Page { channel: channel.clone(), before: None, limit: 9 };
                t.ask(page, Answer::Messages(vec![row.clone()]));
                t.ask(Query::Channel(channel.clone()), channel_answer(&[&row], &[], &[]));
            }
        }),
        case("messages are found by their places, ascending, as far as they are there", |t| {
            t.apply([8, 2, 5].map(|seq| Change::Message(message(seq))).into());
            let seqs = [5, 3, 2, 5, 1_000_000].map(MessageSeq).to_vec();
            t.ask(Query::Messages { channel: group(), seqs }, rows(&[message(2), message(5)]));
            t.ask(Query::Messages { channel: group(), seqs: vec![] }, rows(&[]));
            t.ask(Query::Messages { channel: Channel::group("empty"), seqs: vec![MessageSeq(1)] }, rows(&[]));
        }),
        case("a row replaces the one in its place", |t| {
            t.apply(vec![Change::Message(message(4)), Change::Message(message(5))]);
            let stranger = MessageRow { client_msg_no: "another".into(), ..message(4) };
            t.apply(vec![Change::Message(stranger.clone())]);
            t.ask(page(None, 9), rows(&[message(5), stranger.clone()]));
            t.ask(Query::Channel(group()), channel_answer(&[&stranger, &message(5)], &[], &[]));
            let twice = vec![Change::Message(message(5)), Change::Message(MessageRow { counted: true, ..message(5) })];
            t.apply(twice);
            t.ask(page(None, 1), rows(&[MessageRow { counted: true, ..message(5) }]));
        }),
        case("every field of a row comes back", |t| {
            let full = MessageRow {
                topic: Some("topic 话题".into()),
                setting: 0b1010_0000,
                expire: 3600,
                state: MessageState::Recalled,
                mark: Some(mark(7, "n-3", &[(1003, 3)])),
                copies: vec![copy(1007, 7), copy(-5, 9)],
                counted: true,
                unconfirmed: true,
                timestamp: -1,
                message_id: MessageId(i64::MIN),
                ..message(3)
            };
            let hidden = MessageRow { state: MessageState::Hidden, from: Uid::default(), ..message(4) };
            let deleted = MessageRow { state: MessageState::Deleted, content: vec![], ..message(5) };
            t.apply([&full, &hidden, &deleted].map(|row| Change::Message(row.clone())).into());
            t.reopen();
            t.ask(page(None, 9), rows(&[deleted, hidden, full]));
        }),
        case("content that is not UTF-8, empty or hard to quote comes back as it was", |t| {
            let contents: [&[u8]; 6] =
                [b"", b"\xff\x00\xfe", b"\0", "\u{2028}\"\\\u{1f600}".as_bytes(), b"\xed\xa0\x80", b"plain"];
            let of = |seq: usize| MessageRow { content: contents[seq].to_vec(), ..message(seq as u64 + 1) };
            t.apply((0..contents.len()).map(|seq| Change::Message(of(seq))).collect());
            t.apply(vec![Change::Outbox(OutboxRow { content: b"\xc3\x28".to_vec(), ..outbox("a", 1) })]);
            t.reopen();
            t.ask(page(None, 9), rows(&(0..contents.len()).rev().map(of).collect::<Vec<_>>()));
            let owed = vec![OutboxRow { content: b"\xc3\x28".to_vec(), ..outbox("a", 1) }];
            t.ask(Query::Hydrate, hydrated(Meta::default(), owed, vec![], vec![]));
        }),
        case("a content of 50 KB comes back whole", |t| {
            let text = MessageRow { content: "好".repeat(17_000).into_bytes(), ..message(1) };
            let bytes = MessageRow { content: (0..50_000u32).map(|at| (at * 7 % 256) as u8).collect(), ..message(2) };
            t.apply(vec![Change::Message(text.clone()), Change::Message(bytes.clone())]);
            t.reopen();
            t.ask(page(None, 9), rows(&[bytes, text]));
        }),
        case("seqs above 2^53 keep their order and their values", |t| {
            let seqs = [9, (1 << 53) - 2, (1 << 53) - 1, 1 << 53, (1 << 53) + 1, 1 << 63, u64::MAX - 1, u64::MAX];
            t.apply(seqs.iter().map(|seq| Change::Message(message(*seq))).collect());
            t.reopen();
            t.page(None, 3, &[u64::MAX, u64::MAX - 1, 1 << 63]);
            t.page(Some(1 << 63), 4, &[(1 << 53) + 1, 1 << 53, (1 << 53) - 1, (1 << 53) - 2]);
            t.page(Some(1 << 53), 3, &[(1 << 53) - 1, (1 << 53) - 2, 9]);
            let all: Vec<_> = seqs.iter().map(|seq| message(*seq)).collect();
            t.ask(Query::Channel(group()), channel_answer(&all.iter().collect::<Vec<_>>(), &[], &[]));
            t.ask(
                Query::Messages { channel: group(), seqs: vec![MessageSeq(u64::MAX), MessageSeq(1 << 53)] },
                rows(&[message(1 << 53), message(u64::MAX)]),
            );
            t.apply(vec![Change::ForgetFrom(group(), MessageSeq(1 << 53))]);
            t.page(None, 2, &[(1 << 53) - 1, (1 << 53) - 2]);
        }),
        case("dedup information names the place of the first copy, and copies beyond it are aliases", |t| {
            let twice = MessageRow { copies: vec![copy(2001, 6), copy(2002, 8)], ..message(2) };
            let nameless =
                MessageRow { client_msg_no: ClientMsgNo::default(), copies: vec![copy(2003, 9)], ..message(3) };
            t.apply(vec![Change::Message(twice.clone()), Change::Message(nameless), Change::Message(message(4))]);
            let aliases = [(copy(2001, 6), 2), (copy(2002, 8), 2), (copy(2003, 9), 3)];
            t.ask(Query::Channel(group()), channel_answer(&[&twice, &message(4)], &aliases, &[]));
            t.reopen();
            t.ask(Query::Channel(group()), channel_answer(&[&twice, &message(4)], &aliases, &[]));
            t.ask(Query::Channel(Channel::group("none")), channel_answer(&[], &[], &[]));
            // Replaced by a row without copies: its aliases are gone.
            t.apply(vec![Change::Message(message(2))]);
            t.ask(Query::Channel(group()), channel_answer(&[&message(2), &message(4)], &aliases[2..], &[]));
        }),
        case("a copy whose place another message has taken is no alias", |t| {
            let twice = MessageRow { copies: vec![copy(2001, 3), copy(2002, 4), copy(2003, 5)], ..message(2) };
            let nameless = MessageRow { client_msg_no: ClientMsgNo::default(), ..message(4) };
            t.apply(vec![Change::Message(twice.clone()), Change::Message(message(3)), Change::Message(nameless)]);
            let aliases = [(copy(2003, 5), 2)];
            t.ask(Query::Channel(group()), channel_answer(&[&twice, &message(3)], &aliases, &[]));
            t.reopen();
            t.ask(Query::Channel(group()), channel_answer(&[&twice, &message(3)], &aliases, &[]));
        }),
        case("a row moves to an earlier copy and leaves nothing behind", |t| {
            t.apply((5..=9).map(|seq| Change::Message(message(seq))).collect());
            let moved = MessageRow {
                message_seq: MessageSeq(3),
                message_id: MessageId(3333),
                copies: vec![message(7).first_copy()],
                ..message(7)
            };
            t.apply(vec![Change::Forget(group(), MessageSeq(7)), Change::Message(moved.clone())]);
            t.ask(page(None, 9), rows(&[message(9), message(8), message(6), message(5), moved.clone()]));
            let left = [&moved, &message(5), &message(6), &message(8), &message(9)];
            t.ask(Query::Channel(group()), channel_answer(&left, &[(message(7).first_copy(), 3)], &[]));
            t.apply(vec![Change::Forget(group(), MessageSeq(7_000))]);
            t.ask(Query::Channel(group()), channel_answer(&left, &[(message(7).first_copy(), 3)], &[]));
        }),
        case("dedup information of many batches is one set", |t| {
            let mut all = Vec::new();
            for seq in 1..=300u64 {
                all.push(message(seq));
                t.apply(vec![Change::Message(message(seq))]);
            }
            t.ask(Query::Channel(group()), channel_answer(&all.iter().collect::<Vec<_>>(), &[], &[]));
            t.reopen();
            t.apply(vec![Change::Message(message(301))]);
            all.push(message(301));
            t.ask(Query::Channel(group()), channel_answer(&all.iter().collect::<Vec<_>>(), &[], &[]));
        }),
        case("a large batch is one transaction", |t| {
            let all: Vec<_> = (1..=2_000).map(message).collect();
            t.apply(all.iter().cloned().map(Change::Message).collect());
            t.page(None, 2, &[2_000, 1_999]);
            t.page(Some(3), 9, &[2, 1]);
            t.ask(Query::Channel(group()), channel_answer(&all.iter().collect::<Vec<_>>(), &[], &[]));
        }),
        case("a tail is forgotten with all that was known of it", |t| {
            let quoting = MessageRow { content: reply_to("\"1001\""), ..message(6) };
            let copied = MessageRow { copies: vec![copy(1_000_000, 12)], ..message(7) };
            t.apply((1..=5).map(|seq| Change::Message(message(seq))).collect());
            t.apply(vec![
                Change::Message(quoting),
                Change::Message(copied),
                Change::Message(other_channel(message(8))),
            ]);
            t.apply(vec![Change::ForgetFrom(group(), MessageSeq(4))]);
            t.page(None, 9, &[3, 2, 1]);
            t.ask(Query::Channel(group()), channel_answer(&[&message(1), &message(2), &message(3)], &[], &[]));
            t.ask(Query::Quoting { channel: group(), copies: vec![copy(1001, 1)] }, rows(&[]));
            let other = other_channel(message(8));
            t.ask(Query::Channel(other.channel.clone()), channel_answer(&[&other], &[], &[]));
        }),
        case("many messages are recognised and every conversation is known, however they came and were read", |t| {
            let other = |seq| MessageRow { channel: Channel::group("other"), ..message(seq) };
            let conversation =
                |id: &str, seq| ChannelRow { last_seq: MessageSeq(seq), ..ChannelRow::new(Channel::group(id)) };
            let (mut group_rows, mut other_rows) = (Vec::new(), Vec::new());
            // In large batches first, then one by one, with starts between them.
            for batch in [0..1_900, 1_900..3_800, 3_800..5_700, 5_700..5_701, 5_701..7_600, 7_600..9_500]
                .into_iter()
                .chain((9_500..9_700).map(|seq| seq..seq + 1))
            {
                let mut changes = Vec::new();
                for seq in batch.clone() {
                    let (rows, row) =
                        if seq % 3 == 0 { (&mut other_rows, other(seq)) } else { (&mut group_rows, message(seq)) };
                    changes.push(Change::Message(row.clone()));
                    rows.push(row);
                }
                changes.push(Change::Channel(conversation("other", batch.end)));
                if batch.end % 2 == 0 {
                    changes.push(Change::Channel(conversation("even", batch.end)));
                }
                t.apply(changes);
                if batch.end % 1_900 == 1 || batch.end == 9_600 {
                    t.reopen();
                }
            }
            let known = || vec![conversation("even", 9_700), conversation("other", 9_700)];
            for _ in 0..2 {
                t.ask(Query::Hydrate, hydrated(Meta::default(), vec![], known(), vec![]));
                t.ask(Query::Channel(group()), channel_answer(&group_rows.iter().collect::<Vec<_>>(), &[], &[]));
                t.ask(
                    Query::Channel(Channel::group("other")),
                    channel_answer(&other_rows.iter().collect::<Vec<_>>(), &[], &[]),
                );
                t.reopen();
            }
        }),
        case("what is forgotten stays forgotten, however long ago it was stored", |t| {
            let other = other_channel(message(3));
            let person = || Query::Channel(other.channel.clone());
            for much_between in [false, true] {
                t.apply((1..=6).map(|seq| Change::Message(message(seq))).collect());
                t.apply(vec![Change::Message(other.clone()), Change::Channel(ChannelRow::new(group()))]);
                if much_between {
                    much(t);
                }
                t.apply(vec![Change::Forget(group(), MessageSeq(2)), Change::Message(message(7))]);
                t.reopen();
                let left = [1, 3, 4, 5, 6, 7].map(message);
                t.ask(Query::Channel(group()), channel_answer(&left.each_ref(), &[], &[]));
                if much_between {
                    much(t);
                }
                t.apply(vec![Change::ForgetFrom(group(), MessageSeq(4)), Change::Message(message(5))]);
                let left = [1, 3, 5].map(message);
                t.ask(Query::Channel(group()), channel_answer(&left.each_ref(), &[], &[]));
                t.apply(vec![Change::ForgetFrom(group(), MessageSeq(3))]);
                t.reopen();
                t.ask(Query::Channel(group()), channel_answer(&[&message(1)], &[], &[]));
                t.ask(person(), channel_answer(&[&other], &[], &[]));
                let channels =
                    if much_between { vec![ChannelRow::new(group()), busy()] } else { vec![ChannelRow::new(group())] };
                t.ask(Query::Hydrate, hydrated(Meta::default(), vec![], channels, vec![]));
            }
        }),
        case("a conversation is as it was stored last, and one that is not touched stays", |t| {
            let read_to = |seq| ChannelRow { read_to: MessageSeq(seq), ..full_channel() };
            let quiet = ChannelRow::new(Channel::person("quiet"));
            t.apply(vec![Change::Channel(read_to(1)), Change::Channel(quiet.clone())]);
            for seq in 2..=5 {
                t.apply(vec![Change::Channel(read_to(seq))]);
                t.ask(Query::Hydrate, hydrated(Meta::default(), vec![], vec![read_to(seq), quiet.clone()], vec![]));
            }
            much(t);
            let all = |seq| hydrated(Meta::default(), vec![], vec![read_to(seq), quiet.clone(), busy()], vec![]);
            t.ask(Query::Hydrate, all(5));
            t.apply(vec![Change::Channel(read_to(6))]);
            t.ask(Query::Hydrate, all(6));
            t.reopen();
            t.ask(Query::Hydrate, all(6));
        }),
        case("the changes of a batch take effect in their order", |t| {
            let again = MessageRow { client_msg_no: "again".into(), ..message(2) };
            t.apply(vec![
                Change::Message(message(1)),
                Change::Message(message(2)),
                Change::Message(message(3)),
                Change::ForgetFrom(group(), MessageSeq(2)),
                Change::Message(again.clone()),
                Change::Outbox(outbox("a", 1)),
                Change::OutboxDone("a".into()),
                Change::OutboxDone("b".into()),
                Change::Outbox(outbox("b", 2)),
                Change::Command(MessageId(1), Wall(10)),
                Change::CommandsBefore(Wall(11)),
                Change::Command(MessageId(2), Wall(5)),
                Change::Mark(group(), mark(1, "n-1", &[])),
                Change::MarkGone(group(), mark(0, "n-1", &[])),
            ]);
            t.ask(page(None, 9), rows(&[again.clone(), message(1)]));
            t.ask(Query::Channel(group()), channel_answer(&[&message(1), &again], &[], &[]));
            t.ask(Query::Hydrate, hydrated(Meta::default(), vec![outbox("b", 2)], vec![], vec![2]));
        }),
        case("quotations are found by the id of any copy, while they stand", |t| {
            let by_text = MessageRow { content: reply_to("\"1001\""), ..message(5) };
            let by_number = MessageRow { content: reply_to("1001"), ..message(6) };
            let of_other = MessageRow { content: reply_to("\"1002\""), ..message(7) };
            let large = MessageRow { content: reply_to("\"1999999999999999999\""), ..message(8) };
            let elsewhere = other_channel(MessageRow { content: reply_to("\"1001\""), ..message(9) });
            let several = br#"{"msgs":[{"message_id":"1003","payload":1},{"message_id":"1002","payload":1}]}"#;
            let several = MessageRow { content: several.to_vec(), ..message(10) };
            let all = [&message(1), &by_text, &by_number, &of_other, &large, &elsewhere, &several];
            t.apply(all.map(|row| Change::Message(row.clone())).into());
            let quoting = |copies: Vec<Copy>| Query::Quoting { channel: group(), copies };
            t.ask(quoting(vec![copy(1001, 1)]), rows(&[by_text.clone(), by_number.clone()]));
            let either = [by_text.clone(), by_number.clone(), of_other, several.clone()];
            t.ask(quoting(vec![copy(1002, 3), copy(1001, 1)]), rows(&either));
            t.ask(quoting(vec![copy(1003, 3)]), rows(&[several]));
            t.ask(quoting(vec![copy(1_999_999_999_999_999_999, 3)]), rows(&[large]));
            t.ask(quoting(vec![copy(77, 3)]), rows(&[]));
            t.ask(quoting(vec![]), rows(&[]));
            t.apply(vec![Change::Message(MessageRow { content: vec![], ..by_text })]);
            t.reopen();
            t.ask(quoting(vec![copy(1001, 1)]), rows(&[by_number]));
        }),
        case("a mark replaces the one of the same message", |t| {
            let marks = |marks: &[&Mark]| channel_answer(&[], &[], marks);
            let ask = || Query::Channel(group());
            let named = mark(1, "n-1", &[]);
            t.apply(vec![Change::Mark(group(), named.clone())]);
            t.ask(ask(), marks(&[&named]));
            let newer = mark(2, "n-1", &[(1001, 1)]);
            let another = mark(3, "n-2", &[(1002, 2)]);
            t.apply(vec![Change::Mark(group(), newer.clone()), Change::Mark(group(), another.clone())]);
            t.ask(ask(), marks(&[&newer, &another]));
            // A hint that knows only a copy is the same message; one of another channel is not.
            let hint = Mark { hint: true, ..mark(4, "", &[(1002, 2), (1008, 8)]) };
            let foreign = mark(5, "", &[(1002, 2)]);
            t.apply(vec![Change::Mark(group(), hint.clone()), Change::Mark(Channel::group("other"), foreign.clone())]);
            t.ask(ask(), marks(&[&newer, &hint]));
            let found = mark(6, "n-2", &[(1008, 8)]);
            t.apply(vec![Change::Mark(group(), found.clone())]);
            t.ask(ask(), marks(&[&newer, &found]));
            // Two nameless marks without a copy in common stand side by side.
            let (one, two) = (mark(7, "", &[(1010, 10)]), mark(8, "", &[(1011, 11)]));
            t.apply(vec![Change::Mark(group(), one.clone()), Change::Mark(group(), two.clone())]);
            t.ask(ask(), marks(&[&newer, &found, &one, &two]));
            t.apply(vec![
                Change::MarkGone(group(), mark(0, "", &[(1010, 10)])),
                Change::MarkGone(group(), mark(0, "n-9", &[])),
            ]);
            t.reopen();
            t.ask(ask(), marks(&[&newer, &found, &two]));
            t.ask(Query::Channel(Channel::group("other")), marks(&[&foreign]));
            // One mark that joins two: both are replaced.
            let joined = mark(9, "", &[(1011, 11), (1001, 1)]);
            t.apply(vec![Change::Mark(group(), joined.clone())]);
            t.ask(ask(), marks(&[&found, &joined]));
        }),
        case("two people may give their messages the same number", |t| {
            let one = mark(1, "n", &[(1001, 1)]);
            let other = Mark { author: "other".into(), ..mark(2, "n", &[(1002, 2)]) };
            let both = || vec![Change::Mark(group(), one.clone()), Change::Mark(group(), other.clone())];
            t.apply(both());
            t.reopen();
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[&one, &other]));
            t.apply(vec![Change::MarkGone(group(), other.clone())]);
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[&one]));
            // Nobody knows yet whose message this means.
            let nameless = Mark { author: Uid::default(), ..mark(3, "n", &[]) };
            t.apply(vec![Change::Mark(group(), nameless.clone())]);
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[&nameless]));
        }),
        case("the number in a command is that of its sender's own message", |t| {
            let hint = |version, operator: &str, copies: &[(i64, u64)]| Mark {
                hint: true,
                author: Uid::default(),
                operator: operator.into(),
                ..mark(version, "n", copies)
            };
            let by = |version, author: &str| Mark { author: author.into(), ..mark(version, "n", &[]) };
            let (one, two, system) = (hint(1, "one", &[]), hint(2, "two", &[]), hint(3, "", &[(1003, 3)]));
            t.apply([&one, &two, &system].map(|hint| Change::Mark(group(), hint.clone())).into());
            t.reopen();
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[&one, &two, &system]));
            let (of_three, of_one) = (by(4, "three"), by(5, "one"));
            t.apply(vec![Change::Mark(group(), of_three.clone())]);
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[&one, &two, &system, &of_three]));
            t.apply(vec![Change::Mark(group(), of_one.clone()), Change::MarkGone(group(), two)]);
            t.reopen();
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[&system, &of_three, &of_one]));
            // A copy tells which message is meant, whatever the numbers.
            let of_four = Mark { client_msg_no: "another".into(), ..mark(6, "", &[(1003, 3)]) };
            t.apply(vec![Change::Mark(group(), of_four.clone())]);
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[&of_three, &of_one, &of_four]));
        }),
        case("copies without an id are told apart by their places", |t| {
            let (one, two) = (mark(1, "", &[(0, 5)]), mark(2, "", &[(0, 6)]));
            t.apply(vec![Change::Mark(group(), one.clone()), Change::Mark(group(), two.clone())]);
            t.reopen();
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[&one, &two]));
            let newer = mark(3, "", &[(0, 5), (1007, 7)]);
            t.apply(vec![Change::Mark(group(), newer.clone())]);
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[&two, &newer]));
        }),
        case("marks are kept though a tail is forgotten", |t| {
            t.apply(vec![Change::Message(message(1)), Change::Mark(group(), mark(1, "n-1", &[(1001, 1)]))]);
            t.apply(vec![Change::ForgetFrom(group(), MessageSeq(1))]);
            t.ask(Query::Channel(group()), channel_answer(&[], &[], &[&mark(1, "n-1", &[(1001, 1)])]));
        }),
        case("a start reads meta, outbox in order, channels and commands", |t| {
            let meta = Meta { device_id: "device".into(), last_ordinal: 4, ..Meta::default() };
            let channel = full_channel();
            t.apply(vec![
                Change::Outbox(outbox("c", 2)),
                Change::Outbox(outbox("a", 3)),
                Change::Outbox(outbox("b", 1)),
                Change::Channel(channel.clone()),
                Change::Channel(ChannelRow::new(Channel::person("you"))),
                Change::Command(MessageId(-9), Wall(1_000)),
                Change::Command(MessageId(i64::MAX), Wall(2_000)),
                Change::Meta(meta.clone()),
            ]);
            let parked = OutboxRow { state: OutboxState::Parked { reason_code: 5 }, ..outbox("a", 3) };
            let waiting = OutboxRow { state: unconfirmed(), topic: Some("t".into()), ..outbox("c", 2) };
            t.apply(vec![Change::Outbox(parked.clone()), Change::Outbox(waiting.clone())]);
            t.reopen();
            let channels = vec![ChannelRow::new(Channel::person("you")), channel];
            let owed = vec![outbox("b", 1), waiting.clone(), parked];
            t.ask(Query::Hydrate, hydrated(meta.clone(), owed, channels.clone(), vec![-9, i64::MAX]));
            let next = Meta { last_ordinal: 5, last_batch: 300, uid: "me".into(), ..meta };
            t.apply(vec![Change::OutboxDone("a".into()), Change::OutboxDone("b".into()), Change::Meta(next.clone())]);
            t.ask(Query::Hydrate, hydrated(next, vec![waiting], channels, vec![-9, i64::MAX]));
        }),
        case("commands of before a time are forgotten, the later sight counts", |t| {
            for (id, at) in [(1, 100), (2, 200), (3, 300), (1, 300), (3, 50)] {
                t.apply(vec![Change::Command(MessageId(id), Wall(at))]);
            }
            t.apply(vec![Change::CommandsBefore(Wall(201))]);
            t.ask(Query::Hydrate, hydrated(Meta::default(), vec![], vec![], vec![1, 3]));
            t.apply(vec![Change::CommandsBefore(Wall(300))]);
            t.ask(Query::Hydrate, hydrated(Meta::default(), vec![], vec![], vec![1, 3]));
            t.apply(vec![Change::CommandsBefore(Wall(301))]);
            t.ask(Query::Hydrate, hydrated(Meta::default(), vec![], vec![], vec![]));
        }),
        case("the audit is read newest first", |t| {
            t.apply((1..=5).map(|ordinal| Change::Audit(audit(ordinal))).collect());
            t.reopen();
            t.ask(Query::Audit { limit: 2 }, Answer::Audit(vec![audit(5), audit(4)]));
            let all = (1..=5).rev().map(audit).collect();
            t.ask(Query::Audit { limit: 100 }, Answer::Audit(all));
            t.ask(Query::Audit { limit: 0 }, Answer::Audit(vec![]));
        }),
        case("what could not be read is kept aside", |t| {
            let row = QuarantineRow {
                message_id: MessageId(1),
                message_seq: MessageSeq(u64::MAX),
                at: Wall(5),
                why: "msgKey".into(),
                raw: vec![0xff, 0],
            };
            t.apply(vec![Change::Quarantine(row.clone()), Change::Quarantine(row)]);
            t.page(None, 9, &[]);
        }),
        case("an older epoch changes nothing, a higher one is remembered", |t| {
            t.apply_as(1, vec![Change::Message(message(1))], Ok(()));
            t.apply_as(5, vec![Change::Message(message(2))], Ok(()));
            t.apply_as(4, vec![Change::Message(message(3)), Change::Outbox(outbox("a", 1))], Err(StoreFailure::Fenced));
            t.apply_as(4, vec![], Err(StoreFailure::Fenced));
            t.page(None, 9, &[2, 1]);
            t.reopen();
            t.apply_as(4, vec![Change::Message(message(3))], Err(StoreFailure::Fenced));
            t.apply_as(5, vec![Change::Message(message(4))], Ok(()));
            t.apply_as(6, vec![], Ok(()));
            t.apply_as(5, vec![Change::ForgetFrom(group(), MessageSeq(0))], Err(StoreFailure::Fenced));
            t.page(None, 9, &[4, 2, 1]);
            t.ask(Query::Hydrate, hydrated(Meta::default(), vec![], vec![], vec![]));
        }),
    ]
}

struct Steps(Vec<Step>);

impl Steps {
    fn apply(&mut self, changes: Vec<Change>) {
        // Above what a store hands out to the first tenures, so that a claimed database takes the suite's batches.
        self.apply_as(1_000, changes, Ok(()));
    }

    fn apply_as(&mut self, epoch: u64, changes: Vec<Change>, expected: Result<(), StoreFailure>) {
        self.0.push(Step::Apply(Batch { epoch: Epoch(epoch), changes }, expected));
    }

    fn ask(&mut self, query: Query, expected: Answer) {
        self.0.push(Step::Ask(query, expected));
    }

    fn page(&mut self, before: Option<u64>, limit: usize, seqs: &[u64]) {
        let expected: Vec<_> = seqs.iter().map(|seq| message(*seq)).collect();
        self.ask(page(before, limit), rows(&expected));
    }

    fn reopen(&mut self) {
        self.0.push(Step::Reopen);
    }
}

fn case(name: &'static str, write: impl FnOnce(&mut Steps)) -> Case {
    let mut steps = Steps(Vec::new());
    write(&mut steps);
    Case { name, steps: steps.0 }
}

/// More than a store would keep aside for later.
fn much(t: &mut Steps) {
    for _ in 0..40 {
        t.apply(vec![Change::Channel(busy())]);
    }
}

fn busy() -> ChannelRow {
    let full = full_channel();
    let last = full.last.map(|last| Digest { content: vec![b'x'; 20_000], ..last });
    ChannelRow { channel: Channel::group("busy"), last, doubts: vec![MessageSeq(6), MessageSeq(90)], ..full }
}

fn group() -> Channel {
    Channel::group("team 好")
}

fn page(before: Option<u64>, limit: usize) -> Query {
    Query::Page { channel: group(), before: before.map(MessageSeq), limit }
}

fn rows(rows: &[MessageRow]) -> Answer {
    Answer::Messages(rows.to_vec())
}

fn message(seq: u64) -> MessageRow {
    MessageRow {
        channel: group(),
        message_seq: MessageSeq(seq),
        message_id: MessageId((seq % (1 << 60)) as i64 + 1000),
        client_msg_no: format!("n-{seq}").into(),
        from: "somebody".into(),
        timestamp: 1_700_000_000 + (seq % 1_000_000) as i64,
        setting: 0,
        expire: 0,
        topic: None,
        content: format!("{{\"type\":1,\"content\":\"message {seq}\"}}").into_bytes(),
        state: MessageState::Normal,
        mark: None,
        copies: vec![],
        counted: false,
        unconfirmed: false,
    }
}

fn other_channel(row: MessageRow) -> MessageRow {
    MessageRow { channel: Channel::person("somebody"), ..row }
}

fn reply_to(id: &str) -> Vec<u8> {
    format!("{{\"type\":1,\"content\":\"yes\",\"reply\":{{\"message_id\":{id},\"payload\":1}}}}").into_bytes()
}

fn copy(id: i64, seq: u64) -> Copy {
    Copy { message_id: MessageId(id), message_seq: MessageSeq(seq) }
}

fn mark(version: u64, client_msg_no: &str, copies: &[(i64, u64)]) -> Mark {
    Mark {
        version,
        state: MarkState::Recalled,
        client_msg_no: client_msg_no.into(),
        copies: copies.iter().map(|(id, seq)| copy(*id, *seq)).collect(),
        author: "author".into(),
        operator: "operator".into(),
        role: Role::Admin,
        at: Wall(1_700_000_000_000),
        deadline: version.is_multiple_of(2).then_some(Wall(1_700_000_120_000)),
        hint: false,
    }
}

fn outbox(client_msg_no: &str, ordinal: u64) -> OutboxRow {
    OutboxRow {
        client_msg_no: client_msg_no.into(),
        ordinal,
        channel: group(),
        content: b"{\"type\":1}".to_vec(),
        created_at: Wall(1_700_000_000_123),
        expire: 60,
        flags: 0b0010,
        setting: 0b1000_0000,
        topic: None,
        state: OutboxState::Queued,
    }
}

fn unconfirmed() -> OutboxState {
    OutboxState::Unconfirmed {
        message_id: MessageId(i64::MAX),
        message_seq: MessageSeq(1 << 53),
        since: Wall(1_700_000_000_123),
        looks: 2,
    }
}

fn audit(ordinal: u64) -> AuditRow {
    AuditRow {
        ordinal,
        at: Wall(ordinal as i64 * 7),
        channel: group(),
        operator: "operator".into(),
        client_msg_no: "n-1".into(),
        copies: vec![copy(1001, 1)],
        what: "recalled".into(),
        by: "feed".into(),
    }
}

fn full_channel() -> ChannelRow {
    let range = |first, last| Range { first: MessageSeq(first), last: MessageSeq(last) };
    ChannelRow {
        channel: group(),
        ranges: vec![range(1, 7), range(90, u64::MAX)],
        last_seq: MessageSeq(u64::MAX),
        read_to: MessageSeq(6),
        unread: 3,
        marks_version: 12,
        last: Some(Digest {
            message_seq: MessageSeq(99),
            message_id: MessageId(i64::MAX),
            client_msg_no: "n-99".into(),
            from: "somebody".into(),
            timestamp: 1_700_000_000,
            content: b"\xff".to_vec(),
            state: MessageState::Recalled,
            mark: None,
        }),
        reached_start: true,
        doubts: Vec::new(),
    }
}

fn hydrated(meta: Meta, outbox: Vec<OutboxRow>, channels: Vec<ChannelRow>, commands: Vec<i64>) -> Answer {
    Answer::Hydrated { meta, outbox, channels, commands: commands.into_iter().map(MessageId).collect() }
}

fn channel_answer(seen: &[&MessageRow], aliases: &[(Copy, u64)], marks: &[&Mark]) -> Answer {
    let seen =
        seen.iter().map(|row| Seen { hash: seen_hash(&row.from, &row.client_msg_no), placed_at: row.message_seq });
    Answer::Channel {
        seen: seen.collect(),
        aliases: aliases.iter().map(|(copy, seq)| (*copy, MessageSeq(*seq))).collect(),
        marks: marks.iter().map(|mark| (*mark).clone()).collect(),
    }
}
