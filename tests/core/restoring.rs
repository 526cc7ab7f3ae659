//! A restore gives the content back, by whatever road it comes first.

use jindou::client::{Command, Reply};
use jindou::error::{DenyReason, ErrorCode};
use jindou::id::{MessageId, MessageSeq};
use jindou::request::{ChannelMarks, FedMark, HistoryPage, Message, Request, Response, Target, failure};
use jindou::rows::{Mark, MarkState, MessageState};
use jindou::time::Millis;
use jindou::turn::Ticket;
use jindou::wire::Packet;

use crate::receiving::{catch_up, feed, group, mark, online, revoke, stored};
use crate::withdrawing::{SECRET, recall, told};
use crate::world::World;

fn restored(id: i64, seq: u64) -> FedMark {
    FedMark { mark: mark(2, MarkState::Restored, "a1", id, seq), payload: None }
}

/// Asks for the history, as something is missing below `seq`, and is answered with this.
fn read(world: &mut World, seq: u64, message: Message) {
    let recv = world.recv("alice", "z", 90, seq, "{}");
    world.say(Packet::Recv(recv));
    world.pass(Millis::seconds(1));
    let page = HistoryPage { messages: vec![message], more: false, marks_version: 0 };
    world.answer(|request| matches!(request, Request::History(_)), Ok(Response::History(page)));
}

fn first(world: &mut World) -> (MessageState, Option<String>) {
    let page = world.page(group());
    let message = page.first().expect("a message");
    (message.state.clone(), message.content.as_ref().map(|content| String::from_utf8_lossy(content).into_owned()))
}

#[test]
fn the_feed_brings_the_content_where_a_page_told_only_that_it_is_restored() {
    let mut world = told();
    recall(&mut world);
    let message = Message { mark: Some(restored(11, 1)), ..stored(11, 1, "a1", "") };
    read(&mut world, 3, message);
    assert_eq!(first(&mut world).0, MessageState::Recalled, "there is nothing to show yet");
    // As after a tab that was closed between the mark and the content of a page.
    world.reload();
    world.connect();
    let fed = FedMark { payload: Some(SECRET.into()), ..restored(11, 1) };
    let answer = ChannelMarks { channel: group(), version: 2, more: false, marks: vec![fed] };
    while !world.requests.iter().any(|(_, request)| matches!(request, Request::Marks(_))) {
        world.page(group());
        world.answer(|_| true, Ok(Response::Policy(Default::default())));
    }
    world.answer(|request| matches!(request, Request::Marks(_)), Ok(Response::Marks(vec![answer])));
    assert_eq!(first(&mut world), (MessageState::Normal, Some(SECRET.to_owned())));
    catch_up(&mut world);
}

#[test]
fn another_copy_of_a_restored_message_brings_the_content_too() {
    let mut world = told();
    recall(&mut world);
    let message = Message { mark: Some(restored(12, 2)), ..stored(12, 2, "a1", SECRET) };
    read(&mut world, 3, message);
    assert_eq!(first(&mut world), (MessageState::Normal, Some(SECRET.to_owned())));
}

/// Bob's message 11, sent by another device of his.
fn own() -> World {
    let mut world = online();
    let recv = world.recv("bob", "a1", 11, 1, SECRET);
    world.say(Packet::Recv(recv));
    world
}

fn own_mark(version: u64, state: MarkState) -> Mark {
    Mark { author: "bob".into(), operator: "bob".into(), ..mark(version, state, "a1", 11, 1) }
}

fn target() -> Target {
    Target { client_msg_no: "a1".into(), message_id: Some(MessageId(11)), message_seq: Some(MessageSeq(1)) }
}

fn restore(world: &mut World) -> Ticket {
    world.call(Command::Restore { channel: group(), target: target() })
}

fn answer_restored(world: &mut World) {
    let fed = FedMark { mark: own_mark(2, MarkState::Restored), payload: Some(SECRET.into()) };
    world.answer(|request| matches!(request, Request::Restore(_)), Ok(Response::Mark(fed)));
}

#[test]
fn a_restore_before_this_device_heard_of_the_recall_is_the_business_servers_to_judge_whatever_comes_first() {
    for recall_comes_first in [true, false] {
        let mut world = own();
        let restoring = restore(&mut world);
        assert!(world.outcome(restoring).is_none(), "another device may have recalled it just now");
        if recall_comes_first {
            revoke(&mut world, "bob", 70, "a1", 1);
            feed(&mut world, 1, vec![own_mark(1, MarkState::Recalled)]);
            assert_eq!(first(&mut world).0, MessageState::Recalled);
        }
        answer_restored(&mut world);
        let Some(Ok(Reply::Message { message })) = world.outcome(restoring) else { panic!("not restored") };
        assert_eq!((&message.state, message.content.as_deref()), (&MessageState::Normal, Some(SECRET.as_bytes())));
        if !recall_comes_first {
            revoke(&mut world, "bob", 70, "a1", 1);
            feed(&mut world, 1, vec![own_mark(1, MarkState::Recalled)]);
        }
        assert_eq!(first(&mut world), (MessageState::Normal, Some(SECRET.to_owned())), "{recall_comes_first}");
    }
}

#[test]
fn what_nobody_recalled_is_restored_by_nobody_and_the_business_server_says_so() {
    let mut world = own();
    let restoring = restore(&mut world);
    let refused = failure(403, br#"{"code":"recall-denied","message":"","reason":"not-recalled"}"#);
    world.answer(|request| matches!(request, Request::Restore(_)), Err(refused));
    let error = world.outcome(restoring).expect("settled").as_ref().expect_err("refused");
    assert_eq!((error.code, error.reason), (ErrorCode::RecallDenied, Some(DenyReason::NotRecalled)));
    assert_eq!(first(&mut world), (MessageState::Normal, Some(SECRET.to_owned())));
}

#[test]
fn what_is_given_for_editing_is_recalled_so_the_feed_is_read_for_it() {
    let mut world = own();
    let editing = world.call(Command::Reedit { channel: group(), target: target() });
    let content = Response::Content(SECRET.into());
    world.answer(|request| matches!(request, Request::Reedit(_)), Ok(content));
    assert!(matches!(world.outcome(editing), Some(Ok(Reply::Content { .. }))));
    feed(&mut world, 1, vec![own_mark(1, MarkState::Recalled)]);
    assert_eq!(first(&mut world).0, MessageState::Recalled);
}

#[test]
fn the_deadline_of_a_recall_that_was_undone_denies_no_later_restore() {
    let mut world = own();
    revoke(&mut world, "bob", 70, "a1", 2);
    let over = Some(jindou::time::Wall(1));
    feed(&mut world, 2, vec![Mark { deadline: over, ..own_mark(2, MarkState::Restored) }]);
    assert_eq!(first(&mut world).0, MessageState::Normal);
    let restoring = restore(&mut world);
    assert!(world.outcome(restoring).is_none(), "another device may have recalled it anew");
    answer_restored(&mut world);
    assert!(matches!(world.outcome(restoring), Some(Ok(Reply::Message { .. }))));
}

#[test]
fn a_restore_that_is_hopeless_here_is_denied_before_any_round_trip() {
    let mut others = told();
    let asking = restore(&mut others);
    let denied = others.outcome(asking).expect("settled").as_ref().expect_err("alice's");
    assert_eq!(denied.reason, Some(DenyReason::NotAuthor));
    assert!(!others.requests.iter().any(|(_, request)| matches!(request, Request::Restore(_))));
}
