//! One WebSocket: binary, its listeners removed with it, `error` without `close` taken as closed.

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::prelude::*;
use web_sys::{BinaryType, Event, MessageEvent, WebSocket};

/// The only code below 3000 that a page may send.
const NORMAL: u16 = 1000;

pub enum Happening {
    Opened,
    Received(Vec<u8>),
    Closed,
}

pub struct Socket {
    socket: WebSocket,
    _happened: Closure<dyn FnMut(Event)>,
    _received: Closure<dyn FnMut(MessageEvent)>,
}

impl Socket {
    /// Fails where the browser refuses the address: not an address, or plain `ws` from a page that came by https.
    /// WebKit gives `error` without `close` for some addresses, so both count; the owner takes the first.
    pub fn connect(address: &str, tell: impl Fn(Happening) + Clone + 'static) -> Result<Self, String> {
        let socket = WebSocket::new(address).map_err(|error| name(&error))?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let happened = {
            let tell = tell.clone();
            Closure::<dyn FnMut(Event)>::new(move |event: Event| {
                tell(if event.type_() == "open" { Happening::Opened } else { Happening::Closed });
            })
        };
        let received = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let data = event.data();
            if let Some(buffer) = data.dyn_ref::<ArrayBuffer>() {
                tell(Happening::Received(Uint8Array::new(buffer).to_vec()));
            } else if let Some(text) = data.as_string() {
                // WKProto is binary; whatever this is, the deframer shall say so.
                tell(Happening::Received(text.into_bytes()));
            }
        });
        let listener = Some(happened.as_ref().unchecked_ref());
        socket.set_onopen(listener);
        socket.set_onclose(listener);
        socket.set_onerror(listener);
        socket.set_onmessage(Some(received.as_ref().unchecked_ref()));
        Ok(Self { socket, _happened: happened, _received: received })
    }

    /// Whether the browser took it; a socket that is closing takes everything and sends nothing.
    pub fn send(&self, bytes: &[u8]) -> bool {
        // A copy, since the browser may read it after our memory has grown and moved.
        self.socket.ready_state() == WebSocket::OPEN
            && self.socket.send_with_array_buffer(&Uint8Array::from(bytes).buffer()).is_ok()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onclose(None);
        self.socket.set_onerror(None);
        self.socket.set_onmessage(None);
        // Closing what is closed does nothing.
        let _ = self.socket.close_with_code(NORMAL);
    }
}

/// The name of a DOMException or an Error, never its text, which may quote the address with what is in it.
fn name(error: &JsValue) -> String {
    js_sys::Reflect::get(error, &"name".into()).ok().and_then(|name| name.as_string()).unwrap_or_default()
}
