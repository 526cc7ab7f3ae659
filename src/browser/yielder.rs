//! A turn of the event loop, at once: nested timeouts are clamped to 4 ms, a message to oneself is not.

use wasm_bindgen::prelude::*;
use web_sys::{MessageChannel, MessageEvent};

pub struct Yielder {
    channel: MessageChannel,
    /// Owned, so that it lives as long as the ports that call it.
    _arrived: Closure<dyn FnMut(MessageEvent)>,
}

impl Yielder {
    /// `None` where the browser has no MessageChannel, which none that runs WebAssembly lacks.
    pub fn new(mut call: impl FnMut() + 'static) -> Option<Self> {
        let channel = MessageChannel::new().ok()?;
        let arrived = Closure::<dyn FnMut(MessageEvent)>::new(move |_| call());
        channel.port2().set_onmessage(Some(arrived.as_ref().unchecked_ref()));
        Some(Self { channel, _arrived: arrived })
    }

    /// Calls once more, after what the event loop already holds.
    pub fn turn(&self) {
        // `null` can always be cloned.
        let _ = self.channel.port1().post_message(&JsValue::NULL);
    }
}

impl Drop for Yielder {
    fn drop(&mut self) {
        self.channel.port2().set_onmessage(None);
        self.channel.port1().close();
        self.channel.port2().close();
    }
}
