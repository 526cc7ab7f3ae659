//! The two clocks and the one timer of the shell.

use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::Poll;

use gloo_timers::callback::Timeout;
use gloo_timers::future::TimeoutFuture;
use wasm_bindgen::prelude::*;

use crate::time::{Mono, Now, Wall};

#[wasm_bindgen]
extern "C" {
    // Both are in a worker as on a page; `window.performance` is not.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    fn performance_now() -> f64;
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date_now() -> f64;
}

pub fn now() -> Now {
    Now { mono: Mono(performance_now() as u64), wall: Wall(date_now() as i64) }
}

/// Browsers take a delay as i32 and fire at once beyond it; a deadline that far away is simply looked at again.
const LONGEST: u64 = i32::MAX as u64;

/// Calls once, at the earliest at `deadline`, or after the longest delay that browsers know. Dropping it cancels.
pub fn at(deadline: Mono, call: impl FnOnce() + 'static) -> Timeout {
    let delay = deadline.since(now().mono).0.min(LONGEST);
    Timeout::new(delay as u32, call)
}

/// What comes of it within so many milliseconds; nothing if it takes longer.
pub async fn within<T>(millis: u32, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut timeout = TimeoutFuture::new(millis);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Pin::new(&mut timeout).poll(context).map(|()| None),
    })
    .await
}
