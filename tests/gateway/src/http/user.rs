//! People, their devices and where to connect.

use super::{Answer, Form, HttpRequest, HttpResponse, required};
use crate::directory::{Device, DeviceLevel};
use crate::ids::{Channel, SYSTEM_UID, Uid};
use crate::node::Node;
use crate::row::Row;
use crate::time::Millis;
use jindou::id::{ChannelType, DeviceFlag};
use serde_json::{Value, json};

const TOKEN_GRACE: Millis = Millis::from_secs(10);
const QUIT_GRACE: Millis = Millis::from_secs(2);

impl Node {
    fn write_device(&mut self, uid: &Uid, flag: DeviceFlag, token: &str, level: DeviceLevel) {
        self.directory.set_device(uid, flag, Device { token: token.to_owned(), level });
        self.persist(Row::Device { uid: uid.clone(), flag: flag.0, token: token.to_owned(), level });
    }

    /// Registers a token for one person and device flag. A master's token ends the connections that were there before.
    pub(super) fn user_token(&mut self, request: &HttpRequest) -> Answer {
        let form = match Form::parse(request) {
            Err(_) if self.config.generation.is_v3() => return Err(HttpResponse::refuse("invalid request")),
            other => other.map_err(|text| HttpResponse::refuse(&text))?,
        };
        let (uid, token) = (form.uid("uid")?, form.text("token")?);
        required(uid.as_str(), "uid不能为空！")?;
        required(&token, "token不能为空！")?;
        if Uid::is_special(uid.as_str()) {
            return Err(HttpResponse::refuse("uid不能包含特殊字符！"));
        }
        if uid.as_str() == SYSTEM_UID {
            return Err(HttpResponse::refuse("系统账号不允许更新token！"));
        }
        let flag = DeviceFlag(form.byte("device_flag")?);
        let level = if form.byte("device_level")? == 1 { DeviceLevel::Master } else { DeviceLevel::Slave };
        if let Some(info) = self.directory.info(&Channel::new(uid.as_str(), ChannelType::PERSON)) {
            if info.ban {
                return Ok(HttpResponse::status(19));
            }
            if info.disband {
                return Ok(HttpResponse::status(24));
            }
        }
        self.write_device(&uid, flag, &token, level);
        if level == DeviceLevel::Master {
            for conn in self.connections(&uid, Some(flag)) {
                self.kick(conn, "账号在其他设备上登录", TOKEN_GRACE);
            }
        }
        Ok(HttpResponse::ok())
    }

    pub(super) fn user_device_quit(&mut self, request: &HttpRequest) -> Answer {
        let form = Form::read(request)?;
        let uid = form.uid("uid")?;
        let flags: Vec<u8> = match form.number("device_flag")? {
            // All of the named flags; others have to be said.
            -1 => vec![DeviceFlag::APP.0, DeviceFlag::WEB.0, DeviceFlag::PC.0],
            flag => vec![u8::try_from(flag).map_err(|_| Form::wrong("device_flag"))?],
        };
        for flag in flags.into_iter().map(DeviceFlag) {
            // A device without a token is unknown, and nothing is done about its connections.
            if self.directory.device(&uid, flag).is_none() {
                continue;
            }
            self.write_device(&uid, flag, "", DeviceLevel::Master);
            for conn in self.connections(&uid, Some(flag)) {
                self.kick(conn, "", QUIT_GRACE);
            }
        }
        Ok(HttpResponse::ok())
    }

    /// Registered connections only: a deaf one of 2.2.x that was kicked is missing here.
    pub(super) fn user_online_status(&mut self, request: &HttpRequest) -> Answer {
        let uids = listed(request)?;
        if uids.is_empty() {
            return Ok(HttpResponse::ok());
        }
        let mut online = Vec::new();
        for uid in &uids {
            for conn in self.connections(uid, None) {
                if let Some(session) = self.session(conn) {
                    online.push(json!({ "uid": uid.as_str(), "device_flag": session.flag.0, "online": 1 }));
                }
            }
        }
        Ok(HttpResponse::json(&Value::Array(online)))
    }

    pub(super) fn user_system(&mut self, request: &HttpRequest, system: bool) -> Answer {
        for uid in Form::read(request)?.uids("uids")? {
            self.directory.set_system(&uid, system);
            self.persist(Row::System { uid, system });
        }
        Ok(HttpResponse::ok())
    }

    /// `null` where there are none.
    pub(super) fn user_system_list(&self) -> HttpResponse {
        let uids: Vec<&str> = self.directory.system_uids().map(Uid::as_str).collect();
        HttpResponse::json(&if uids.is_empty() { Value::Null } else { json!(uids) })
    }

    fn address(&self, intranet: bool) -> Value {
        let addresses = &self.config.addresses;
        if intranet {
            return json!({ "tcp_addr": addresses.tcp, "ws_addr": "", "wss_addr": "" });
        }
        json!({ "tcp_addr": addresses.tcp, "ws_addr": addresses.ws, "wss_addr": addresses.wss })
    }

    /// The address of the node that answers, whoever asks.
    pub(super) fn route_address(&self, request: &HttpRequest) -> Answer {
        if self.config.generation.is_v3() {
            let asked = ["node_id", "nodeId", "nodeID"].into_iter().map(|name| request.param(name));
            let own = self.config.node_id.to_string();
            if asked.filter(|node| !node.is_empty()).any(|node| node != own) {
                return Err(HttpResponse::refuse("节点参数有误！"));
            }
        }
        Ok(HttpResponse::json(&self.address(request.param("intranet") == "1")))
    }

    pub(super) fn route_batch(&self, request: &HttpRequest) -> Answer {
        let uids = listed(request).map_err(|_| HttpResponse::refuse("数据格式有误！").in_plain_text())?;
        let mut address = self.address(request.param("intranet") == "1");
        address["uids"] = json!(uids);
        Ok(HttpResponse::json(&json!([address])))
    }
}

/// A body that is a bare list of people.
fn listed(request: &HttpRequest) -> Result<Vec<Uid>, HttpResponse> {
    let text = if request.body.is_empty() { "EOF" } else { "json: cannot unmarshal into Go value of type []string" };
    serde_json::from_slice(&request.body).map_err(|_| HttpResponse::refuse(text).in_plain_text())
}
