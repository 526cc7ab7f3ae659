//! From the first bytes of a socket to CONNACK, or to what each generation does instead: a cut, silence, a refusal.

use crate::config::Generation;
use crate::directory::DeviceLevel;
use crate::ids::{Channel, ConnId, Uid};
use crate::node::{Node, Phase, Session, Timer};
use crate::time::Millis;
use crate::{CloseHow, Trace};
use jindou::id::ChannelType;
use jindou::wire::cipher::{Cipher, KeyPair};
use jindou::wire::{
    Connack, Connect, Decoded, Disconnect, Flags, Packet, PacketKind, ProtocolVersion, ReasonCode, Text, decode, encode,
};
use std::collections::BTreeMap;

/// A kicked connection hears of it this long before it ends.
const KICK_GRACE: Millis = Millis::from_secs(2);

/// What both sides have agreed on, and what the client has yet to hear of it.
struct Agreement {
    cipher: Cipher,
    server_key: Text,
    salt: Text,
}

impl Node {
    pub(crate) fn greet(&mut self, conn: ConnId, bytes: &[u8]) {
        let generation = self.config.generation;
        let latest = ProtocolVersion(generation.latest_version());
        let Some(socket) = self.sockets.get_mut(&conn) else { return };
        socket.greeting.extend_from_slice(bytes);
        let (packet, consumed) = match decode(&socket.greeting, latest) {
            Ok(Decoded::Packet(packet, consumed)) => (packet, consumed),
            Ok(Decoded::NeedMore) => return,
            Err(_) => return self.close(conn, self.end_of_connection()),
        };
        let behind = socket.greeting.len() > consumed;
        let Packet::Connect(connect) = packet else { return self.close(conn, self.end_of_connection()) };
        // Nothing may follow CONNECT in the same read. 2.1.x forgets it, the others hang up without CONNACK.
        if behind && generation != Generation::V21 {
            return self.close(conn, self.end_of_connection());
        }
        socket.greeting = Vec::new();
        match generation {
            Generation::V3 => self.connect_v3(conn, &connect),
            _ => self.connect_v2(conn, &connect),
        }
    }

    fn connect_v2(&mut self, conn: ConnId, connect: &Connect) {
        let Some(uid) = connect.uid.to_str() else { return self.close(conn, CloseHow::Cut) };
        if uid.trim().is_empty() || Uid::is_special(uid) {
            return self.close(conn, CloseHow::Cut);
        }
        let uid = Uid::from(uid);
        // The clock of a refused CONNECT starts here too, and nothing else tells the client.
        self.set_idle(conn, self.config.idle.before_connack);
        let Some(level) = self.authenticate(&uid, connect) else { return self.refuse_in_silence(conn) };
        let Some(agreement) = self.agree(connect) else { return self.refuse_in_silence(conn) };

        for old in self.connections(&uid, Some(connect.device_flag)) {
            let same_device = self.session(old).is_some_and(|session| session.device_id == connect.device_id);
            if level == DeviceLevel::Master && !same_device {
                self.kick(old, "login in other device", KICK_GRACE);
            } else if same_device {
                self.schedule(self.now + KICK_GRACE, Timer::End(old));
            }
        }
        self.establish(conn, uid, connect, level, agreement);
    }

    /// Version 3 checks no token and knows no ban; it says what it dislikes about keys.
    fn connect_v3(&mut self, conn: ConnId, connect: &Connect) {
        let Some(uid) = connect.uid.to_str().filter(|uid| !uid.is_empty()) else {
            return self.refuse_aloud(conn, ReasonCode::SYSTEM_ERROR);
        };
        if connect.client_key.is_empty() {
            return self.refuse_aloud(conn, ReasonCode::CLIENT_KEY_IS_EMPTY);
        }
        let uid = Uid::from(uid);
        let Some(agreement) = self.agree(connect) else {
            return self.refuse_aloud(conn, ReasonCode::AUTH_FAIL);
        };
        for old in self.connections(&uid, Some(connect.device_flag)) {
            if self.session(old).is_some_and(|session| session.device_id == connect.device_id) {
                self.close(old, CloseHow::Frame(1000));
            }
        }
        self.establish(conn, uid, connect, DeviceLevel::Slave, agreement);
    }

    /// The level of the device, or `None` if it may not connect.
    fn authenticate(&self, uid: &Uid, connect: &Connect) -> Option<DeviceLevel> {
        let person = Channel::new(uid.as_str(), ChannelType::PERSON);
        let banned = self.directory.info(&person).is_some_and(|info| info.ban);
        if !self.config.token_auth {
            return (!banned).then_some(DeviceLevel::Slave);
        }
        let token = connect.token.to_str().filter(|token| !token.is_empty())?;
        let device = self.directory.device(uid, connect.device_flag)?;
        (device.token == token && !banned).then_some(device.level)
    }

    fn agree(&mut self, connect: &Connect) -> Option<Agreement> {
        if !self.config.encryption {
            return Some(Agreement { cipher: Cipher::plain(), server_key: Text::new(), salt: Text::new() });
        }
        let pair = KeyPair::from_seed(self.dice.seed());
        let server_key = pair.public_key();
        let salt = Text::from(self.dice.alphanumeric(16));
        let cipher = pair.accept(&connect.client_key, &salt).ok()?;
        Some(Agreement { cipher, server_key, salt })
    }

    fn refuse_in_silence(&mut self, conn: ConnId) {
        if let Some(socket) = self.sockets.get_mut(&conn) {
            socket.phase = Phase::Refused;
        }
    }

    /// The refusal of version 3 has the form of protocol 5 whatever CONNECT said, and no clock.
    fn refuse_aloud(&mut self, conn: ConnId, reason: ReasonCode) {
        let refusal = Packet::Connack(Connack {
            server_version: None,
            time_diff: 0,
            reason,
            server_key: Text::new(),
            salt: Text::new(),
            node_id: Some(0),
        });
        let mut bytes = Vec::new();
        if encode(&refusal, ProtocolVersion(5), &mut bytes).is_ok() {
            self.transmit_bytes(conn, PacketKind::CONNACK, bytes);
        }
        self.close(conn, CloseHow::Frame(1000));
    }

    fn establish(&mut self, conn: ConnId, uid: Uid, connect: &Connect, level: DeviceLevel, agreement: Agreement) {
        let latest = self.config.generation.latest_version();
        let asked = connect.version;
        let version = match asked.0 {
            0 if self.config.generation.is_v3() => ProtocolVersion(latest),
            number => ProtocolVersion(number.min(latest)),
        };
        let Some(socket) = self.sockets.get_mut(&conn) else { return };
        socket.phase = Phase::Ready(Box::new(Session {
            uid: uid.clone(),
            flag: connect.device_flag,
            device_id: connect.device_id.clone(),
            level,
            version,
            cipher: agreement.cipher,
            registered: true,
            unacked: BTreeMap::new(),
        }));
        self.online.entry(uid.clone()).or_default().insert(conn);
        self.set_idle(conn, self.config.idle.ready);
        let now = i64::try_from(self.now.0).unwrap_or(i64::MAX);
        self.transmit(
            conn,
            &Packet::Connack(Connack {
                server_version: (asked.0 > 3).then_some(version),
                time_diff: now.wrapping_sub(connect.client_timestamp),
                reason: ReasonCode::SUCCESS,
                server_key: agreement.server_key,
                salt: agreement.salt,
                node_id: (version >= ProtocolVersion::NODE_ID).then_some(self.config.node_id),
            }),
        );
        self.note(|| Trace::Connected { conn, uid });
    }

    /// Tells a connection that it has to go, and lets it end `grace` later. Version 3 ends it without a word.
    pub(crate) fn kick(&mut self, conn: ConnId, why: &str, grace: Millis) {
        if !self.config.generation.is_v3() {
            self.transmit(
                conn,
                &Packet::Disconnect(Disconnect {
                    flags: Flags::default(),
                    reason: ReasonCode::CONNECT_KICK,
                    reason_text: Text::from(why),
                }),
            );
        }
        self.schedule(self.now + grace, Timer::End(conn));
    }
}
