//! How it connects, what it takes for a refusal, and when it gives up (never, but for a kick).

use jindou::channel::Channel;
use jindou::client::{Command, ConnectionView, Input, Reply, Socket};
use jindou::error::ErrorCode;
use jindou::request::{HTTP_PATIENCE, Policy, Request, Response};
use jindou::time::Millis;
use jindou::wire::{Connack, Disconnect, Flags, Packet, ProtocolVersion, ReasonCode, Text};

use crate::world::World;

#[test]
fn the_first_pong_makes_it_ready_and_not_the_connack() {
    let mut world = World::new();
    world.answers_ping = false;
    let connecting = world.connect();
    assert_eq!(world.last_state(), Some(&ConnectionView::Authenticating));
    assert!(world.outcome(connecting).is_none());
    world.say(Packet::Pong);
    assert_eq!(world.last_state(), Some(&ConnectionView::Ready));
    assert_eq!(world.outcome(connecting), Some(&Ok(Reply::Done)));
}

#[test]
fn a_connection_that_is_dead_after_connack_is_given_up_within_seconds() {
    let mut world = World::new();
    world.answers_ping = false;
    world.connect();
    let first = world.connection;
    world.pass(Millis::seconds(4));
    assert_eq!(world.closed.first().copied(), first);
    world.answers_ping = true;
    world.pass(Millis::seconds(20));
    assert_eq!(world.last_state(), Some(&ConnectionView::Ready));
}

#[test]
fn a_missing_pong_ends_a_connection_that_was_ready() {
    let mut world = World::new();
    world.connect();
    world.answers_ping = false;
    world.pass(Millis::seconds(16));
    assert_eq!(world.closed.len(), 1);
    assert!(world.dialled.len() >= 2, "it calls again");
}

#[test]
fn a_line_that_is_slow_and_not_dead_is_given_time_but_not_for_ever() {
    let mut world = World::new();
    world.connect();
    world.answers_ping = false;
    for seq in 1..=9 {
        world.pass(Millis::seconds(4));
        let recv = world.recv("alice", "", seq, seq as u64, "{}");
        world.say(Packet::Recv(recv));
        assert!(world.closed.is_empty(), "after {seq} messages");
    }
    world.pass(Millis::seconds(5));
    assert_eq!(world.closed.len(), 1, "PINGs do not reach the server");
}

#[test]
fn a_ping_behind_a_large_message_is_given_the_time_that_the_message_takes() {
    let mut world = World::new();
    world.connect();
    world.answers_ping = false;
    world.pass(Millis::seconds(9));
    let content = format!("\"{}\"", "x".repeat(20_000));
    world.send(jindou::channel::Channel::group("g"), "n1", &content);
    world.pass(Millis::seconds(12));
    assert!(world.closed.is_empty(), "27 KB over a slow line take longer than a PONG may");
    world.pass(Millis::seconds(10));
    assert_eq!(world.closed.len(), 1);
}

#[test]
fn it_tries_again_without_end_and_asks_each_address_in_turn() {
    let mut world = World::new();
    world.polite = false;
    world.addresses = vec!["ws://one".to_owned(), "ws://two".to_owned(), "ws://three".to_owned()];
    let connecting = world.connect();
    for _ in 0..500 {
        if world.connection.take().is_some() {
            let id = jindou::client::ConnectionId(world.dialled.len() as u64);
            world.connection = Some(id);
            world.close_socket();
            world.connection = None;
        }
        world.pass(Millis::seconds(10));
    }
    assert!(world.dialled.len() > 400, "{}", world.dialled.len());
    assert_eq!(world.dialled[..3], ["ws://one", "ws://two", "ws://three"]);
    assert!(world.outcome(connecting).is_none(), "connect() waits");
}

#[test]
fn a_gateway_whose_key_cannot_be_used_is_left_for_the_next_one() {
    let mut world = World::new();
    world.polite = false;
    world.addresses = vec!["ws://one".to_owned(), "ws://two".to_owned()];
    world.connect();
    let id = world.connection.expect("it calls");
    world.feed(Input::Socket(id, Socket::Opened));
    world.say(Packet::Connack(Connack {
        server_version: Some(ProtocolVersion(5)),
        time_diff: 0,
        reason: ReasonCode::SUCCESS,
        server_key: Text::from("QUJD"),
        salt: Text::from("0123456789abcdef"),
        node_id: Some(1),
    }));
    assert_eq!(world.closed, [id]);
    world.polite = true;
    world.pass(Millis::seconds(1));
    assert_eq!(world.dialled, ["ws://one", "ws://two"]);
    assert_eq!(world.last_state(), Some(&ConnectionView::Ready));
}

#[test]
fn a_gateway_that_refuses_is_left_for_the_next_one_too() {
    let mut world = World::new();
    world.polite = false;
    world.addresses = vec!["ws://one".to_owned(), "ws://two".to_owned()];
    let connecting = world.connect();
    let id = world.connection.expect("it calls");
    world.feed(Input::Socket(id, Socket::Opened));
    world.say(Packet::Connack(Connack {
        server_version: None,
        time_diff: 0,
        reason: ReasonCode::AUTH_FAIL,
        server_key: Text::new(),
        salt: Text::new(),
        node_id: None,
    }));
    let error = world.outcome(connecting).expect("settled").as_ref().expect_err("refused");
    assert_eq!(error.code, ErrorCode::Unauthorized);
    world.polite = true;
    world.pass(Millis::seconds(61));
    assert_eq!(world.dialled, ["ws://one", "ws://two"]);
    assert_eq!(world.last_state(), Some(&ConnectionView::Ready));
}

#[test]
fn addresses_that_come_in_another_order_each_time_are_still_tried_in_turn() {
    let mut world = World::new();
    world.polite = false;
    world.addresses = ["ws://one", "ws://two", "ws://three"].map(str::to_owned).to_vec();
    world.connect();
    for _ in 0..2 {
        world.addresses.reverse();
        world.feed(Input::Socket(world.connection.expect("it calls"), Socket::Closed));
        world.pass(Millis::seconds(5));
    }
    let mut tried = world.dialled[..3].to_vec();
    tried.sort();
    assert_eq!(tried, ["ws://one", "ws://three", "ws://two"]);
}

#[test]
fn a_silent_business_server_does_not_keep_it_from_addresses_that_it_knows() {
    let mut world = World::new();
    world.connect();
    world.hold_addresses = true;
    world.close_socket();
    world.pass(Millis::seconds(6));
    assert_eq!(world.last_state(), Some(&ConnectionView::Ready));
    assert_eq!(world.dialled.len(), 2);
}

#[test]
fn an_answer_that_takes_the_whole_patience_of_the_business_server_is_heard() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    assert!(HTTP_PATIENCE > Millis::seconds(15), "longer than the business server waits for WuKongIM");
    world.pass(HTTP_PATIENCE);
    world.answer(|request| matches!(request, Request::Policy), Ok(Response::Policy(Policy::default())));
    let asked = world.requests.iter().filter(|(_, request)| matches!(request, Request::Policy)).count();
    assert_eq!(asked, 0, "it is not asked again");
}

#[test]
fn silence_after_connect_is_a_wrong_token_only_after_three_times_and_fifteen_seconds() {
    let mut world = World::new();
    world.polite = false;
    let connecting = world.connect();
    let mut refused_at = None;
    for attempt in 1..=6 {
        let id = world.connection.expect("an attempt");
        world.feed(jindou::client::Input::Socket(id, jindou::client::Socket::Opened));
        world.pass(Millis::seconds(5));
        world.close_socket();
        if refused_at.is_none() && matches!(world.last_state(), Some(ConnectionView::Refused { .. })) {
            refused_at = Some(attempt);
        }
        let before = world.dialled.len();
        world.pass(Millis::seconds(61));
        assert!(world.dialled.len() > before, "it goes on asking");
    }
    // The third silence ends 15 s and more after the first CONNECT, since pauses lie between.
    assert_eq!(refused_at, Some(3));
    let error = world.outcome(connecting).expect("settled").as_ref().expect_err("refused");
    assert_eq!(error.code, ErrorCode::Unauthorized);
}

/// Whoever says CONNACK has accepted the token, also where the connection dies before its first PONG.
#[test]
fn a_connack_ends_the_silences_before_it() {
    let mut world = World::new();
    world.answers_ping = false;
    world.polite = false;
    world.connect();
    for accepts in [false, false, true, false, false] {
        world.polite = accepts;
        let id = world.connection.expect("an attempt");
        world.feed(jindou::client::Input::Socket(id, jindou::client::Socket::Opened));
        world.pass(Millis::seconds(5));
        if !accepts {
            world.close_socket();
        }
        let view = world.last_state();
        assert!(!matches!(view, Some(ConnectionView::Refused { .. })), "two silences, and two after it: {view:?}");
        world.polite = false;
        world.pass(Millis::seconds(11));
    }
}

#[test]
fn a_close_at_once_says_nothing_about_the_token() {
    let mut world = World::new();
    world.polite = false;
    world.connect();
    for _ in 0..10 {
        let id = world.connection.expect("an attempt");
        world.feed(jindou::client::Input::Socket(id, jindou::client::Socket::Opened));
        world.close_socket();
        world.pass(Millis::seconds(11));
    }
    assert!(!world.events.iter().any(|event| matches!(
        event,
        jindou::client::Event::Connection { connection: ConnectionView::Refused { .. } }
    )));
}

#[test]
fn a_kick_is_final_and_we_close_the_socket_ourselves() {
    let mut world = World::new();
    world.connect();
    let id = world.connection.expect("connected");
    world.say(Packet::Disconnect(Disconnect {
        flags: Flags::default(),
        reason: ReasonCode::CONNECT_KICK,
        reason_text: Text::from("login in other device"),
    }));
    assert!(world.closed.contains(&id));
    let calls = world.dialled.len();
    world.pass(Millis::seconds(600));
    assert_eq!(world.dialled.len(), calls, "it does not come back by itself");
    assert!(matches!(world.last_state(), Some(ConnectionView::Kicked { .. })));
    world.connect();
    assert_eq!(world.last_state(), Some(&ConnectionView::Ready), "but when it is told to");
}

#[test]
fn close_settles_whatever_waits() {
    let mut world = World::new();
    world.polite = false;
    let connecting = world.connect();
    let sending = world.send(jindou::channel::Channel::group("g"), "n1", "{\"type\":1}");
    let closing = world.call(Command::Close { wipe: false });
    for ticket in [connecting, sending] {
        let error = world.outcome(ticket).expect("settled").as_ref().expect_err("closed");
        assert_eq!(error.code, ErrorCode::Closed);
    }
    assert_eq!(world.outcome(closing), Some(&Ok(Reply::Done)));
    let late = world.connect();
    assert_eq!(world.outcome(late).expect("settled").as_ref().expect_err("closed").code, ErrorCode::Closed);
}

#[test]
fn what_an_attempt_asked_that_is_over_is_cancelled_and_asked_anew() {
    let mut world = World::new();
    world.hold_addresses = true;
    world.connect();
    let questions = |world: &World| -> Vec<_> {
        let gateway = |(id, request): &(_, Request)| matches!(request, Request::Gateway).then_some(*id);
        world.requests.iter().filter_map(gateway).collect()
    };
    let first = questions(&world);
    assert_eq!(first.len(), 1);
    // Nothing can be kept, so the attempt is given up while it is being made.
    world.fail_stores = true;
    world.send(Channel::group("g"), "n1", "{}");
    world.fail_stores = false;
    world.pass(Millis::seconds(6));
    let second = questions(&world);
    assert_eq!(second.len(), 1, "nobody waits for the first any more");
    assert_ne!(first, second);
}

#[test]
fn a_full_disk_is_told_as_what_it_is_with_the_time_of_the_next_attempt() {
    let mut world = World::new();
    world.connect();
    world.fail_stores = true;
    world.send(Channel::group("g"), "n1", "{}");
    let Some(ConnectionView::Waiting { retry_in, error: Some(error) }) = world.last_state().cloned() else {
        panic!("{:?}", world.last_state());
    };
    assert_eq!(error.code, ErrorCode::Storage);
    world.fail_stores = false;
    world.pass(Millis(retry_in - 1));
    assert!(matches!(world.last_state(), Some(ConnectionView::Waiting { .. })));
    world.pass(Millis(1));
    assert_eq!(world.last_state(), Some(&ConnectionView::Ready));
}

#[test]
fn connections_that_end_as_soon_as_they_are_ready_are_made_less_and_less_often() {
    let mut world = World::new();
    world.connect();
    for _ in 0..6_000 {
        if world.last_state() == Some(&ConnectionView::Ready) {
            world.close_socket();
        }
        world.pass(Millis(10));
    }
    assert!((8..40).contains(&world.dialled.len()), "called {} times in a minute", world.dialled.len());
    // One that holds is as good as any.
    world.pass(Millis::seconds(60));
    let before = world.dialled.len();
    world.close_socket();
    world.pass(Millis::seconds(1));
    assert_eq!(world.dialled.len(), before + 1);
}

#[test]
fn connecting_and_disconnecting_wait_for_no_message_that_waits_for_the_disk() {
    let mut world = World::new();
    world.connect();
    world.hold_loads = true;
    let sending = world.send(Channel::group("g"), "n1", "{}");
    let leaving = world.call(Command::Disconnect);
    assert!(world.outcome(leaving).is_some());
    assert_eq!(world.last_state(), Some(&ConnectionView::Idle));
    let coming = world.connect();
    assert!(world.outcome(coming).is_some());
    // A login somewhere else ends this one: what was asked before must not bring it back.
    world.say(Packet::Disconnect(Disconnect {
        flags: Flags::default(),
        reason: ReasonCode(12),
        reason_text: Text::from("elsewhere"),
    }));
    world.let_loads_go();
    assert!(matches!(world.last_state(), Some(ConnectionView::Kicked { .. })));
    assert_eq!(world.disk.outbox().count(), 1);
    assert!(world.outcome(sending).is_none(), "it is owed");
}
