//! A restore gives the content back, by whatever road it comes first.

use jindou::request::{ChannelMarks, FedMark, HistoryPage, Message, Request, Response};
use jindou::rows::{MarkState, MessageState};
use jindou::time::Millis;
use jindou::wire::Packet;

use crate::receiving::{catch_up, group, mark, stored};
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
