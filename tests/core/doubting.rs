//! What is recalled while nobody knows whether the cluster keeps it, and what becomes of it when the recall is undone.

use jindou::channel::ClientMsgNo;
use jindou::client::{Command, Delivery, MessageView, Reply};
use jindou::error::ErrorCode;
use jindou::request::{ChannelMarks, FedMark, HistoryPage, Message, Request, Response, failure};
use jindou::rows::{Mark, MarkState, MessageState};
use jindou::time::Millis;
use jindou::wire::Packet;

use crate::receiving::{group, mark, nothing, revoke, stored};
use crate::sending::{found, found_in_a_cluster, is_lookup};
use crate::world::World;

/// Of our own message, which a node has at 9.
fn own_mark(version: u64, state: MarkState) -> Mark {
    Mark { author: "bob".into(), operator: "bob".into(), ..mark(version, state, "n1", 5, 9) }
}

fn told(world: &mut World, version: u64, state: MarkState) {
    revoke(world, "bob", 70 + version as i64, "n1", version);
    let payload = (state == MarkState::Restored).then(|| b"{}".to_vec());
    let marks = vec![FedMark { mark: own_mark(version, state), payload }];
    let answer = ChannelMarks { channel: group(), version, more: false, marks };
    let is_marks = |request: &Request| matches!(request, Request::Marks(_));
    while world.requests.iter().any(|(_, request)| is_marks(request)) {
        world.answer(is_marks, Ok(Response::Marks(vec![answer.clone()])));
    }
}

fn recalled() -> World {
    let (mut world, _) = found_in_a_cluster();
    told(&mut world, 1, MarkState::Recalled);
    world
}

/// As the business server gives it while it is recalled.
fn withheld() -> Message {
    let mark = FedMark { mark: own_mark(1, MarkState::Recalled), payload: None };
    Message { payload: None, mark: Some(mark), ..found("n1", 5, 9) }
}

fn look(world: &mut World, finds: Vec<Message>) {
    world.answer(is_lookup, Ok(Response::Found(finds)));
    world.pass(Millis::seconds(1));
}

fn outbox(world: &mut World) -> Vec<MessageView> {
    let asking = world.call(Command::Outbox);
    let Some(Ok(Reply::Outbox { messages })) = world.outcome(asking) else { panic!("no outbox") };
    messages.clone()
}

fn ours(world: &mut World) -> Option<MessageView> {
    world.page(group()).into_iter().find(|message| message.client_msg_no == "n1".into())
}

#[test]
fn what_is_recalled_while_it_is_unconfirmed_leaves_the_outbox_and_keeps_no_words() {
    let mut world = recalled();
    assert!(outbox(&mut world).is_empty());
    assert!(world.disk.outbox().all(|row| row.content.is_empty()));
    for command in [Command::Retry(ClientMsgNo::from("n1")), Command::Discard(ClientMsgNo::from("n1"))] {
        let asking = world.call(command);
        let Some(Err(error)) = world.outcome(asking) else { panic!("it is in no outbox") };
        assert_eq!(error.code, ErrorCode::NotFound);
    }
    look(&mut world, Vec::new());
    assert_eq!(world.sends().len(), 1, "it is not sent again");
    assert!(ours(&mut world).is_none());
}

#[test]
fn what_a_cluster_kept_of_it_is_certain_after_the_last_look_and_nobody_looks_any_more() {
    let mut world = recalled();
    assert_eq!(ours(&mut world).expect("it stands there").delivery, Delivery::Sent, "nobody waits to hear more of it");
    assert_eq!(world.disk.outbox().count(), 1);
    look(&mut world, vec![withheld()]);
    let message = ours(&mut world).expect("it stands there");
    assert_eq!((message.state, message.delivery), (MessageState::Recalled, Delivery::Sent), "the log has gone on");
    assert_eq!(world.disk.outbox().count(), 0);
    world.pass(Millis::seconds(30 * 60));
    assert!(!world.requests.iter().any(|(_, request)| is_lookup(request)));
    told(&mut world, 2, MarkState::Restored);
    assert_eq!(ours(&mut world).expect("restored").delivery, Delivery::Sent, "its row is out of doubt too");
}

#[test]
fn what_is_restored_and_then_taken_back_is_sent_again() {
    let mut world = recalled();
    told(&mut world, 2, MarkState::Restored);
    assert_eq!(ours(&mut world).expect("restored").delivery, Delivery::Unconfirmed);
    assert_eq!(outbox(&mut world).len(), 1, "it is owed again");
    look(&mut world, Vec::new());
    assert_eq!(world.sends().len(), 2);
    assert_eq!(world.sends()[1].payload.len(), world.sends()[0].payload.len(), "with its content");
}

#[test]
fn what_is_taken_back_and_then_restored_is_sent_again_also_after_a_reload() {
    let mut world = recalled();
    look(&mut world, Vec::new());
    world.reload();
    world.connect();
    look(&mut world, Vec::new());
    assert_eq!(world.sends().len(), 1);
    assert!(ours(&mut world).is_none());
    world.page(group());
    told(&mut world, 2, MarkState::Restored);
    look(&mut world, Vec::new());
    assert_eq!(world.sends().len(), 2);
    assert_eq!(ours(&mut world).expect("it is owed").state, MessageState::Normal);
}

#[test]
fn an_old_word_of_a_restore_owes_nothing() {
    let mut world = recalled();
    told(&mut world, 3, MarkState::Recalled);
    told(&mut world, 2, MarkState::Restored);
    look(&mut world, Vec::new());
    assert_eq!(world.sends().len(), 1);
}

#[test]
fn whoever_sends_it_once_more_hears_that_it_is_recalled_and_it_is_watched_on() {
    let mut world = recalled();
    let sending = world.send(group(), "n1", "{}");
    let Some(Ok(Reply::Sent { message, .. })) = world.outcome(sending) else { panic!("no answer") };
    assert_eq!((&message.state, &message.content), (&MessageState::Recalled, &None));
    assert_eq!(world.sends().len(), 1);
    assert_eq!(world.disk.outbox().count(), 1);
}

#[test]
fn what_another_device_recalls_on_the_word_of_one_node_is_watched_too() {
    let mut world = World::in_a_cluster();
    let sending = world.send(group(), "n1", "{}");
    told(&mut world, 1, MarkState::Recalled);
    assert!(matches!(world.outcome(sending), Some(Ok(Reply::Sent { .. }))));
    assert!(outbox(&mut world).is_empty());
    told(&mut world, 2, MarkState::Restored);
    look(&mut world, Vec::new());
    assert_eq!(world.sends().len(), 2);
}

#[test]
fn what_is_deleted_is_not_watched_for_nobody_can_restore_it() {
    for recalled_before in [false, true] {
        let (mut world, _) = found_in_a_cluster();
        if recalled_before {
            told(&mut world, 1, MarkState::Recalled);
        }
        assert_eq!(world.disk.outbox().count(), 1);
        told(&mut world, 2, MarkState::Deleted);
        assert_eq!(world.disk.outbox().count(), 0, "recalled before: {recalled_before}");
        assert_eq!(ours(&mut world).expect("it stands there").state, MessageState::Deleted);
        look(&mut world, Vec::new());
        assert_eq!(world.sends().len(), 1);
    }
}

#[test]
fn what_was_refused_and_stands_in_the_log_of_a_cluster_is_owed_no_more_once_that_is_certain() {
    let mut world = World::in_a_cluster();
    let sending = world.send(group(), "n1", "{}");
    let refused = world.sends()[0].client_seq;
    world.ack(refused, 0, 0, 13);
    assert!(matches!(world.outcome(sending), Some(Err(error)) if error.code == ErrorCode::Refused));
    let deliveries = |world: &mut World| world.page(group()).iter().map(|it| it.delivery).collect::<Vec<_>>();
    assert_eq!(deliveries(&mut world), [Delivery::Parked]);

    for (number, id, seq) in [("a", 4, 8), ("b", 6, 10)] {
        let recv = world.recv("alice", number, id, seq, "{}");
        world.say(Packet::Recv(recv));
    }
    world.pass(Millis::seconds(1));
    let is_history = |request: &Request| matches!(request, Request::History(_));
    while !world.requests.iter().any(|(_, request)| is_history(request)) {
        let response = nothing(&world.requests.first().expect("it asks").1);
        world.answer(|_| true, Ok(response));
    }
    let messages = vec![stored(4, 8, "a", "{}"), found("n1", 5, 9), stored(6, 10, "b", "{}")];
    let page = HistoryPage { messages, more: false, marks_version: 0 };
    world.answer(is_history, Ok(Response::History(page)));
    let sent = Delivery::Sent;
    assert_eq!(deliveries(&mut world), [sent, Delivery::Unconfirmed, sent], "an earlier copy of it came through");
    assert_eq!(outbox(&mut world).iter().map(|it| it.delivery).collect::<Vec<_>>(), [Delivery::Unconfirmed]);

    for _ in 0..25 {
        world.pass(Millis::seconds(60));
        while let Some((_, request)) = world.requests.first() {
            let asks = is_lookup(request);
            let response = if asks { Response::Found(vec![found("n1", 5, 9)]) } else { nothing(request) };
            world.answer(|_| true, Ok(response));
        }
    }
    assert_eq!(deliveries(&mut world), [sent; 3]);
    assert_eq!((outbox(&mut world).len(), world.sends().len()), (0, 1), "and nothing is sent again");
}

#[test]
fn nobody_waits_for_a_restore_longer_than_for_the_cluster() {
    let mut world = recalled();
    look(&mut world, Vec::new());
    for span in [60, 5 * 60, 15 * 60] {
        world.pass(Millis::seconds(span));
        look(&mut world, Vec::new());
    }
    assert_eq!(world.disk.outbox().count(), 0);
}

#[test]
fn what_is_recalled_is_watched_in_vain_no_longer_than_it_is_in_doubt_where_the_business_server_refuses_to_look() {
    let left = |status: u16| {
        let mut world = recalled();
        for minute in 0..30 {
            world.pass(Millis::seconds(60));
            if world.requests.iter().any(|(_, request)| is_lookup(request)) {
                world.answer(is_lookup, Err(failure(status, b"")));
            }
            assert!(
                minute >= 20 || world.disk.outbox().count() == 1,
                "watched for as long as it is in doubt: {minute}"
            );
        }
        world.disk.outbox().count()
    };
    assert_eq!(left(403), 0, "whoever was put out of the group is told nothing more of it");
    assert_eq!([503, 401].map(left), [1, 1], "what was not answered may be answered later");
}
