//! What the application sees when something went wrong: a stable code, and whether trying again may help.

use serde::Serialize;

use crate::time::Wall;

/// Stable across versions; JavaScript sees it as `error.code`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// The application's argument is wrong; nothing was done.
    InvalidArgument,
    /// The content is larger than the server takes.
    TooLarge,
    /// Another tab has this account's database.
    InUse,
    /// The client was closed, or wiped.
    Closed,
    /// The application's `AbortSignal` fired.
    Aborted,
    /// IndexedDB failed; what the call asked for was not kept.
    Storage,
    /// The token was refused again and again.
    Unauthorized,
    /// The server ended this login: the person logged in elsewhere.
    Kicked,
    /// The message server refused the message (`reason` says why); it stays parked in the outbox.
    Refused,
    /// A recall or a restore cannot be.
    RecallDenied,
    /// No business server is configured, or it does not offer this.
    NotSupported,
    /// No such message, or nothing in the outbox under that number.
    NotFound,
    /// The business server did not answer, or answered that it cannot now.
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

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Error {
    pub code: ErrorCode,
    pub message: String,
    pub retryable: bool,
    /// `refused`: the reason code of the message server. See facts of WKProto, `ReasonCode`.
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
            DenyReason::NotAuthor => "only the author, or in a group its owner and admins, may do this",
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
