//! What IndexedDB says when it fails, in words that an application can act on.

use idb::Error as Cause;
use js_sys::Reflect;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use crate::client::StoreFailure;

#[derive(Debug)]
pub enum Failure {
    Fenced,
    /// "QuotaExceededError: …" and the like: the name of the DOMException comes first.
    Failed(String),
    /// A request or the transaction was aborted, for a reason that it does not give.
    Aborted,
}

impl Failure {
    /// Chromium tells a full disk by the abort alone, so the estimate is asked.
    pub async fn explained(self) -> Self {
        match self {
            Failure::Aborted if full().await.unwrap_or(false) => {
                Failure::Failed("QuotaExceededError: no space is left for this site".to_owned())
            }
            other => other,
        }
    }
}

impl From<Failure> for StoreFailure {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Fenced => StoreFailure::Fenced,
            Failure::Failed(text) => StoreFailure::Failed(text),
            Failure::Aborted => StoreFailure::Failed("AbortError: the browser aborted the transaction".to_owned()),
        }
    }
}

impl From<StoreFailure> for Failure {
    fn from(failure: StoreFailure) -> Self {
        match failure {
            StoreFailure::Fenced => Failure::Fenced,
            StoreFailure::Failed(text) => Failure::Failed(text),
        }
    }
}

impl From<rexie::Error> for Failure {
    fn from(error: rexie::Error) -> Self {
        let rexie::Error::IdbError(cause) = error else { return Failure::Aborted };
        match exception(&cause) {
            // A request after an abort finds the transaction finished.
            Some(text) if text.starts_with("AbortError") || text.starts_with("TransactionInactiveError") => {
                Failure::Aborted
            }
            Some(text) => Failure::Failed(text),
            None => Failure::Failed("the browser's database does not answer as one does".to_owned()),
        }
    }
}

/// What the browser threw, in its own words. The text of `idb` would add which call it was, at a hundredth of the package.
fn exception(cause: &Cause) -> Option<String> {
    let thrown: &JsValue = match cause {
        Cause::DomException(exception) => exception.as_ref(),
        Cause::IndexedDbOpenFailed(value)
        | Cause::IndexedDbDeleteFailed(value)
        | Cause::ObjectStoreCreateFailed(value)
        | Cause::ObjectStoreNotFound(value)
        | Cause::IndexCreateFailed(value)
        | Cause::IndexNotFound(value)
        | Cause::TransactionOpenFailed(value)
        | Cause::TransactionAbortError(value)
        | Cause::TransactionCommitError(value)
        | Cause::KeyRangeCreateFailed(value)
        | Cause::GetFailed(value)
        | Cause::GetKeyFailed(value)
        | Cause::GetAllFailed(value)
        | Cause::GetAllKeysFailed(value)
        | Cause::CountFailed(value)
        | Cause::AddFailed(value)
        | Cause::UpdateFailed(value)
        | Cause::DeleteFailed(value)
        | Cause::ClearFailed(value)
        | Cause::OpenCursorFailed(value)
        | Cause::CursorAdvanceFailed(value)
        | Cause::CursorContinueFailed(value) => value,
        _ => return None,
    };
    let something = !thrown.is_null() && !thrown.is_undefined();
    something.then(|| thrown.unchecked_ref::<js_sys::Object>().to_string().into())
}

/// Whether the transaction was committed; all else is a failure.
pub async fn committed(done: Result<rexie::TransactionResult, rexie::Error>) -> Result<(), Failure> {
    match done {
        Ok(rexie::TransactionResult::Committed) => Ok(()),
        Ok(rexie::TransactionResult::Aborted) => Err(Failure::Aborted.explained().await),
        Err(error) => Err(Failure::from(error).explained().await),
    }
}

/// Whether this site has used up what the browser gives it; nothing where the browser does not say.
async fn full() -> Option<bool> {
    let member = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).ok().filter(JsValue::is_truthy);
    let storage = member(&member(&js_sys::global(), "navigator")?, "storage")?;
    let estimate: js_sys::Function = member(&storage, "estimate")?.dyn_into().ok()?;
    let promise: js_sys::Promise = estimate.call0(&storage).ok()?.dyn_into().ok()?;
    let estimate = JsFuture::from(promise).await.ok()?;
    let number = |name: &str| Reflect::get(&estimate, &name.into()).ok()?.as_f64();
    // A batch is at most some megabytes.
    Some(number("quota")? - number("usage")? < 16e6)
}
