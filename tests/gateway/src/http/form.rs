//! The fields of a request's body. What is missing or null is empty or 0, as for the server; a wrong type is refused.

use super::{HttpRequest, HttpResponse};
use crate::ids::{Channel, Uid};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jindou::id::ChannelType;
use serde_json::{Map, Value};

pub(super) struct Form(Map<String, Value>);

impl Form {
    /// As most calls read their body.
    pub(super) fn read(request: &HttpRequest) -> Result<Form, HttpResponse> {
        Form::parse(request).map_err(|text| HttpResponse::refuse(&text))
    }

    /// As a few calls read it: what is wrong is said in JSON that calls itself plain text.
    pub(super) fn bound(request: &HttpRequest) -> Result<Form, HttpResponse> {
        Form::parse(request).map_err(|text| HttpResponse::refuse(&text).in_plain_text())
    }

    pub(super) fn parse(request: &HttpRequest) -> Result<Form, String> {
        match serde_json::from_slice(&request.body) {
            Ok(Value::Object(fields)) => Ok(Form(fields)),
            Ok(_) => Err("json: cannot unmarshal into Go value".to_owned()),
            Err(_) if request.body.is_empty() => Err("EOF".to_owned()),
            Err(_) => Err("invalid character".to_owned()),
        }
    }

    pub(super) fn wrong(name: &str) -> HttpResponse {
        HttpResponse::refuse(&format!("json: cannot unmarshal into Go struct field {name}"))
    }

    fn field(&self, name: &str) -> Option<&Value> {
        self.0.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, name: &str) -> Result<String, HttpResponse> {
        match self.field(name) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(Form::wrong(name)),
        }
    }

    pub(super) fn uid(&self, name: &str) -> Result<Uid, HttpResponse> {
        self.text(name).map(Uid)
    }

    pub(super) fn number(&self, name: &str) -> Result<i64, HttpResponse> {
        match self.field(name) {
            None => Ok(0),
            Some(value) => value.as_i64().ok_or_else(|| Form::wrong(name)),
        }
    }

    pub(super) fn seq(&self, name: &str) -> Result<u64, HttpResponse> {
        match self.field(name) {
            None => Ok(0),
            Some(value) => value.as_u64().ok_or_else(|| Form::wrong(name)),
        }
    }

    pub(super) fn byte(&self, name: &str) -> Result<u8, HttpResponse> {
        u8::try_from(self.number(name)?).map_err(|_| Form::wrong(name))
    }

    /// 1 or `true`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, HttpResponse> {
        match self.field(name) {
            Some(Value::Bool(flag)) => Ok(*flag),
            _ => Ok(self.number(name)? == 1),
        }
    }

    pub(super) fn list(&self, name: &str) -> Result<&[Value], HttpResponse> {
        match self.field(name) {
            None => Ok(&[]),
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(Form::wrong(name)),
        }
    }

    pub(super) fn uids(&self, name: &str) -> Result<Vec<Uid>, HttpResponse> {
        let texts = self.list(name)?.iter().map(|value| value.as_str().map(Uid::from));
        texts.collect::<Option<Vec<Uid>>>().ok_or_else(|| Form::wrong(name))
    }

    pub(super) fn forms(&self, name: &str) -> Result<Vec<Form>, HttpResponse> {
        let objects = self.list(name)?.iter().map(|value| value.as_object().cloned().map(Form));
        objects.collect::<Option<Vec<Form>>>().ok_or_else(|| Form::wrong(name))
    }

    /// A nested object; an absent one is an empty one.
    pub(super) fn form(&self, name: &str) -> Result<Form, HttpResponse> {
        match self.field(name) {
            None => Ok(Form(Map::new())),
            Some(Value::Object(fields)) => Ok(Form(fields.clone())),
            Some(_) => Err(Form::wrong(name)),
        }
    }

    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, HttpResponse> {
        let text = self.text(name)?;
        STANDARD.decode(&text).map_err(|_| HttpResponse::refuse("illegal base64 data at input byte 0").in_plain_text())
    }

    pub(super) fn kind(&self) -> Result<ChannelType, HttpResponse> {
        self.byte("channel_type").map(ChannelType)
    }

    /// The channel that `viewer` means.
    pub(super) fn channel_for(&self, viewer: &Uid) -> Result<Channel, HttpResponse> {
        Ok(Channel::seen_by(viewer.as_str(), &self.text("channel_id")?, self.kind()?))
    }

    /// The channel by its stored id.
    pub(super) fn channel(&self) -> Result<Channel, HttpResponse> {
        Ok(Channel::new(self.text("channel_id")?, self.kind()?))
    }
}
