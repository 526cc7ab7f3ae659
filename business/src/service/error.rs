//! What a request is refused with: a stable code, whether trying again may help, and a sentence without anything private or inner.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::secrets::NoEntropy;
use super::wukongim::WukongimError;
use crate::rules::recall::Denial;
use crate::rules::{InvalidId, Span};
use crate::storage::StorageError;

/// A reason code of WuKongIM's, as the status inside an answer.
const BANNED: u16 = 19;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiError {
    Invalid(String),
    Unauthorized,
    WrongPassword,
    Forbidden(&'static str),
    SignupDisabled,
    RecallDenied(Denial),
    NotFound(&'static str),
    MethodNotAllowed,
    Conflict(&'static str),
    TooLarge(&'static str),
    RateLimited(Span),
    /// WuKongIM, or our own database, does not answer now.
    Unavailable,
    /// What answers in WuKongIM's place is something else, or a version that we do not know.
    Misunderstood,
    Internal,
}

impl ApiError {
    pub fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::Invalid(message.into())
    }

    pub fn status(&self) -> StatusCode {
        match self {
            ApiError::Invalid(_) => StatusCode::BAD_REQUEST,
            ApiError::Unauthorized | ApiError::WrongPassword => StatusCode::UNAUTHORIZED,
            ApiError::Forbidden(_) | ApiError::SignupDisabled | ApiError::RecallDenied(_) => StatusCode::FORBIDDEN,
            ApiError::NotFound(_) => StatusCode::NOT_FOUND,
            ApiError::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            ApiError::Conflict(_) => StatusCode::CONFLICT,
            ApiError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            ApiError::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            ApiError::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ApiError::Misunderstood => StatusCode::BAD_GATEWAY,
            ApiError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub fn code(&self) -> &'static str {
        match self {
            ApiError::Invalid(_) | ApiError::MethodNotAllowed => "invalid",
            ApiError::Unauthorized | ApiError::WrongPassword => "unauthorized",
            ApiError::Forbidden(_) => "forbidden",
            ApiError::SignupDisabled => "signup-disabled",
            ApiError::RecallDenied(_) => "recall-denied",
            ApiError::NotFound(_) => "not-found",
            ApiError::Conflict(_) => "conflict",
            ApiError::TooLarge(_) => "too-large",
            ApiError::RateLimited(_) => "rate-limited",
            ApiError::Unavailable | ApiError::Misunderstood => "unavailable",
            ApiError::Internal => "internal",
        }
    }

    fn retryable(&self) -> bool {
        use ApiError::{Internal, Misunderstood, RateLimited, Unavailable};
        matches!(self, RateLimited(_) | Unavailable | Misunderstood | Internal)
    }

    fn message(&self) -> &str {
        match self {
            ApiError::Invalid(message) => message,
            ApiError::Forbidden(message)
            | ApiError::NotFound(message)
            | ApiError::Conflict(message)
            | ApiError::TooLarge(message) => message,
            ApiError::Unauthorized => "log in first",
            ApiError::WrongPassword => "the uid or the password is wrong",
            ApiError::SignupDisabled => "this server takes no new accounts",
            ApiError::RecallDenied(_) => "this is not allowed with this message; `reason` says why",
            ApiError::MethodNotAllowed => "this path does not take that method",
            ApiError::RateLimited(_) => "too many tries; wait a moment",
            ApiError::Unavailable => "the message server, or this one's database, does not answer now; try again",
            ApiError::Misunderstood => {
                "what answers in the message server's place is not understood; its operator must look"
            }
            ApiError::Internal => "something went wrong here",
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = json!({ "code": self.code(), "message": self.message(), "retryable": self.retryable() });
        match &self {
            ApiError::RecallDenied(denial) => {
                body["reason"] = json!(denial.reason);
                if let Some(deadline) = denial.deadline {
                    body["deadline"] = json!(deadline);
                }
            }
            ApiError::RateLimited(wait) => body["retryAfter"] = json!(wait),
            _ => {}
        }
        let mut response = (self.status(), axum::Json(body)).into_response();
        if let ApiError::RateLimited(wait) = &self {
            let seconds = wait.0.div_euclid(1000) + 1;
            if let Ok(value) = HeaderValue::try_from(seconds.to_string()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
        }
        response
    }
}

impl From<InvalidId> for ApiError {
    fn from(InvalidId(what): InvalidId) -> ApiError {
        ApiError::invalid(what)
    }
}

impl From<Denial> for ApiError {
    fn from(denial: Denial) -> ApiError {
        ApiError::RecallDenied(denial)
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> ApiError {
        tracing::error!(%error, "storage failed");
        match error {
            StorageError::Database(_) => ApiError::Unavailable,
            StorageError::Corrupt(_) | StorageError::Migration(_) | StorageError::Unsealed => ApiError::Internal,
        }
    }
}

impl From<WukongimError> for ApiError {
    fn from(error: WukongimError) -> ApiError {
        match error {
            WukongimError::Unavailable => ApiError::Unavailable,
            WukongimError::Missing | WukongimError::Unreadable => {
                tracing::error!(?error, "what answers is not the WuKongIM that we expect");
                ApiError::Misunderstood
            }
            WukongimError::Refused { status: BANNED } => {
                ApiError::Forbidden("the message server has banned this account")
            }
            WukongimError::Refused { .. } => {
                tracing::error!(?error, "WuKongIM refused what we did not expect it to");
                ApiError::Internal
            }
        }
    }
}

impl From<NoEntropy> for ApiError {
    fn from(_: NoEntropy) -> ApiError {
        tracing::error!("no random bytes from the operating system");
        ApiError::Internal
    }
}
