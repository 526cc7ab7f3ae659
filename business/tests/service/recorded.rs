//! What real servers of 2.1.5 and 2.2.5 answered, byte for byte, is understood.

use std::path::Path;

use axum::Router;
use axum::http::StatusCode;
use jindou_business::rules::account::DeviceFlag;
use jindou_business::rules::identity::GroupId;
use jindou_business::rules::{Channel, ChannelRef, ClientMsgNo, Uid};
use jindou_business::service::wukongim::{NodeAddress, Patience, Range, Wukongim, WukongimError};
use serde_json::Value;
use tokio::net::TcpListener;

/// A WuKongIM that answers everything with one recorded exchange.
async fn recorded(name: &str) -> Wukongim {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/http").join(format!("{name}.json"));
    let exchange: Value = serde_json::from_slice(&std::fs::read(path).expect(name)).expect(name);
    let status = exchange["response"]["status"]
        .as_u64()
        .and_then(|status| StatusCode::from_u16(status as u16).ok())
        .expect(name);
    let body = match &exchange["response"]["body"] {
        Value::String(text) => text.clone(),
        json => json.to_string(),
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(axum::serve(listener, Router::new().fallback(move || async move { (status, body) })).into_future());
    let node = NodeAddress::parse(&format!("http://{address}")).expect("an address");
    Wukongim::new(vec![node], None, Patience::default())
}

fn uid(id: &str) -> Uid {
    Uid::try_from(id.to_owned()).expect("a uid")
}

#[tokio::test]
async fn pages_of_history() {
    let channel = Channel::person(uid("htA"), uid("htB"));
    for name in ["2.1.5-messagesync-newest", "2.2.5-messagesync-newest"] {
        let page = recorded(name).await.messages(&channel, &uid("htB"), Range::Newest, 5).await.expect(name);
        let seqs: Vec<u64> = page.iter().map(|message| message.message_seq.number()).collect();
        assert_eq!(seqs, [8, 9, 10, 11, 12], "{name}");
        assert_eq!((page[4].client_msg_no.as_str(), page[4].from_uid.as_str()), ("ht-12", "htA"), "{name}");
        assert!(page[4].red_dot && !page[0].red_dot, "the first of a page has lost its flags");
        assert_eq!(page[4].payload, br#"{"type":1,"content":"m12"}"#, "{name}");
        assert!(
            page[4].message_id.0 > 1 << 53 && page[4].message_id.0 % 10 != 0 || name.starts_with("2.2"),
            "no digit is lost"
        );
    }
    for name in ["2.2.5-messagesync-limit0", "2.2.5-messagesync-unknown-channel"] {
        assert_eq!(recorded(name).await.messages(&channel, &uid("htB"), Range::Newest, 5).await, Ok(vec![]), "{name}");
    }
}

#[tokio::test]
async fn conversations() {
    for (name, read_to, unread) in [
        ("2.1.5-conversation-sync-new-client", 0, 12),
        ("2.2.5-conversation-sync-new-client", 0, 12),
        ("2.2.5-conversation-sync-after-setunread-4", 8, 4),
    ] {
        let told = recorded(name).await.conversations(&uid("htB"), &[], 3).await.expect(name);
        assert_eq!(
            (told[0].channel_id.as_str(), told[0].channel_type, told[0].last.number()),
            ("htA", 1, 12),
            "{name}"
        );
        assert_eq!((told[0].read_to.number(), told[0].unread), (read_to, unread), "{name}");
        let seqs: Vec<u64> = told[0].recents.iter().map(|message| message.message_seq.number()).collect();
        assert_eq!(seqs, [10, 11, 12], "ascending: {name}");
    }
}

#[tokio::test]
async fn commands() {
    for name in ["2.1.5-message-sync", "2.2.5-message-sync"] {
        let commands = recorded(name).await.commands(&uid("cmB225a")).await.expect(name);
        assert_eq!(commands.len(), 7, "{name}");
        assert!(commands.iter().all(|command| command.stored_channel_id.ends_with("____cmd")), "{name}");
        assert!(commands[3].message.from_uid.is_system(), "{name}");
    }
}

#[tokio::test]
async fn the_index_by_client_msg_no_and_its_absence() {
    let channel = Channel::Group(GroupId::try_from("rvG".to_owned()).expect("a group"));
    let name = ClientMsgNo::stored("rv2");
    let found = recorded("2.2.5-message-byclientmsgno-group")
        .await
        .first_copy(&channel, &name)
        .await
        .expect("an answer")
        .expect("a message");
    assert_eq!((found.client_msg_no.as_str(), found.message_seq.number()), ("rv2", 1));
    assert_eq!(
        recorded("2.2.5-message-byclientmsgno-peer").await.first_copy(&channel, &name).await,
        Ok(None),
        "404 inside of 200"
    );
    assert_eq!(
        recorded("2.1.5-message-byclientmsgno-group").await.first_copy(&channel, &name).await,
        Err(WukongimError::Missing)
    );
}

#[tokio::test]
async fn what_is_done_and_what_is_refused() {
    let token = async |name: &str| recorded(name).await.register_token(&uid("htB"), DeviceFlag::WEB, "t").await;
    assert_eq!(token("2.2.5-user-token-master").await, Ok(()));
    assert_eq!(token("2.2.5-user-token-banned").await, Err(WukongimError::Refused { status: 19 }), "inside of 200");
    assert_eq!(token("2.2.5-user-token-special-uid").await, Err(WukongimError::Refused { status: 400 }));
    assert_eq!(token("2.2.5-manager-token-missing").await, Err(WukongimError::Unreadable));
    let to = ChannelRef { channel_id: "rvB".to_owned(), channel_type: 1 };
    assert_eq!(
        recorded("2.2.5-message-send-cmd-person").await.send_command(&uid("rvA"), &to, "e30=", "cmd-1").await,
        Ok(())
    );
    let channel = Channel::person(uid("htA"), uid("htB"));
    assert_eq!(recorded("2.2.5-conversations-setunread-4").await.set_unread(&uid("htB"), &channel, 4).await, Ok(()));
    let online = recorded("2.2.5-user-onlinestatus").await;
    assert_eq!(online.online(&uid("htA"), DeviceFlag::WEB).await, Ok(true));
    assert_eq!(online.online(&uid("htB"), DeviceFlag::WEB).await, Ok(false));
    let (addresses, silent) = recorded("2.2.5-route").await.gateways().await;
    assert_eq!((addresses, silent.len()), (vec!["ws://127.0.0.1:15202".to_owned()], 0));
}
