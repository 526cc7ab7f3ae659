//! Recall, restore and re-edit as tables, and what holds for every history of them.

use jindou_business::rules::ledger::Ledger;
use jindou_business::rules::message::{marks_needed, merge, unknown_copies};
use jindou_business::rules::recall::{Capacity, Decision, Denial, DenyReason, MarkState, Policy, Target};
use jindou_business::rules::{
    Author, Channel, ClientMsgNo, GroupId, MessageId, MessageSeq, Role, Span, StoredMessage, TargetKey, Time, Uid,
    Version, command,
};
use proptest::prelude::*;

fn uid(id: &str) -> Uid {
    Uid::try_from(id.to_owned()).expect(id)
}

fn group() -> Channel {
    Channel::Group(GroupId::try_from("g1".to_owned()).expect("g1"))
}

fn seq(number: u64) -> MessageSeq {
    MessageSeq::try_from(number).expect("safe")
}

const SENT: i64 = 1_000_000;

fn stored(id: i64, author: &str, client_msg_no: &str, payload: &str) -> StoredMessage {
    StoredMessage {
        message_id: MessageId(id),
        message_seq: seq(id as u64),
        client_msg_no: ClientMsgNo::stored(client_msg_no),
        from_uid: Author::new(author),
        timestamp: SENT,
        setting: 0,
        expire: 0,
        no_persist: false,
        red_dot: true,
        sync_once: false,
        payload: payload.as_bytes().to_vec(),
    }
}

fn target(channel: &Channel, client_msg_no: &str) -> Target {
    Target {
        channel: channel.clone(),
        client_msg_no: ClientMsgNo::stored(client_msg_no),
        message_id: None,
        message_seq: None,
    }
}

fn roles(who: &Uid) -> Option<Role> {
    match who.as_str() {
        "owner" => Some(Role::Owner),
        "admin" | "admin2" => Some(Role::Admin),
        "alice" | "bob" => Some(Role::Member),
        _ => None,
    }
}

fn after(seconds: i64) -> Time {
    Time::from_seconds(SENT + seconds)
}

fn reason(decision: &Decision) -> Option<DenyReason> {
    match decision {
        Decision::Denied(denial) => Some(denial.reason),
        _ => None,
    }
}

#[test]
fn who_may_recall_whose_message_and_when_stands_in_one_table() {
    use Capacity as As;
    use DenyReason::{NotAuthor, NotMember, UnknownMessage, Window};
    let soon = 119;
    let late = 121;
    let table = [
        ("alice", "alice", soon, Ok(As::Author)),
        ("alice", "alice", 120, Ok(As::Author)),
        ("alice", "alice", late, Err(Window)),
        ("alice", "bob", soon, Err(NotAuthor)),
        ("alice", "owner", soon, Err(NotAuthor)),
        ("alice", "", soon, Err(NotAuthor)),
        ("admin", "alice", late, Ok(As::Admin)),
        ("admin", "gone", late, Ok(As::Admin)),
        ("admin", "owner", soon, Err(NotAuthor)),
        ("admin", "admin2", soon, Err(NotAuthor)),
        ("admin", "", soon, Err(NotAuthor)),
        ("admin", "admin", soon, Ok(As::Author)),
        ("admin", "admin", late, Ok(As::Admin)),
        ("owner", "admin", late, Ok(As::Owner)),
        ("owner", "owner", soon, Ok(As::Author)),
        ("owner", "owner", late, Ok(As::Owner)),
        ("owner", "", soon, Err(NotAuthor)),
        ("stranger", "alice", soon, Err(NotMember)),
        ("gone", "gone", soon, Err(NotMember)),
        ("owner", "nobody wrote it", soon, Err(UnknownMessage)),
    ];
    for (caller, author, seconds, expected) in table {
        let messages = if author.contains(' ') { vec![] } else { vec![stored(5, author, "c1", "{}")] };
        let mut ledger = Ledger::default();
        let decision =
            ledger.recall(&uid(caller), &target(&group(), "c1"), &messages, &roles, &Policy::default(), after(seconds));
        match (&decision, expected) {
            (Decision::Change(change), Ok(capacity)) => {
                assert_eq!(change.mark.capacity, capacity, "{caller} recalls {author}")
            }
            (_, Err(why)) => assert_eq!(reason(&decision), Some(why), "{caller} recalls {author}"),
            _ => panic!("{caller} recalls {author} after {seconds} s: {decision:?}"),
        }
    }
}

#[test]
fn in_a_person_channel_only_the_author_recalls_whatever_their_role_elsewhere() {
    let channel = Channel::person(uid("owner"), uid("alice"));
    let both = |_: &Uid| Some(Role::Owner);
    let message = [stored(5, "alice", "c1", "{}")];
    let mut ledger = Ledger::default();
    let policy = Policy::default();
    let denied = ledger.recall(&uid("owner"), &target(&channel, "c1"), &message, &both, &policy, after(1));
    assert_eq!(reason(&denied), Some(DenyReason::NotAuthor));
    let late = ledger.recall(&uid("alice"), &target(&channel, "c1"), &message, &both, &policy, after(121));
    assert_eq!(late, Decision::Denied(Denial { reason: DenyReason::Window, deadline: Some(after(120)) }));
    assert!(matches!(
        ledger.recall(&uid("alice"), &target(&channel, "c1"), &message, &both, &policy, after(1)),
        Decision::Change(_)
    ));
}

#[test]
fn a_recall_covers_every_stored_copy_and_a_repeated_one_answers_the_same_mark() {
    let messages =
        [stored(9, "alice", "c1", "second"), stored(5, "alice", "c1", "first"), stored(6, "bob", "c1", "bob's")];
    let mut ledger = Ledger::default();
    let mut recall =
        |at| ledger.recall(&uid("alice"), &target(&group(), "c1"), &messages, &roles, &Policy::default(), at);
    let Decision::Change(change) = recall(after(1)) else { panic!("recalled") };
    let ids: Vec<i64> = change.mark.copies.iter().map(|copy| copy.message_id.0).collect();
    assert_eq!(ids, [5, 9], "both of alice's copies, none of bob's");
    assert_eq!(recall(after(100_000)), Decision::Already(change.mark.clone()), "long after the window");
    assert_eq!(ledger.version(&group()), change.mark.version);
}

#[test]
fn ids_that_do_not_fit_together_name_nothing() {
    let messages = [stored(5, "alice", "c1", "a"), stored(6, "bob", "c2", "b"), stored(7, "bob", "c1", "b")];
    let mut ledger = Ledger::default();
    let table = [
        // clientMsgNo, messageId, messageSeq, who is meant
        ("c1", None, None, "owner", None), // two people used one name
        ("c1", Some(5), None, "owner", Some("alice")),
        ("c1", Some(7), None, "owner", Some("bob")),
        ("c1", None, Some(7), "owner", Some("bob")),
        ("c2", Some(5), None, "owner", None), // the id of another message
        ("c1", Some(6), None, "owner", None),
        ("c1", None, None, "bob", Some("bob")), // one's own
        ("c3", None, None, "owner", None),
    ];
    for (name, id, at, caller, meant) in table {
        let mut wanted = target(&group(), name);
        wanted.message_id = id.map(MessageId);
        wanted.message_seq = at.map(seq);
        let decision = ledger.clone().recall(&uid(caller), &wanted, &messages, &roles, &Policy::default(), after(1));
        match (decision, meant) {
            (Decision::Change(change), Some(author)) => {
                assert!(change.mark.key.author.is(&uid(author)), "{name} {id:?} {at:?}")
            }
            (decision, None) => assert_eq!(reason(&decision), Some(DenyReason::UnknownMessage), "{name} {id:?} {at:?}"),
            (decision, _) => panic!("{name} {id:?} {at:?}: {decision:?}"),
        }
    }
    // A message without a clientMsgNo is known by its id.
    let nameless = [stored(8, "alice", "", "x"), stored(9, "alice", "", "y")];
    let mut wanted = target(&group(), "");
    assert_eq!(
        reason(&ledger.recall(&uid("alice"), &wanted, &[], &roles, &Policy::default(), after(1))),
        Some(DenyReason::UnknownMessage)
    );
    wanted.message_id = Some(MessageId(9));
    let Decision::Change(change) =
        ledger.recall(&uid("alice"), &wanted, &nameless, &roles, &Policy::default(), after(1))
    else {
        panic!("recalled")
    };
    assert_eq!(change.mark.copies.len(), 1, "the other nameless message stays");
    assert_eq!(change.mark.copies[0].message_id, MessageId(9));
}

#[test]
fn who_may_restore_and_re_edit_and_until_when_stands_in_one_table() {
    use DenyReason::{NotAuthor, NotMember, NotRecalled, Window};
    let day = 24 * 3600;
    //  recalled by, asked by, seconds after the recall, restore, re-edit
    let table = [
        ("alice", "alice", 1, None, None),
        ("alice", "alice", day, None, None),
        ("alice", "alice", day + 1, Some(Window), Some(Window)),
        ("alice", "bob", 1, Some(NotAuthor), Some(NotAuthor)),
        ("alice", "owner", 1, Some(NotAuthor), Some(NotAuthor)),
        ("alice", "stranger", 1, Some(NotMember), Some(NotMember)),
        ("owner", "alice", 1, Some(NotAuthor), None),
        ("owner", "owner", 1, Some(NotAuthor), Some(NotAuthor)),
        ("nobody", "alice", 1, Some(NotRecalled), Some(NotRecalled)),
    ];
    let channel = group();
    let messages = [stored(5, "alice", "c1", "mine")];
    let key = messages[0].target();
    for (by, asked_by, seconds, restore, reedit) in table {
        let mut ledger = Ledger::default();
        ledger.recall(&uid(by), &target(&channel, "c1"), &messages, &roles, &Policy::default(), after(10));
        let (caller, now) = (uid(asked_by), after(10 + seconds));
        let content = ledger.reedit(&caller, &channel, &key, roles(&caller), now);
        assert_eq!(
            content.as_ref().err().map(|denial| denial.reason),
            reedit,
            "{by}, {asked_by} re-edits after {seconds}"
        );
        assert!(content.is_err() || content == Ok(Some(b"mine")), "the content is the author's");
        let decision = ledger.restore(&caller, &channel, &key, roles(&caller), &Policy::default(), now);
        assert_eq!(reason(&decision), restore, "{by}, {asked_by} restores after {seconds}");
    }
}

#[test]
fn an_author_may_undo_a_moderators_recall_only_where_the_policy_says_so() {
    let messages = [stored(5, "alice", "c1", "mine")];
    for (allowed, denied) in [(false, Some(DenyReason::NotAuthor)), (true, None)] {
        let policy = Policy { restore_moderated: allowed, ..Policy::default() };
        let mut ledger = Ledger::default();
        ledger.recall(&uid("admin"), &target(&group(), "c1"), &messages, &roles, &policy, after(1));
        let decision =
            ledger.restore(&uid("alice"), &group(), &messages[0].target(), Some(Role::Member), &policy, after(2));
        assert_eq!(reason(&decision), denied);
    }
}

#[test]
fn windows_without_limit_and_of_nothing_work() {
    let messages = [stored(5, "alice", "c1", "mine"), stored(6, "bob", "c2", "his")];
    let open = Policy { recall_window: None, restore_window: None, ..Policy::default() };
    let mut ledger = Ledger::default();
    let Decision::Change(change) =
        ledger.recall(&uid("alice"), &target(&group(), "c1"), &messages, &roles, &open, after(1 << 30))
    else {
        panic!("recalled")
    };
    assert_eq!(change.mark.deadline, None);
    ledger.expire(after(1 << 40));
    assert_eq!(
        ledger.reedit(&uid("alice"), &group(), &change.mark.key, Some(Role::Member), after(1 << 40)),
        Ok(Some(&b"mine"[..]))
    );
    let shut = Policy { recall_window: Some(Span(0)), manager_window: Some(Span(0)), ..Policy::default() };
    for caller in ["bob", "owner"] {
        let decision = ledger.recall(&uid(caller), &target(&group(), "c2"), &messages, &roles, &shut, after(1));
        assert_eq!(reason(&decision), Some(DenyReason::Window), "{caller}");
    }
}

#[test]
fn a_page_shows_no_recalled_content_and_no_quote_of_it() {
    let quote = r#"{"type":1,"content":"about it","reply":{"message_id":"5","payload":{"content":"secret"}}}"#;
    let quote_of_copy = r#"{"reply":{"message_id":"9","payload":{"content":"secret"}}}"#;
    let page = vec![
        stored(5, "alice", "c1", "secret"),
        stored(6, "bob", "c2", quote),
        stored(9, "alice", "c1", "secret"),
        stored(10, "bob", "c3", quote_of_copy),
    ];
    let needed = marks_needed(&page);
    assert_eq!((needed.targets.len(), needed.quoted), (3, vec![MessageId(5), MessageId(9)]));
    let mut ledger = Ledger::default();
    ledger.recall(&uid("alice"), &target(&group(), "c1"), &page[..1], &roles, &Policy::default(), after(1));
    let marks = ledger.marks(&group());
    let late_copy = unknown_copies(&page, &marks);
    assert_eq!(late_copy.len(), 1, "a resend that came after the recall");
    assert_eq!(late_copy[0].1.message_id, MessageId(9));
    for viewer in ["bob", "alice"] {
        let seen = merge(page.clone(), &marks, &uid(viewer));
        assert!(
            seen[0].recalled
                && seen[2].recalled
                && seen[0].message.payload.is_empty()
                && seen[2].message.payload.is_empty()
        );
        let quoting = String::from_utf8(seen[1].message.payload.clone()).expect("json");
        assert!(!quoting.contains("secret") && quoting.contains("about it"));
        let mark = seen[0].mark.clone().expect("a mark");
        assert_eq!(mark.deadline.is_some(), viewer == "alice", "the deadline is the author's business");
        assert_eq!(mark.payload, None);
    }
    ledger.restore(&uid("alice"), &group(), &page[0].target(), Some(Role::Member), &Policy::default(), after(2));
    let seen = merge(page.clone(), &ledger.marks(&group()), &uid("bob"));
    assert_eq!(seen[0].message.payload, b"secret");
    assert_eq!(seen[1].message.payload, quote.as_bytes());
}

#[test]
fn commands_name_channel_target_and_version_for_both_sides() {
    let mut ledger = Ledger::default();
    let person = Channel::person(uid("alice"), uid("bob"));
    for (channel, to, uids) in [(group(), "g1", None), (person, "bob", Some(["alice", "bob"]))] {
        let messages = [stored(5, "alice", "c1", "secret")];
        let Decision::Change(change) =
            ledger.recall(&uid("alice"), &target(&channel, "c1"), &messages, &roles, &Policy::default(), after(1))
        else {
            panic!("recalled")
        };
        let sent = command::for_mark(&change.mark).expect("a command");
        assert_eq!((sent.from.as_str(), sent.to.channel_id.as_str()), ("alice", to));
        let payload: serde_json::Value = serde_json::from_slice(&sent.payload).expect("json");
        assert_eq!((&payload["type"], &payload["cmd"]), (&99.into(), &"messageRevoke".into()));
        let param = &payload["param"];
        assert_eq!(
            (&param["message_id"], &param["message_seq"], &param["version"]),
            (&"5".into(), &5.into(), &1.into())
        );
        assert_eq!((&param["channel_id"], &param["operator"]), (&to.into(), &"alice".into()));
        assert_eq!(param.get("uids"), uids.map(|uids| serde_json::json!(uids)).as_ref());
        assert!(!String::from_utf8_lossy(&sent.payload).contains("secret"));
    }
}

#[test]
fn the_channel_of_a_replayed_command_is_recomputed() {
    let ours = br#"{"type":99,"cmd":"messageRevoke","param":{"uids":["alice","bob"]}}"#;
    let table: [(&str, u8, &str, &[u8], &str); 7] = [
        // stored id (the second half of WuKongIM's own), type, from, payload, alice's name for it
        ("alice____cmd", 1, "bob", b"{}", "bob"),
        ("bob____cmd", 1, "bob", b"{}", "bob"),
        ("bob____cmd", 1, "alice", b"{}", "bob"),
        ("alice____cmd", 1, "alice", ours, "bob"),
        ("alice____cmd", 1, "alice", b"{}", ""),
        ("____system____cmd", 1, "", b"{}", ""),
        ("g1____cmd", 2, "bob", b"{}", "g1"),
    ];
    for (stored_id, channel_type, from, payload, expected) in table {
        let channel = command::channel_of(stored_id, channel_type, from, payload, &uid("alice"));
        assert_eq!(
            (channel.channel_id.as_str(), channel.channel_type),
            (expected, channel_type),
            "{stored_id} from {from}"
        );
    }
}

#[derive(Clone, Debug)]
enum Step {
    Recall { caller: usize, message: usize },
    Restore { caller: usize, message: usize },
    Wait { seconds: i64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..6usize, 0..4usize).prop_map(|(caller, message)| Step::Recall { caller, message }),
        (0..6usize, 0..4usize).prop_map(|(caller, message)| Step::Restore { caller, message }),
        (0..90_000i64).prop_map(|seconds| Step::Wait { seconds }),
        (0..30i64).prop_map(|seconds| Step::Wait { seconds }),
    ];
    prop::collection::vec(step, 0..40)
}

const PEOPLE: [&str; 6] = ["owner", "admin", "alice", "bob", "stranger", "admin2"];

proptest! {
    #[test]
    fn versions_count_changes_and_the_feed_tells_the_present_state(steps in steps(), limit in 1..5usize) {
        let messages =
            [stored(1, "alice", "a1", "one"), stored(2, "bob", "b1", "two"), stored(3, "owner", "o1", "three"), stored(4, "alice", "a1", "one")];
        let (channel, policy) = (group(), Policy::default());
        let mut ledger = Ledger::default();
        let mut now = after(0);
        let mut changes = 0;
        for step in steps {
            let decision = match step {
                Step::Wait { seconds } => { now = now.plus(Span::seconds(seconds)); ledger.expire(now); continue }
                Step::Recall { caller, message } => {
                    let mut wanted = target(&channel, messages[message].client_msg_no.as_str());
                    wanted.message_id = Some(messages[message].message_id);
                    ledger.recall(&uid(PEOPLE[caller]), &wanted, &messages, &roles, &policy, now)
                }
                Step::Restore { caller, message } => {
                    let caller = uid(PEOPLE[caller]);
                    ledger.restore(&caller, &channel, &messages[message].target(), roles(&caller), &policy, now)
                }
            };
            if let Decision::Change(change) = decision {
                changes += 1;
                prop_assert_eq!(change.mark.version.number(), changes);
                prop_assert!(change.mark.operator.as_str() != "stranger");
                prop_assert!(!change.mark.copies.is_empty());
                let by_author = change.mark.key.author.is(&change.mark.operator);
                prop_assert!(by_author || change.mark.state == MarkState::Recalled, "only an author restores");
            }
            prop_assert_eq!(ledger.version(&channel).number(), changes);
        }
        // Reading page by page from nothing gives each mark once, ascending, and ends at the newest version.
        let (mut since, mut seen) = (Version::ZERO, Vec::new());
        loop {
            let page = ledger.feed(&channel, since, limit);
            prop_assert!(page.version > since || !page.more);
            seen.extend(page.marks);
            since = page.version;
            if !page.more { break }
        }
        prop_assert_eq!(since.number(), changes);
        prop_assert!(seen.windows(2).all(|pair| pair[0].version < pair[1].version));
        let mut keys: Vec<TargetKey> = seen.iter().map(|mark| mark.key.clone()).collect();
        keys.sort();
        keys.dedup();
        prop_assert_eq!(keys.len(), seen.len());
        for mark in &seen {
            prop_assert_eq!(ledger.mark(&channel, &mark.key), Some(mark));
            let withdrawn = mark.state == MarkState::Recalled;
            let shown = merge(messages.to_vec(), &ledger.marks(&channel), &uid("bob"));
            for message in shown.iter().filter(|shown| shown.message.target() == mark.key) {
                prop_assert_eq!(message.message.payload.is_empty(), withdrawn);
            }
        }
    }
}
