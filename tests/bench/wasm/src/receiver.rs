//! Receiving without a session and without a database: bytes to genuine, decrypted messages and their RECVACKs.

use jindou::browser::convert::json_text;
use jindou::channel::{Channel, ClientMsgNo, Uid};
use jindou::event::{Delivery, MessageView};
use jindou::rows::MessageRow;
use jindou::wire::{Cipher, Deframer, Packet, ProtocolVersion, Recv, Recvack, encode};
use wasm_bindgen::prelude::*;

use crate::gateway::Gateway;

#[wasm_bindgen]
pub struct Receiver {
    version: ProtocolVersion,
    cipher: Cipher,
    deframer: Deframer,
    rows: Vec<MessageRow>,
    acks: Vec<u8>,
}

#[wasm_bindgen]
impl Receiver {
    /// The client's end of this connection: both ends have the same key.
    pub fn of(gateway: &Gateway) -> Self {
        Self {
            version: gateway.version,
            cipher: gateway.cipher.clone(),
            deframer: Deframer::new(),
            rows: Vec::new(),
            acks: Vec::new(),
        }
    }

    /// How many messages in these bytes are genuine. They become rows, which stay in WebAssembly as those of the client do.
    pub fn rows(&mut self, bytes: &[u8]) -> Result<usize, JsError> {
        self.receive(bytes)?;
        Ok(self.rows.len())
    }

    /// The genuine messages in these bytes as JSON, as the client gives them to JavaScript.
    pub fn json(&mut self, bytes: &[u8]) -> Result<String, JsError> {
        self.receive(bytes)?;
        let shown: Vec<MessageView> = self.rows.drain(..).map(shown).collect();
        Ok(json_text(&shown))
    }

    fn receive(&mut self, bytes: &[u8]) -> Result<(), JsError> {
        self.rows.clear();
        self.acks.clear();
        self.deframer.push(bytes);
        let mut recvs = Vec::new();
        while let Some(packet) = self.deframer.next(self.version)? {
            if let Packet::Recv(recv) = packet {
                recvs.push(recv);
            }
        }
        let contents = self.cipher.open(&recvs);
        for (recv, content) in recvs.into_iter().zip(contents) {
            let ack = Recvack { flags: recv.flags, message_id: recv.message_id, message_seq: recv.message_seq };
            self.rows.extend(row(recv, content?));
            encode(&Packet::Recvack(ack), self.version, &mut self.acks)?;
        }
        Ok(())
    }
}

fn row(recv: Recv, content: Vec<u8>) -> Option<MessageRow> {
    Some(MessageRow {
        channel: Channel::new(recv.channel_type.0, recv.channel_id.to_str()?),
        message_seq: recv.message_seq,
        message_id: recv.message_id,
        client_msg_no: ClientMsgNo::from(recv.client_msg_no.to_str()?),
        from: Uid::from(recv.from_uid.to_str()?),
        timestamp: recv.timestamp.into(),
        setting: recv.setting.0,
        expire: recv.expire,
        topic: None,
        content,
        state: Default::default(),
        mark: None,
        copies: Vec::new(),
        counted: recv.flags.red_dot,
        unconfirmed: false,
    })
}

fn shown(row: MessageRow) -> MessageView {
    MessageView {
        key: format!("{}:{}", row.from.as_str(), row.client_msg_no.as_str()),
        channel: row.channel,
        client_msg_no: row.client_msg_no,
        message_id: Some(row.message_id),
        message_seq: Some(row.message_seq),
        from: row.from,
        own: false,
        timestamp: row.timestamp * 1000,
        delivery: Delivery::Sent,
        reason_code: None,
        state: row.state,
        recall: None,
        content: Some(row.content),
        expire: row.expire,
        topic: row.topic,
        transient: false,
    }
}
