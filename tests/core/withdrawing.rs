//! What a recall takes with it, wherever its words were copied to.

use jindou::client::{Command, Event, MessageView, Reply};
use jindou::error::{DenyReason, ErrorCode};
use jindou::id::{ClientSeq, MessageId, MessageSeq};
use jindou::request::{ChannelRole, Policy, Request, Response, Target, failure};
use jindou::rows::{Answer, Mark, MarkState, MessageState, Query, Role};
use jindou::time::Millis;
use jindou::wire::{Flags, Packet};

use crate::receiving::{catch_up, feed, group, mark, online, revoke};
use crate::world::World;

pub const SECRET: &str = "{\"type\":1,\"content\":\"secret\"}";
const QUOTE: &str =
    "{\"type\":1,\"content\":\"yes\",\"reply\":{\"message_id\":\"11\",\"payload\":{\"content\":\"secret\"}}}";

/// Alice's message 11 is here.
pub fn told() -> World {
    let mut world = online();
    let recv = world.recv("alice", "a1", 11, 1, SECRET);
    world.say(Packet::Recv(recv));
    world
}

pub fn recall(world: &mut World) {
    revoke(world, "alice", 70, "a1", 1);
    feed(world, 1, vec![mark(1, MarkState::Recalled, "a1", 11, 1)]);
}

fn holds_secret(content: Option<&[u8]>) -> bool {
    String::from_utf8_lossy(content.unwrap_or_default()).contains("secret")
}

fn messages(world: &World) -> impl Iterator<Item = &MessageView> {
    world.events.iter().filter_map(|event| match event {
        Event::Message { message, .. } | Event::MessageChanged { message } => Some(message),
        _ => None,
    })
}

#[test]
fn what_is_owed_does_not_quote_what_was_recalled() {
    let mut world = told();
    world.send(group(), "n1", QUOTE);
    world.ack(ClientSeq(1), 0, 0, 3);
    recall(&mut world);
    let owed = world.disk.outbox().next().expect("parked");
    assert!(!holds_secret(Some(&owed.content)));
    assert!(!holds_secret(messages(&world).last().expect("told").content.as_deref()));

    world.send(group(), "n2", QUOTE);
    assert!(world.disk.outbox().all(|row| !holds_secret(Some(&row.content))), "nor does what is accepted later");
}

#[test]
fn a_copy_that_was_stored_after_the_recall_is_not_quoted_either() {
    let mut world = told();
    recall(&mut world);
    let copy = world.recv("alice", "a1", 12, 2, SECRET);
    world.say(Packet::Recv(copy));
    for reload in [false, true] {
        if reload {
            world.reload();
            world.connect();
        }
        let seq = 3 + u64::from(reload);
        let quote = QUOTE.replace("\"11\"", "\"12\"");
        let quoting = world.recv("carol", &format!("c{seq}"), 20 + seq as i64, seq, &quote);
        world.say(Packet::Recv(quoting));
        let page = world.page(group());
        assert!(page.iter().any(|message| message.message_seq == Some(MessageSeq(seq))));
        assert!(page.iter().all(|message| !holds_secret(message.content.as_deref())));
    }
}

#[test]
fn what_quoted_a_copy_before_that_copy_was_stored_quotes_it_no_more() {
    let mut world = told();
    recall(&mut world);
    let quoting = world.recv("carol", "c3", 23, 3, &QUOTE.replace("\"11\"", "\"12\""));
    world.say(Packet::Recv(quoting));
    let copy = world.recv("alice", "a1", 12, 2, SECRET);
    world.say(Packet::Recv(copy));
    let page = world.page(group());
    assert!(page.iter().any(|message| message.message_seq == Some(MessageSeq(3))));
    assert!(page.iter().all(|message| !holds_secret(message.content.as_deref())));
    assert!(!holds_secret(messages(&world).last().expect("told").content.as_deref()));
}

#[test]
fn what_is_owed_quotes_no_copy_that_was_stored_later() {
    let mut world = told();
    recall(&mut world);
    world.send(group(), "n1", &QUOTE.replace("\"11\"", "\"12\""));
    world.ack(ClientSeq(1), 0, 0, 3);
    let copy = world.recv("alice", "a1", 12, 2, SECRET);
    world.say(Packet::Recv(copy));
    let owed = world.disk.outbox().next().expect("parked");
    assert!(!holds_secret(Some(&owed.content)));
    assert!(!holds_secret(messages(&world).last().expect("told").content.as_deref()));
}

#[test]
fn what_is_said_after_a_reload_quotes_nothing_recalled_and_nothing_overtakes_it() {
    let mut world = told();
    recall(&mut world);
    world.reload();
    world.connect();
    world.events.clear();
    world.send(group(), "n1", QUOTE);
    world.send(group(), "n2", "{}");
    assert_eq!(world.shown(), ["n1", "n2"]);
    assert!(messages(&world).all(|message| !holds_secret(message.content.as_deref())));
    assert!(world.disk.outbox().all(|row| !holds_secret(Some(&row.content))));
}

#[test]
fn what_is_only_passed_on_does_not_quote_what_was_recalled_also_before_the_marks_are_read() {
    let mut world = told();
    recall(&mut world);
    for reload in [false, true] {
        if reload {
            world.reload();
            world.connect();
        }
        world.events.clear();
        let mut recv = world.recv("alice", &format!("t{reload}"), 40 + i64::from(reload), 0, "");
        recv.flags = Flags { no_persist: true, ..Flags::default() };
        recv.payload = QUOTE.as_bytes().to_vec();
        world.seal(&mut recv);
        world.say(Packet::Recv(recv));
        let message = messages(&world).next().expect("passed on");
        assert!(message.content.is_some() && !holds_secret(message.content.as_deref()), "after a reload: {reload}");
    }
}

#[test]
fn what_another_device_recalled_is_owed_no_more_and_counts_as_sent() {
    let mut world = online();
    let sending = world.send(group(), "n1", SECRET);
    revoke(&mut world, "bob", 70, "n1", 1);
    let recalled = Mark { author: "bob".into(), ..mark(1, MarkState::Recalled, "n1", 12, 2) };
    feed(&mut world, 1, vec![recalled]);
    assert_eq!(world.disk.outbox().count(), 0);
    let Some(Ok(Reply::Sent { message, .. })) = world.outcome(sending) else { panic!("waits") };
    assert_eq!((message.state.clone(), message.message_id), (MessageState::Recalled, Some(MessageId(12))));
    let removed = world.events.iter().any(|event| matches!(event, Event::MessageRemoved { .. }));
    assert!(removed, "the echo goes");

    // The SENDACK that was on its way places it.
    world.ack(ClientSeq(1), 12, 2, 1);
    let page = world.page(group());
    assert_eq!((page.len(), page[0].state.clone(), page[0].content.clone()), (1, MessageState::Recalled, None));
}

#[test]
fn the_audit_tells_what_was_asked_and_who_refused_it() {
    let mut world = told();
    let act = |client_msg_no: &str, seq: u64| Target {
        client_msg_no: client_msg_no.into(),
        message_seq: Some(MessageSeq(seq)),
        ..Target::default()
    };
    let audited = |world: &World| {
        let Answer::Audit(lines) = world.disk.answer(&Query::Audit { limit: 10 }) else { panic!("no audit") };
        lines.into_iter().map(|line| (line.what, line.by, line.client_msg_no.0)).collect::<Vec<_>>()
    };
    let line = |what: &str, by: &str, number: &str| (what.to_owned(), by.to_owned(), number.to_owned());
    world.call(Command::Restore { channel: group(), target: act("a1", 1) });
    let recalling = world.call(Command::Recall { channel: group(), target: act("a1", 1) });
    let refused = failure(403, br#"{"code":"recall-denied","message":"","reason":"not-author"}"#);
    world.hold_stores = true;
    world.answer(|request| matches!(request, Request::Recall(_)), Err(refused));
    assert!(world.outcome(recalling).is_none(), "not before it is on record");
    world.let_stores_go();
    let error = world.outcome(recalling).expect("settled").as_ref().expect_err("refused");
    assert_eq!((error.code, error.reason), (ErrorCode::RecallDenied, Some(DenyReason::NotAuthor)));
    assert_eq!(
        audited(&world),
        [
            line("denied", "business", "a1"),
            line("requested", "application", "a1"),
            line("restore-denied", "application", "a1")
        ]
    );
    // One that is not here is asked for all the same; and no answer is no refusal.
    world.call(Command::Restore { channel: group(), target: act("far", 900) });
    world.answer(|request| matches!(request, Request::Restore(_)), Err(failure(503, b"")));
    assert_eq!(audited(&world)[0], line("restore-requested", "application", "far"));
}

#[test]
fn an_echo_is_never_shown_with_a_quotation_that_the_same_batch_takes_away() {
    let mut world = told();
    revoke(&mut world, "alice", 70, "a1", 1);
    world.hold_stores = true;
    world.send(group(), "n0", "{}");
    world.events.clear();
    // Both wait behind the batch that is under way.
    world.send(group(), "n1", QUOTE);
    feed(&mut world, 1, vec![mark(1, MarkState::Recalled, "a1", 11, 1)]);
    while !world.held.is_empty() {
        world.let_stores_go();
    }
    assert!(messages(&world).any(|message| message.client_msg_no.as_str() == "n1"));
    assert!(messages(&world).all(|message| !holds_secret(message.content.as_deref())));
}

#[test]
fn a_recall_reaches_a_quotation_within_a_quotation_and_what_is_forwarded_together() {
    let within = "{\"reply\":{\"message_id\":\"12\",\"payload\":{\"content\":\"yes\",\"reply\":{\"message_id\":\"11\",\"payload\":{\"content\":\"secret\"}}}}}";
    let together = "{\"type\":11,\"msgs\":[{\"message_id\":\"12\",\"payload\":{\"content\":\"yes\"}},{\"message_id\":\"11\",\"payload\":{\"content\":\"secret\"}}]}";
    for content in [within, together] {
        let mut world = told();
        let recv = world.recv("alice", "a3", 13, 3, content);
        world.say(Packet::Recv(recv));
        world.send(group(), "n1", content);
        recall(&mut world);
        let recv = world.recv("alice", "a4", 14, 4, content);
        world.say(Packet::Recv(recv));
        let page = world.page(group());
        let contents: Vec<_> = page.iter().filter_map(|message| message.content.as_deref()).collect();
        assert_eq!(contents.len(), 3, "before the recall, owed, and after it");
        for content in contents {
            assert!(!holds_secret(Some(content)) && String::from_utf8_lossy(content).contains("yes"));
        }
    }
}

#[test]
fn a_clock_that_was_put_right_denies_nobody_a_recall_and_the_server_decides() {
    let policy = || Policy {
        recall_window: Some(120_000),
        roles: vec![ChannelRole { channel: group(), role: Role::Member }],
        ..Policy::default()
    };
    let is_policy = |request: &Request| matches!(request, Request::Policy);
    let asked = |world: &World| world.requests.iter().any(|(_, request)| matches!(request, Request::Recall(_)));
    let recall = |world: &mut World| {
        let target =
            Target { message_id: Some(MessageId(11)), message_seq: Some(MessageSeq(1)), client_msg_no: "b1".into() };
        world.call(Command::Recall { channel: group(), target })
    };
    // The third came by a line on which CONNECT took long, and the fourth too late.
    for (passed, jump, way_up) in [(10, 0, 0), (10, 3_600_000, 0), (110, 0, 7), (300, 0, 0)] {
        let passed = Millis::seconds(passed);
        let mut world = World::with(|config| config.business = true);
        world.way_up = Millis::seconds(way_up);
        world.connect();
        world.answer(is_policy, Ok(Response::Policy(policy())));
        catch_up(&mut world);
        let recv = world.recv("bob", "b1", 11, 1, "{}");
        world.say(Packet::Recv(recv));
        world.pass(passed);
        world.now.wall.0 += jump;
        let ticket = recall(&mut world);
        let late = passed > Millis::seconds(120);
        assert_eq!(asked(&world), !late, "after {passed:?} and a jump of {jump}");
        let denied = matches!(world.outcome(ticket), Some(Err(error)) if error.reason == Some(DenyReason::Window));
        assert_eq!(denied, late);
    }
}

#[test]
fn a_forged_command_leads_no_recall_to_the_words_of_another_message() {
    let mut world = told();
    let recv = world.recv("mallory", "m1", 12, 2, "{}");
    world.say(Packet::Recv(recv));
    // Of one's own message, but it names another one too; and then that message is recalled indeed.
    let mut command = world.recv("mallory", "k", 70, 900, "");
    command.flags = Flags { sync_once: true, ..Flags::default() };
    command.payload =
        br#"{"type":99,"cmd":"messageRevoke","param":{"client_msg_no":"m1","message_id":"11","version":1}}"#.to_vec();
    world.seal(&mut command);
    world.say(Packet::Recv(command));
    let own = Mark { author: "mallory".into(), ..mark(1, MarkState::Recalled, "m1", 12, 2) };
    feed(&mut world, 1, vec![own]);
    let recv = world.recv("carol", "c1", 13, 3, QUOTE);
    world.say(Packet::Recv(recv));
    let page = world.page(group());
    assert_eq!(page[1].state, MessageState::Recalled);
    assert!(holds_secret(page[2].content.as_deref()), "nobody recalled what it quotes");
}

#[test]
fn what_has_taken_the_place_of_a_message_is_not_recalled_for_it() {
    let mut world = online();
    let recv = world.recv("bob", "b9", 19, 1, SECRET);
    world.say(Packet::Recv(recv));
    let target = |number: &str, id: i64| Target {
        client_msg_no: number.into(),
        message_id: Some(MessageId(id)),
        message_seq: Some(MessageSeq(1)),
    };
    // As the application knew it before the server gave its place away.
    for (number, id) in [("b1", 11), ("", 11)] {
        world.call(Command::Recall { channel: group(), target: target(number, id) });
        let asked = world.requests.iter().find_map(|(_, request)| match request {
            Request::Recall(act) => Some(act.target.clone()),
            _ => None,
        });
        assert_eq!(asked, Some(target(number, id)));
        world.requests.clear();
    }
    let stays = world.recv("alice", "a2", 20, 2, SECRET);
    world.say(Packet::Recv(stays));
    let of_alice = Target { message_seq: Some(MessageSeq(2)), ..target("b1", 11) };
    let recalling = world.call(Command::Recall { channel: group(), target: of_alice });
    assert!(world.outcome(recalling).is_none(), "it is for the business server to say");
}

#[test]
fn who_was_denied_by_a_role_that_has_changed_since_is_not_denied_the_next_time() {
    let mut world = told();
    let policy = |role| Policy { roles: vec![ChannelRole { channel: group(), role }], ..Policy::default() };
    let is_policy = |request: &Request| matches!(request, Request::Policy);
    let recall = |world: &mut World| {
        let target = Target { message_seq: Some(MessageSeq(1)), client_msg_no: "a1".into(), ..Target::default() };
        world.call(Command::Recall { channel: group(), target })
    };
    world.pass(Millis::seconds(30 * 60));
    world.answer(is_policy, Ok(Response::Policy(policy(Role::Member))));
    let denied = recall(&mut world);
    assert!(matches!(world.outcome(denied), Some(Err(error)) if error.reason == Some(DenyReason::NotAuthor)));
    world.answer(is_policy, Ok(Response::Policy(policy(Role::Admin))));
    let asked = recall(&mut world);
    assert!(world.outcome(asked).is_none(), "it is for the business server to say");
}

#[test]
fn an_audit_of_no_lines_is_refused_and_one_of_very_many_is_of_a_thousand() {
    let mut world = told();
    for id in 0..600 {
        // Hidden, and found to be forged.
        revoke(&mut world, "alice", 100 + id, "a1", 1);
        feed(&mut world, 0, Vec::new());
    }
    let mut lines = |limit| {
        let reading = world.call(Command::Audit { limit });
        match world.outcome(reading) {
            Some(Ok(Reply::Audit { lines })) => Ok(lines.len()),
            Some(Err(error)) => Err(error.code),
            other => panic!("no audit: {other:?}"),
        }
    };
    assert_eq!([lines(0), lines(1), lines(usize::MAX)], [Err(ErrorCode::InvalidArgument), Ok(1), Ok(1000)]);
}

#[test]
fn a_command_about_a_message_hides_nobody_elses_under_the_same_number() {
    let mut world = online();
    let mut command = world.recv("____system", "k", 70, 900, "");
    command.flags = Flags { sync_once: true, ..Flags::default() };
    let param = "{\"client_msg_no\":\"x\",\"message_id\":\"12\",\"message_seq\":2,\"version\":1}";
    command.payload = format!("{{\"type\":99,\"cmd\":\"messageRevoke\",\"param\":{param}}}").into_bytes();
    world.seal(&mut command);
    world.say(Packet::Recv(command));
    for (from, id, seq) in [("alice", 11, 1), ("mallory", 12, 2)] {
        let recv = world.recv(from, "x", id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    let states =
        |world: &mut World| -> Vec<_> { world.page(group()).into_iter().map(|message| message.state).collect() };
    assert_eq!(states(&mut world), [MessageState::Normal, MessageState::Hidden]);
    let recalled = mark(1, MarkState::Recalled, "x", 12, 2);
    feed(&mut world, 1, vec![Mark { author: "mallory".into(), operator: "mallory".into(), ..recalled }]);
    assert_eq!(states(&mut world), [MessageState::Normal, MessageState::Recalled]);
}
