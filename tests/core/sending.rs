//! What the outbox promises.

use jindou::channel::{Channel, ClientMsgNo};
use jindou::client::{Command, Delivery, Event, Reply, SendOptions};
use jindou::error::{Error, ErrorCode};
use jindou::id::MessageSeq;
use jindou::request::{HistoryPage, Lookup, Message, Request, Response};
use jindou::time::Millis;
use jindou::wire::{Packet, ProtocolVersion};

use crate::receiving::nothing;
use crate::world::{START, World};

fn group() -> Channel {
    Channel::group("g")
}

/// What a look-up answers for a message of ours.
pub fn found(number: &str, id: i64, seq: u64) -> Message {
    let json = format!(
        "{{\"found\":[{{\"messageId\":\"{id}\",\"messageSeq\":{seq},\"clientMsgNo\":\"{number}\",\"fromUid\":\"bob\",\"timestamp\":1700000000,\"payload\":\"e30=\"}}]}}"
    );
    let asked = Lookup { channel: group(), client_msg_nos: Vec::new() };
    match Request::Lookup(asked).read(json.as_bytes()) {
        Ok(Response::Found(mut found)) => found.remove(0),
        other => panic!("unreadable: {other:?}"),
    }
}

#[test]
fn nothing_is_sent_before_it_is_stored() {
    let mut world = World::new();
    world.connect();
    world.hold_stores = true;
    world.send(group(), "n1", "{}");
    assert!(world.sends().is_empty());
    assert!(world.shown().is_empty(), "nor is the echo shown");
    world.let_stores_go();
    assert_eq!(world.sends().len(), 1);
    assert_eq!(world.shown(), ["n1"]);
}

#[test]
fn a_promise_resolves_only_when_the_answer_is_stored() {
    let mut world = World::new();
    world.connect();
    let sending = world.send(group(), "n1", "{}");
    world.hold_stores = true;
    let client_seq = world.sends()[0].client_seq;
    world.ack(client_seq, 77, 1, 1);
    assert!(world.outcome(sending).is_none());
    world.let_stores_go();
    let Some(Ok(Reply::Sent { message, unconfirmed: false })) = world.outcome(sending) else { panic!("not sent") };
    assert_eq!((message.message_id.expect("an id").0, message.message_seq.expect("a seq").0), (77, 1));
    assert_eq!(world.page(group()).len(), 1);
}

#[test]
fn after_a_reload_it_is_sent_again_in_order_and_under_the_same_number() {
    let mut world = World::new();
    world.connect();
    for number in ["n1", "n2", "n3"] {
        world.send(group(), number, "{}");
    }
    world.sent.clear();
    world.reload();
    world.connect();
    let numbers: Vec<_> = world.sends().iter().map(|send| send.client_msg_no.to_string_lossy().into_owned()).collect();
    assert_eq!(numbers, ["n1", "n2", "n3"]);
}

#[test]
fn a_lost_ack_makes_a_resend_after_fifteen_seconds_and_one_message() {
    let mut world = World::new();
    world.connect();
    let sending = world.send(group(), "n1", "{}");
    world.pass(Millis::seconds(20));
    let sends: Vec<_> = world.sends().iter().map(|send| (send.client_msg_no.clone(), send.client_seq)).collect();
    assert_eq!(sends.len(), 2);
    assert_eq!(sends[0].0, sends[1].0);
    world.ack(sends[1].1, 5, 9, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
    assert_eq!(world.page(group()).len(), 1);
}

#[test]
fn an_answer_that_comes_after_we_gave_it_up_still_counts() {
    let mut world = World::new();
    world.connect();
    let sending = world.send(group(), "n1", "{}");
    let client_seq = world.sends()[0].client_seq;
    world.pass(Millis(15_100));
    assert_eq!(world.sends().len(), 1, "it is about to be sent again");
    world.ack(client_seq, 5, 9, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { unconfirmed: false, .. }))));
    world.pass(Millis::seconds(60));
    assert_eq!(world.sends().len(), 1);
}

#[test]
fn an_answer_to_the_first_attempt_settles_it_while_the_second_is_under_way() {
    let mut world = World::new();
    world.connect();
    let sending = world.send(group(), "n1", "{}");
    world.pass(Millis::seconds(17));
    let seqs: Vec<_> = world.sends().iter().map(|send| send.client_seq).collect();
    assert_eq!(seqs.len(), 2);
    world.ack(seqs[0], 5, 9, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
    world.ack(seqs[1], 6, 10, 1);
    let page = world.page(group());
    assert_eq!(page.iter().map(|message| message.message_seq.expect("a seq").0).collect::<Vec<_>>(), [9]);
}

#[test]
fn a_refusal_of_an_attempt_that_we_gave_up_changes_nothing() {
    let mut world = World::new();
    world.connect();
    let sending = world.send(group(), "n1", "{}");
    world.pass(Millis::seconds(17));
    let seqs: Vec<_> = world.sends().iter().map(|send| send.client_seq).collect();
    world.ack(seqs[0], 0, 0, 3);
    assert!(world.outcome(sending).is_none());
    world.ack(seqs[1], 6, 10, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
}

#[test]
fn a_system_error_that_comes_while_we_ask_makes_what_is_found_unconfirmed() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    let sending = world.send(group(), "n1", "{}");
    let client_seq = world.sends()[0].client_seq;
    world.pass(Millis::seconds(17));
    world.ack(client_seq, 5, 0, 15);
    let found = found("n1", 5, 9);
    world.answer(|request| matches!(request, Request::Lookup(_)), Ok(Response::Found(vec![found])));
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { unconfirmed: true, .. }))));
}

/// A message whose SENDACK was lost with its connection, in a cluster, and which a look-up has found.
pub fn found_in_a_cluster() -> (World, jindou::client::Ticket) {
    let mut world = World::in_a_cluster();
    let sending = world.send(group(), "n1", "{}");
    world.close_socket();
    world.pass(Millis::seconds(1));
    world.answer(is_lookup, Ok(Response::Found(vec![found("n1", 5, 9)])));
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { unconfirmed: true, .. }))));
    assert_eq!(world.page(group())[0].delivery, Delivery::Unconfirmed);
    let recv = world.recv("alice", "a", 8, 8, "{}");
    world.say(Packet::Recv(recv));
    assert!(!world.requests.iter().any(|(_, request)| is_lookup(request)), "what lies before it proves nothing");
    let recv = world.recv("alice", "b", 10, 10, "{}");
    world.say(Packet::Recv(recv));
    (world, sending)
}

/// Answers the first page of history that is asked for, and until then whatever else but look-ups.
fn show(world: &mut World, messages: Vec<Message>) {
    let is_history = |request: &Request| matches!(request, Request::History(_));
    while !world.requests.iter().any(|(_, request)| is_history(request)) {
        let (_, asked) = world.requests.iter().find(|(_, request)| !is_lookup(request)).expect("it catches up");
        let nothing = nothing(asked);
        world.answer(|request| !is_lookup(request), Ok(nothing));
    }
    let page = HistoryPage { messages, more: false, marks_version: 0 };
    world.answer(is_history, Ok(Response::History(page)));
}

pub fn is_lookup(request: &Request) -> bool {
    matches!(request, Request::Lookup(_))
}

#[test]
fn what_a_cluster_only_shows_is_confirmed_when_the_log_goes_on_behind_it() {
    let (mut world, _) = found_in_a_cluster();
    world.answer(is_lookup, Ok(Response::Found(vec![found("n1", 5, 9)])));
    assert_eq!(world.page(group())[1].delivery, Delivery::Sent);
    let asking = world.call(Command::Outbox);
    let Some(Ok(Reply::Outbox { messages })) = world.outcome(asking) else { panic!("no outbox") };
    assert!(messages.is_empty());
}

#[test]
fn what_a_page_shows_while_we_look_is_still_confirmed_by_the_look() {
    let (mut world, _) = found_in_a_cluster();
    show(&mut world, vec![found("n1", 5, 9)]);
    assert_eq!(world.page(group())[1].delivery, Delivery::Unconfirmed, "a page shows what is on one node, too");
    world.answer(is_lookup, Ok(Response::Found(vec![found("n1", 5, 9)])));
    assert_eq!(world.page(group())[1].delivery, Delivery::Sent);
    let asking = world.call(Command::Outbox);
    let Some(Ok(Reply::Outbox { messages })) = world.outcome(asking) else { panic!("no outbox") };
    assert!(messages.is_empty());
}

#[test]
fn an_earlier_copy_that_a_look_finds_confirms_the_message() {
    let (mut world, _) = found_in_a_cluster();
    world.answer(is_lookup, Ok(Response::Found(vec![found("n1", 4, 7)])));
    let page = world.page(group());
    assert_eq!((page[0].message_seq, page[0].delivery), (Some(MessageSeq(7)), Delivery::Sent));
}

#[test]
fn whoever_wants_an_unconfirmed_message_sent_again_need_not_wait_for_the_next_look() {
    let (mut world, _) = found_in_a_cluster();
    let retrying = world.call(Command::Retry(ClientMsgNo("n1".into())));
    assert!(matches!(world.outcome(retrying), Some(Ok(Reply::Sent { unconfirmed: true, .. }))));
    assert_eq!(world.sends().len(), 1);
}

#[test]
fn what_a_cluster_took_back_is_sent_again() {
    let (mut world, _) = found_in_a_cluster();
    world.answer(is_lookup, Ok(Response::Found(Vec::new())));
    world.pass(Millis::seconds(1));
    assert_eq!(world.sends().len(), 2);
}

#[test]
fn what_is_dropped_while_it_is_unconfirmed_leaves_the_view_until_the_server_shows_it() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    world.send(group(), "n1", "{}");
    world.pass(Millis::seconds(6));
    world.ack(world.sends()[0].client_seq, 5, 0, 15);
    world.pass(Millis::seconds(2));
    world.answer(is_lookup, Ok(Response::Found(vec![found("n1", 5, 9)])));
    assert_eq!(world.page(group()).last().expect("it is shown").delivery, Delivery::Unconfirmed);
    world.events.clear();
    let dropping = world.call(Command::Discard(ClientMsgNo("n1".into())));
    assert!(matches!(world.outcome(dropping), Some(Ok(Reply::Done))));
    assert!(world.page(group()).is_empty());
    assert!(world.events.iter().any(|event| matches!(event, Event::History { .. })), "who shows it reads anew");
    world.pass(Millis::seconds(20 * 60));
    assert_eq!(world.sends().len(), 1, "it is not sent again");

    let mut recv = world.recv("bob", "n1", 5, 9, "{}");
    recv.payload = b"{}".to_vec();
    world.seal(&mut recv);
    world.say(Packet::Recv(recv));
    assert_eq!(world.page(group()).last().expect("it is shown again").delivery, Delivery::Sent);
}

#[test]
fn what_a_page_of_a_cluster_shows_of_what_is_owed_is_unconfirmed_too() {
    let mut world = World::in_a_cluster();
    world.page(group());
    let sending = world.send(group(), "n1", "{}");
    world.close_socket();
    world.pass(Millis::seconds(1));
    show(&mut world, vec![found("n1", 5, 9)]);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { unconfirmed: true, .. }))));
    assert_eq!(world.page(group())[0].delivery, Delivery::Unconfirmed);
}

#[test]
fn an_answer_outweighs_what_was_only_found() {
    let mut world = World::in_a_cluster();
    let sending = world.send(group(), "n1", "{}");
    world.pass(Millis::seconds(16));
    world.answer(is_lookup, Ok(Response::Found(vec![found("n1", 5, 9)])));
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { unconfirmed: true, .. }))));
    let mut recv = world.recv("bob", "n1", 5, 9, "{}");
    recv.payload = b"{}".to_vec();
    world.seal(&mut recv);
    world.say(Packet::Recv(recv));
    assert_eq!(world.page(group())[0].delivery, Delivery::Sent, "a push is for what is stored for certain");
}

#[test]
fn a_look_that_finds_everything_as_it_was_tells_of_no_change() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    world.send(group(), "n1", "{}");
    world.pass(Millis::seconds(6));
    world.ack(world.sends()[0].client_seq, 5, 0, 15);
    let copies = [vec![found("n1", 5, 9)], vec![found("n1", 5, 9)], vec![found("n1", 6, 11)], vec![found("n1", 5, 9)]];
    for (at, copies) in copies.into_iter().enumerate() {
        world.pass(Millis::seconds([2, 60, 5 * 60, 15 * 60][at]));
        world.events.clear();
        world.answer(is_lookup, Ok(Response::Found(copies)));
        let delivery = |event: &Event| match event {
            Event::MessageChanged { message } => Some(message.delivery),
            _ => None,
        };
        let told: Vec<_> = world.events.iter().filter_map(delivery).collect();
        let wanted: &[Delivery] = [&[Delivery::Unconfirmed][..], &[], &[], &[Delivery::Sent]][at];
        assert_eq!(told, wanted, "look {at}");
    }
}

#[test]
fn reconnects_do_not_confirm_what_only_time_confirms() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    world.send(group(), "n1", "{}");
    world.pass(Millis::seconds(6));
    world.ack(world.sends()[0].client_seq, 5, 0, 15);
    let look = |world: &mut World| {
        world.answer(is_lookup, Ok(Response::Found(vec![found("n1", 5, 9)])));
        world.page(group()).last().expect("it is shown").delivery
    };
    world.pass(Millis::seconds(2));
    assert_eq!(look(&mut world), Delivery::Unconfirmed);
    for _ in 0..5 {
        world.pass(Millis::seconds(10));
        world.close_socket();
        world.pass(Millis::seconds(1));
        assert_eq!(look(&mut world), Delivery::Unconfirmed);
    }
    for span in [60, 5 * 60] {
        world.pass(Millis::seconds(span));
        assert_eq!(look(&mut world), Delivery::Unconfirmed);
    }
    assert!(!world.requests.iter().any(|(_, request)| is_lookup(request)), "it waits for the last look");
    world.pass(Millis::seconds(15 * 60));
    assert_eq!(look(&mut world), Delivery::Sent);
    let asking = world.call(Command::Outbox);
    let Some(Ok(Reply::Outbox { messages })) = world.outcome(asking) else { panic!("no outbox") };
    assert!(messages.is_empty());
}

#[test]
fn a_clock_that_was_put_back_keeps_a_message_in_doubt_no_longer_than_at_first() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    world.send(group(), "n1", "{}");
    world.pass(Millis::seconds(6));
    world.ack(world.sends()[0].client_seq, 5, 0, 15);
    let mut looks = 0;
    for minute in 0..23 {
        if minute == 1 {
            world.now.wall.0 -= 5 * 3600 * 1000;
        }
        world.pass(Millis::seconds(60));
        while let Some((_, request)) = world.requests.first() {
            looks += u32::from(is_lookup(request));
            let response = match request {
                Request::Lookup(_) => Response::Found(vec![found("n1", 5, 9)]),
                request => nothing(request),
            };
            world.answer(|_| true, Ok(response));
        }
    }
    let asking = world.call(Command::Outbox);
    let Some(Ok(Reply::Outbox { messages })) = world.outcome(asking) else { panic!("no outbox") };
    assert!(messages.is_empty(), "looked for {looks} times");
    assert!(looks < 8, "looked for {looks} times");
}

#[test]
fn a_clock_that_is_put_forward_confirms_nothing() {
    for reload in [false, true] {
        let mut world = World::with(|config| config.business = true);
        world.connect();
        world.send(group(), "n1", "{}");
        world.pass(Millis::seconds(6));
        world.ack(world.sends()[0].client_seq, 5, 0, 15);
        let look = |world: &mut World| {
            world.answer(is_lookup, Ok(Response::Found(vec![found("n1", 5, 9)])));
            world.page(group()).last().expect("it is shown").delivery
        };
        world.pass(Millis::seconds(2));
        assert_eq!(look(&mut world), Delivery::Unconfirmed);
        world.now.wall.0 += 5 * 3600 * 1000;
        world.ahead -= 5 * 3600 * 1000;
        if reload {
            world.reload();
            world.connect();
            assert_eq!(look(&mut world), Delivery::Unconfirmed);
        }
        for span in [61, 5 * 60] {
            world.pass(Millis::seconds(span));
            assert_eq!(look(&mut world), Delivery::Unconfirmed, "reloaded: {reload}");
        }
        world.pass(Millis::seconds(15 * 60));
        assert_eq!(look(&mut world), Delivery::Sent);
    }
}

#[test]
fn a_clock_that_is_put_back_dates_no_message_that_is_sent_now() {
    let mut world = World::new();
    world.connect();
    world.now.wall.0 -= 5 * 3600 * 1000;
    world.send(group(), "n1", "{}");
    world.ack(world.sends()[0].client_seq, 5, 9, 1);
    assert_eq!(world.page(group())[0].timestamp, START);
    // Nor one that is put while the connection is made.
    let mut world = World::new();
    world.put_on_the_way = 5 * 3600 * 1000;
    world.connect();
    world.send(group(), "n1", "{}");
    world.ack(world.sends()[0].client_seq, 5, 9, 1);
    assert_eq!(world.page(group())[0].timestamp, START);
}

/// The clock for deadlines stood still, the wall clock did not: the message stood before what had come meanwhile.
#[test]
fn a_message_that_is_sent_after_a_short_sleep_is_dated_after_it() {
    let mut world = World::new();
    world.connect();
    world.now.wall.0 += 25_000;
    world.send(group(), "n1", "{}");
    world.ack(world.sends()[0].client_seq, 5, 9, 1);
    assert_eq!(world.page(group())[0].timestamp, START + 25_000);
}

#[test]
fn generation_2_is_asked_before_anything_is_sent_again() {
    let mut world = World::with(|config| config.business = true);
    world.connect();
    world.send(group(), "n1", "{}");
    assert_eq!(world.sends().len(), 1);
    world.close_socket();
    world.pass(Millis::seconds(1));
    assert_eq!(world.sends().len(), 1, "not before the answer");
    world.answer(|request| matches!(request, Request::Lookup(_)), Ok(Response::Found(Vec::new())));
    assert_eq!(world.sends().len(), 2);
}

#[test]
fn generation_3_is_sent_to_again_at_once_since_it_deduplicates() {
    let mut world = World::with(|config| config.business = true);
    world.version = ProtocolVersion(6);
    world.connect();
    world.send(group(), "n1", "{}");
    world.close_socket();
    world.pass(Millis::seconds(1));
    assert_eq!(world.sends().len(), 2);
    assert!(!world.requests.iter().any(|(_, request)| matches!(request, Request::Lookup(_))));
}

#[test]
fn a_refused_message_is_parked_and_a_person_retries_or_drops_it() {
    let mut world = World::new();
    world.connect();
    let sending = world.send(group(), "n1", "{}");
    let client_seq = world.sends()[0].client_seq;
    world.ack(client_seq, 0, 0, 3);
    let error = world.outcome(sending).expect("settled").as_ref().expect_err("refused");
    assert_eq!((error.code, error.reason_code), (ErrorCode::Refused, Some(3)));
    world.pass(Millis::seconds(120));
    assert_eq!(world.sends().len(), 1, "time does not cure it");

    world.reload();
    let listing = world.call(Command::Outbox);
    let Some(Ok(Reply::Outbox { messages })) = world.outcome(listing) else { panic!("no list") };
    assert_eq!((messages[0].delivery, messages[0].reason_code), (Delivery::Parked, Some(3)));

    world.connect();
    let retrying = world.call(Command::Retry("n1".into()));
    let client_seq = world.sends().last().expect("sent again").client_seq;
    world.ack(client_seq, 8, 4, 1);
    assert!(matches!(world.outcome(retrying), Some(Ok(Reply::Sent { .. }))));
    let dropping = world.call(Command::Discard("n1".into()));
    assert_eq!(world.outcome(dropping).expect("settled").as_ref().expect_err("gone").code, ErrorCode::NotFound);
}

#[test]
fn what_is_owed_to_a_group_that_was_dissolved_is_refused_for_good_and_holds_nobody_up() {
    let mut world = World::new();
    world.connect();
    let recv = world.recv("alice", "a1", 4, 1, "{}");
    world.say(Packet::Recv(recv));
    world.close_socket();
    let doomed: Vec<_> = ["n1", "n2", "n3"].map(|number| world.send(group(), number, "{}")).into();
    let aside = world.send(Channel::person("alice"), "n4", "{}");
    world.pass(Millis::seconds(2));
    let sends: Vec<_> = world.sends().iter().map(|send| (send.client_seq, send.channel_type)).collect();
    for (client_seq, kind) in sends {
        let (id, seq, reason) = if kind == jindou::id::ChannelType::GROUP { (0, 0, 24) } else { (9, 1, 1) };
        world.ack(client_seq, id, seq, reason);
    }
    for ticket in doomed {
        let error = world.outcome(ticket).expect("settled").as_ref().expect_err("refused");
        assert_eq!((error.code, error.reason_code, error.retryable), (ErrorCode::Refused, Some(24), false));
    }
    assert!(matches!(world.outcome(aside), Some(Ok(Reply::Sent { .. }))));
    let sent = world.sends().len();
    world.reload();
    world.connect();
    world.pass(Millis::seconds(600));
    assert_eq!(world.sends().len(), sent, "nothing of it is sent again");
    let page: Vec<_> = world.page(group()).iter().map(|message| message.delivery).collect();
    assert_eq!(page, [Delivery::Sent, Delivery::Parked, Delivery::Parked, Delivery::Parked]);
}

#[test]
fn a_deadline_settles_as_pending_and_the_message_stays() {
    let mut world = World::new();
    let options = SendOptions { deadline: Some(Millis(500)), ..SendOptions::default() };
    let sending =
        world.call(Command::Send { channel: group(), client_msg_no: "n1".into(), content: b"{}".to_vec(), options });
    world.pass(Millis::seconds(1));
    assert_eq!(world.outcome(sending), Some(&Ok(Reply::Pending { client_msg_no: "n1".into() })));
    world.connect();
    assert_eq!(world.sends().len(), 1);
}

#[test]
fn no_more_content_is_on_the_wire_than_a_slow_line_takes_between_two_pings() {
    let mut world = World::new();
    world.connect();
    let content = format!("\"{}\"", "x".repeat(10_000));
    for number in ["n1", "n2", "n3", "n4"] {
        world.send(group(), number, &content);
    }
    let far = world.send(Channel::person("alice"), "n5", "{}");
    world.pass(Millis::seconds(1));
    assert_eq!(world.sends().len(), 3, "two large ones, and a small one that still fits");
    world.ack(world.sends()[2].client_seq, 7, 1, 1);
    assert!(world.outcome(far).is_some());
    world.ack(world.sends()[0].client_seq, 5, 1, 1);
    world.pass(Millis::seconds(1));
    assert_eq!(world.sends().len(), 4);
}

#[test]
fn what_can_be_refused_is_refused_before_it_is_queued() {
    let mut world = World::new();
    let cases = [
        (Channel::person(""), "{}".to_owned(), ErrorCode::InvalidArgument),
        (Channel::person("a@b"), "{}".to_owned(), ErrorCode::InvalidArgument),
        (Channel::new(0, "g"), "{}".to_owned(), ErrorCode::InvalidArgument),
        (group(), String::new(), ErrorCode::InvalidArgument),
        (group(), "x".repeat(24_560), ErrorCode::TooLarge),
    ];
    for (n, (channel, content, code)) in cases.into_iter().enumerate() {
        let sending = world.send(channel, &format!("n{n}"), &content);
        assert_eq!(world.outcome(sending).expect("settled").as_ref().expect_err("refused").code, code, "case {n}");
    }
    let listing = world.call(Command::Outbox);
    assert_eq!(world.outcome(listing), Some(&Ok(Reply::Outbox { messages: Vec::new() })));

    world.version = ProtocolVersion(6);
    world.connect();
    let to_self = world.send(Channel::person("bob"), "me", "{}");
    let error = world.outcome(to_self).expect("settled").as_ref().expect_err("refused on version 3");
    assert_eq!(error.code, ErrorCode::InvalidArgument);
}

#[test]
fn one_socket_message_leaves_at_a_time() {
    let mut world = World::new();
    world.connect();
    world.pass(Millis::seconds(1));
    let content = "x".repeat(7_000);
    for number in 0..3 {
        world.send(group(), &format!("n{number}"), &content);
    }
    // The first leaves; the others wait for an answer or 20 ms, and leave together.
    assert_eq!(world.sends().len(), 1);
    world.pass(Millis(19));
    assert_eq!(world.sends().len(), 1);
    world.pass(Millis(1));
    assert_eq!(world.sends().len(), 3);
}

#[test]
fn a_failed_commit_settles_what_was_not_kept_and_the_client_lives_on() {
    let mut world = World::new();
    world.connect();
    world.fail_stores = true;
    let sending = world.send(group(), "n1", "{}");
    world.fail_stores = false;
    world.pass(Millis::seconds(2));
    let error = world.outcome(sending).expect("settled once the database is read").as_ref().expect_err("not kept");
    assert_eq!(error.code, ErrorCode::Storage);
    assert!(world.events.iter().any(|event| matches!(event, Event::Problem { .. })));
    world.pass(Millis::seconds(60));
    let sending = world.send(group(), "n2", "{}");
    let client_seq = world.sends().last().expect("sent").client_seq;
    world.ack(client_seq, 3, 1, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
}

#[test]
fn whoever_sends_again_what_is_owed_is_never_told_that_nothing_was_kept() {
    let mut world = World::new();
    world.connect();
    let sending = world.send(group(), "n1", "{}");
    world.hold_loads = true;
    let other = world.send(Channel::group("another"), "n2", "{}");
    let again = world.send(group(), "n1", "{}");
    assert!(world.outcome(again).is_none(), "it waits behind what waits for the disk");
    world.fail_stores = true;
    let recv = world.recv("alice", "a1", 9, 1, "{}");
    world.say(Packet::Recv(recv));
    world.fail_stores = false;
    let code = |world: &World, ticket| world.outcome(ticket).expect("settled").as_ref().expect_err("not accepted").code;
    assert_eq!(code(&world, other), ErrorCode::Storage);
    assert_eq!(code(&world, again), ErrorCode::InvalidArgument);
    world.let_loads_go();
    world.pass(Millis::seconds(60));
    world.ack(world.sends().last().expect("sent again").client_seq, 3, 1, 1);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
}

#[test]
fn what_a_failed_commit_kept_all_the_same_is_told_as_it_is() {
    type Answers = fn(&Result<Reply, Error>) -> bool;
    let cases: [(&str, u8, Answers); 2] = [
        ("sent", 1, |outcome| matches!(outcome, Ok(Reply::Sent { .. }))),
        ("parked", 3, |outcome| matches!(outcome, Err(error) if error.code == ErrorCode::Refused)),
    ];
    for (name, reason, is_true) in cases {
        let mut world = World::new();
        world.connect();
        let sending = world.send(group(), "n1", "{}");
        world.fail_stored = true;
        world.ack(world.sends()[0].client_seq, 3, 1, reason);
        assert!(world.outcome(sending).is_none(), "{name}: nobody knows before it is read");
        world.fail_stored = false;
        world.pass(Millis::seconds(2));
        let outcome = world.outcome(sending).expect("settled once the database is read");
        assert!(is_true(outcome), "{name}: {outcome:?}");
    }
}

#[test]
fn what_was_not_kept_is_not_told_as_pending() {
    let mut world = World::new();
    world.connect();
    world.hold_stores = true;
    let options = SendOptions { deadline: Some(Millis::seconds(1)), ..SendOptions::default() };
    let (channel, content) = (group(), b"{}".to_vec());
    let sending = world.call(Command::Send { channel, client_msg_no: "n1".into(), content, options });
    world.pass(Millis::seconds(2));
    world.fail_stores = true;
    world.let_stores_go();
    world.fail_stores = false;
    world.pass(Millis::seconds(2));
    let error = world.outcome(sending).expect("settled").as_ref().expect_err("not kept");
    assert_eq!(error.code, ErrorCode::Storage);
}

#[test]
fn nothing_is_told_as_pending_before_the_database_is_read_that_failed() {
    for is_kept in [false, true] {
        let mut world = World::new();
        world.connect();
        let options = SendOptions { deadline: Some(Millis(500)), ..SendOptions::default() };
        let (channel, content) = (group(), b"{}".to_vec());
        (world.fail_stores, world.fail_stored) = (!is_kept, is_kept);
        let sending = world.call(Command::Send { channel, client_msg_no: "n1".into(), content, options });
        (world.fail_stores, world.fail_stored) = (false, false);
        world.pass(Millis(900));
        assert!(world.outcome(sending).is_none(), "nobody knows before it is read");
        world.pass(Millis::seconds(1));
        match world.outcome(sending).expect("settled once the database is read") {
            Ok(Reply::Pending { .. }) => assert!(is_kept),
            Err(error) => assert!(!is_kept && error.code == ErrorCode::Storage),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_retry_that_was_not_kept_is_told_so() {
    let mut world = World::new();
    world.connect();
    world.send(group(), "n1", "{}");
    world.ack(world.sends()[0].client_seq, 0, 0, 3);
    world.fail_stores = true;
    let retrying = world.call(Command::Retry("n1".into()));
    world.fail_stores = false;
    world.pass(Millis::seconds(10));
    let error = world.outcome(retrying).expect("settled").as_ref().expect_err("not kept");
    assert_eq!(error.code, ErrorCode::Storage);
    world.call(Command::Retry("n1".into()));
    assert_eq!(world.sends().len(), 2);
}

#[test]
fn what_is_found_and_cannot_be_placed_is_sent_again() {
    let nowhere = found("n1", 5, 0);
    let withheld = Message { payload: None, ..found("n1", 5, 9) };
    for found in [nowhere, withheld] {
        let mut world = World::with(|config| config.business = true);
        world.connect();
        let sending = world.send(group(), "n1", "{}");
        world.close_socket();
        world.pass(Millis::seconds(1));
        for _ in 0..3 {
            assert_eq!(world.sends().len(), 1, "it is looked for again");
            world.answer(is_lookup, Ok(Response::Found(vec![found.clone()])));
            world.pass(Millis::seconds(91));
        }
        world.ack(world.sends()[1].client_seq, 6, 10, 1);
        assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { unconfirmed: false, .. }))));
    }
}

#[test]
fn an_abort_ends_the_waiting_and_not_the_message() {
    let mut world = World::new();
    let sending = world.send(group(), "n1", "{}");
    world.call(Command::Abort(sending));
    assert_eq!(world.outcome(sending).expect("settled").as_ref().expect_err("aborted").code, ErrorCode::Aborted);
    world.connect();
    assert_eq!(world.sends().len(), 1);
}

#[test]
fn a_deadline_holds_also_where_the_answer_could_not_be_stored() {
    for acked in [false, true] {
        let mut world = World::new();
        world.connect();
        let options = SendOptions { deadline: Some(Millis::seconds(5)), ..SendOptions::default() };
        let sending = world.call(Command::Send {
            channel: group(),
            client_msg_no: "n1".into(),
            content: b"{}".to_vec(),
            options,
        });
        world.hold_stores = !acked;
        world.fail_stores = true;
        if acked {
            world.ack(world.sends()[0].client_seq, 3, 1, 1);
        } else {
            // The answer at the deadline waits behind another batch, and goes down with it.
            world.send(group(), "n2", "{}");
            world.pass(Millis::seconds(6));
            world.let_stores_go();
        }
        assert!(world.outcome(sending).is_none());
        world.pass(Millis::seconds(6));
        assert!(matches!(world.outcome(sending), Some(Ok(Reply::Pending { .. }))), "acknowledged: {acked}");
    }
}
