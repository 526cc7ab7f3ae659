//! One tab at a time has a database: a Web Lock, taken before it is opened and held until it is closed.
//!
//! The lock is a courtesy between tabs, so that the second one hears `in-use`. What keeps the rows safe is the epoch: the
//! store counts it up at each opening, and refuses a batch of an older one.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::AbortController;

use crate::error::{Error, ErrorCode};

use super::clock;

/// In milliseconds. A page that is being reloaded lets go of its lock a moment after the new one asks for it.
const PATIENCE: u32 = 1_500;

/// Held until it is dropped.
pub struct Lock {
    release: Function,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A resolve function cannot throw.
        let _ = self.release.call0(&JsValue::UNDEFINED);
    }
}

/// `Ok(None)`: this browser, or this page (plain http), has no Web Locks.
pub async fn lock(database: &str) -> Result<Option<Lock>, Error> {
    let Some((locks, request)) = manager() else { return Ok(None) };
    let Ok(controller) = AbortController::new() else { return Ok(None) };

    let mut release = None;
    let held = Promise::new(&mut |resolve, _| release = Some(resolve));
    let mut granted = None;
    let granting = Promise::new(&mut |resolve, _| granted = Some(resolve));
    let (Some(release), Some(granted)) = (release, granted) else { return Ok(None) };
    // The browser calls it when the lock is ours, and keeps the lock until the promise that it returns settles.
    let callback = Closure::once_into_js(move || -> Promise {
        let _ = granted.call0(&JsValue::UNDEFINED);
        held
    });

    let options = Object::new();
    let _ = Reflect::set(&options, &"signal".into(), &controller.signal());
    let name = JsValue::from_str(&format!("jindou:{database}"));
    let ended = request.call3(&locks, &name, &options, &callback).map_err(|_| denied())?;
    let ended: Promise = ended.dyn_into().map_err(|_| denied())?;
    // It rejects when we stop waiting, or when the browser denies locks here; either way nobody granted it.
    let either = Promise::race(&js_sys::Array::of2(&granting, &ended));
    match clock::within(PATIENCE, JsFuture::from(either)).await {
        Some(Ok(_)) => Ok(Some(Lock { release })),
        Some(Err(_)) => Ok(None),
        None => {
            controller.abort();
            // Its rejection is ours to take, and where the lock was granted in this very moment, it is let go again.
            let _ = release.call0(&JsValue::UNDEFINED);
            let _ = JsFuture::from(ended).await;
            Err(Error::new(ErrorCode::InUse, "another tab or window has this database open"))
        }
    }
}

fn manager() -> Option<(JsValue, Function)> {
    let member = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).ok().filter(JsValue::is_truthy);
    let locks = member(&member(&js_sys::global(), "navigator")?, "locks")?;
    let request = member(&locks, "request")?.dyn_into().ok()?;
    Some((locks, request))
}

fn denied() -> Error {
    Error::new(ErrorCode::Storage, "the browser denies Web Locks to this page")
}
