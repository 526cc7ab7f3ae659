//! What the application sees when something went wrong: a stable code, and whether trying again may help.

use serde::Serialize;

use crate::time::Wall;

/// Stable across versions; JavaScript sees it as `error.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The application's argument is wrong; nothing was done.
    InvalidArgument,
    /// A content is larger than the server takes, or an id or a topic longer than a string of the protocol.
    TooLarge,
    /// Another tab has this account's database.
    InUse,
    /// The client was closed, or wiped.
    Closed,
    /// The application's `AbortSignal` fired.
    Aborted,
    /// IndexedDB failed; what the call asked for was not kept.
    Storage,
    /// The token was refused, or met with silence so often that it probably is wrong.
    Unauthorized,
    /// The server ended this login: the person logged in elsewhere.
    Kicked,
    /// The message server refused the message (`reason` says why); it stays parked in the outbox.
    Refused,
    /// A recall or a restore cannot be.
    RecallDenied,
    /// No business server is configured, or it does not offer this; or the browser lacks what it takes.
    NotSupported,
    /// No such message, or nothing in the outbox under that number.
    NotFound,
    /// The gateway, or the business server, did not answer, or answered that it cannot now.
    Unavailable,
    /// The business server answered what we cannot read.
    BadResponse,
    /// The business server refused the request.
    Forbidden,
}

/// Why a recall or a restore is denied; the business server's word, or ours where the answer is already certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DenyReason {
    Window,
    NotAuthor,
    NotMember,
    UnknownMessage,
    Deleted,
    NotRecalled,
    NotSupported,
    Other,
}

/// What a call rejects with, or a `problem` event tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Error {
    pub code: ErrorCode,
    /// In English, for a log; nothing private.
    pub message: String,
    /// Trying again may help.
    pub retryable: bool,
    /// `refused`: the reason code of the message server, as in `wire::ReasonCode`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason_code: Option<u8>,
    /// `recall-denied`: why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<DenyReason>,
    /// `recall-denied` by the window: until when it would have been possible, on the server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Wall>,
}

impl Error {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let retryable = matches!(code, ErrorCode::Storage | ErrorCode::Unavailable | ErrorCode::InUse);
        Self { code, message: message.into(), retryable, reason_code: None, reason: None, deadline: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::InvalidArgument, message)
    }

    pub fn denied(reason: DenyReason, deadline: Option<Wall>) -> Self {
        let message = match reason {
            DenyReason::Window => "the time for this has passed",
            DenyReason::NotAuthor => "only its author may do this, and in a group its owner and admins may recall it",
            DenyReason::NotMember => "you are not a member of this channel",
            DenyReason::UnknownMessage => "no such message",
            DenyReason::Deleted => "the message is deleted",
            DenyReason::NotRecalled => "the message is not recalled",
            DenyReason::NotSupported => "this installation does not offer it",
            DenyReason::Other => "denied",
        };
        Self { reason: Some(reason), deadline, ..Self::new(ErrorCode::RecallDenied, message) }
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Error {}
