//! What the core prints of what it holds: lengths in place of contents, tokens and uids.

use jindou::channel::{Channel, ClientMsgNo};
use jindou::client::{Command, Event, Input, MessageView, Output, RequestId, SendOptions, Socket, Ticket};
use jindou::error::{DenyReason, Error};
use jindou::id::MessageId;
use jindou::request::Response;
use jindou::time::Wall;
use jindou::turn::{ConnectionId, Reply};

const SECRET: &str = "secret";

fn message() -> MessageView {
    MessageView {
        key: format!("{SECRET}#n1"),
        channel: Channel::person(SECRET),
        client_msg_no: ClientMsgNo::from("n1"),
        message_id: None,
        message_seq: None,
        from: SECRET.into(),
        own: false,
        timestamp: 0,
        delivery: jindou::client::Delivery::Sent,
        reason_code: None,
        state: Default::default(),
        recall: None,
        content: Some(SECRET.into()),
        expire: 0,
        topic: Some(SECRET.to_owned()),
        transient: false,
    }
}

#[test]
fn inputs_and_outputs_print_no_content_no_token_and_no_uid() {
    let (channel, content) = (Channel::person(SECRET), SECRET.as_bytes().to_vec());
    let options = SendOptions { topic: Some(SECRET.to_owned()), ..SendOptions::default() };
    let send =
        Command::Send { channel: channel.clone(), client_msg_no: "n1".into(), content: content.clone(), options };
    let inputs = [
        Input::Command(Ticket(1), send),
        Input::Socket(ConnectionId(1), Socket::Received(vec![content.clone()])),
        Input::Fetched(RequestId(1), Ok(Response::Token(SECRET.to_owned()))),
        Input::Fetched(RequestId(1), Ok(Response::Content(content.clone()))),
    ];
    let command = Event::Command {
        channel: channel.clone(),
        from: SECRET.into(),
        message_id: MessageId(1),
        content: content.clone(),
    };
    let outputs = [
        Output::Transmit(ConnectionId(1), content.clone()),
        Output::Settle(Ticket(1), Ok(Reply::Content { content })),
        Output::Settle(Ticket(1), Ok(Reply::Message { message: message() })),
        Output::Event(Event::Message { message: message(), live: true }),
        Output::Event(Event::MessageRemoved { channel, key: format!("{SECRET}#n1") }),
        Output::Event(command),
    ];
    let printed = inputs.iter().map(|input| format!("{input:?}"));
    for text in printed.chain(outputs.iter().map(|output| format!("{output:?}"))) {
        assert!(!text.contains(SECRET) && !text.contains("115, 101, 99, 114, 101, 116"), "{text}");
    }
}

#[test]
fn whatever_moment_a_server_names_the_application_can_make_a_date_of_it() {
    for (moment, last) in [(i64::MAX, 8_640_000_000_000_000_i64), (i64::MIN, -8_640_000_000_000_000), (-1, -1)] {
        let message = serde_json::to_value(MessageView { timestamp: moment, ..message() }).expect("JSON");
        assert_eq!(message["timestamp"], serde_json::json!(last));
        let denied = Error::denied(DenyReason::Window, Some(Wall(moment)));
        assert_eq!(serde_json::to_value(denied).expect("JSON")["deadline"], serde_json::json!(last));
    }
}
