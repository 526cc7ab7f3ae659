//! The other end of a connection, as far as a flood needs it: a handshake, messages sealed for this session, and a count of
//! what was acknowledged.

use jindou::id::ChannelType;
use jindou::wire::{
    Cipher, Connack, Connect, Deframer, Flags, KeyPair, Packet, ProtocolVersion, ReasonCode, Recv, Setting, Text,
    encode,
};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::script::Script;

const SECRET: [u8; 32] = [7; 32];
const SALT: &str = "aZ3kP0qLx8Wm2TbV";
/// What WuKongIM 2.2 speaks.
const NEWEST: u8 = 5;

#[wasm_bindgen]
pub struct Gateway {
    pub(crate) version: ProtocolVersion,
    pub(crate) cipher: Cipher,
    deframer: Deframer,
    acknowledged: u32,
}

#[wasm_bindgen]
impl Gateway {
    #[allow(clippy::new_without_default, reason = "JavaScript calls it")]
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self { version: ProtocolVersion(NEWEST), cipher: Cipher::plain(), deframer: Deframer::new(), acknowledged: 0 }
    }

    /// What a server answers to these bytes, one socket message each: CONNACK to CONNECT and PONG to PING.
    pub fn answer(&mut self, bytes: &[u8]) -> Result<Array, JsError> {
        let answers = Array::new();
        self.deframer.push(bytes);
        while let Some(packet) = self.deframer.next(self.version)? {
            let answer = match packet {
                Packet::Connect(connect) => Packet::Connack(self.accept(&connect)?),
                Packet::Ping => Packet::Pong,
                Packet::Recvack(_) => {
                    self.acknowledged += 1;
                    continue;
                }
                _ => continue,
            };
            answers.push(&self.bytes(&answer)?);
        }
        Ok(answers)
    }

    pub fn acknowledged(&self) -> u32 {
        self.acknowledged
    }

    /// These messages as RECVs, one `ArrayBuffer` each, as they come from a socket.
    pub fn seal(&self, script: &Script, first: u32, count: u32) -> Result<Array, JsError> {
        (first..first + count).map(|number| self.bytes(&Packet::Recv(self.recv(script, number)))).collect()
    }

    fn accept(&mut self, connect: &Connect) -> Result<Connack, JsError> {
        let pair = KeyPair::from_seed(SECRET);
        let salt = Text::from(SALT);
        self.cipher = pair.accept(&connect.client_key, &salt)?;
        self.version = ProtocolVersion(connect.version.0.min(NEWEST));
        Ok(Connack {
            server_version: (connect.version.0 > 3).then_some(self.version),
            time_diff: 0,
            reason: ReasonCode::SUCCESS,
            server_key: pair.public_key(),
            salt,
            node_id: Some(1),
        })
    }

    fn recv(&self, script: &Script, number: u32) -> Recv {
        let message = script.message(number);
        let mut recv = Recv {
            flags: Flags { red_dot: true, ..Flags::default() },
            setting: Setting(message.setting),
            msg_key: Text::new(),
            from_uid: Text::from(message.from.as_str()),
            channel_id: Text::from(message.channel.id.as_str()),
            channel_type: ChannelType(message.channel.kind),
            expire: message.expire,
            client_msg_no: Text::from(message.client_msg_no.as_str()),
            stream: None,
            message_id: message.message_id,
            message_seq: message.message_seq,
            timestamp: message.timestamp as i32,
            topic: None,
            payload: message.content,
        };
        self.cipher.seal_recv(&mut recv);
        recv
    }

    fn bytes(&self, packet: &Packet) -> Result<JsValue, JsError> {
        let mut bytes = Vec::new();
        encode(packet, self.version, &mut bytes)?;
        Ok(Uint8Array::from(bytes.as_slice()).buffer().into())
    }
}
