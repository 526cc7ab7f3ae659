//! One WebSocket: frames in, frames out. It decides nothing.

use crate::actor::{Event, Frame};
use futures_util::{SinkExt as _, StreamExt as _};
use jindou_gateway::CloseHow;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, WebSocketConfig};

/// WuKongIM buffers as much of one connection.
const MAX_MESSAGE: usize = 50 * 1024 * 1024;

/// Where no more files can be opened, others must end first.
const OUT_OF_FILES: Duration = Duration::from_secs(1);

/// Accepts for ever. With `root_only` a path other than `/` is not found, as for version 3.
pub async fn accept(listener: TcpListener, events: mpsc::Sender<Event>, root_only: bool) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(serve(stream, events.clone(), root_only));
            }
            Err(_) => sleep(OUT_OF_FILES).await,
        }
    }
}

async fn serve(stream: TcpStream, events: mpsc::Sender<Event>, root_only: bool) {
    let _ = stream.set_nodelay(true);
    #[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
    let check = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        if root_only && request.uri().path() != "/" {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = StatusCode::NOT_FOUND;
            return Err(refusal);
        }
        Ok(response)
    };
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let Ok(socket) = tokio_tungstenite::accept_hdr_async_with_config(stream, check, Some(config)).await else { return };
    let (frames, outbound) = mpsc::unbounded_channel();
    let (answer, conn) = oneshot::channel();
    if events.send(Event::Opened(frames, answer)).await.is_err() {
        return;
    }
    let Ok(conn) = conn.await else { return };
    talk(socket, outbound, &events, conn).await;
    // The gateway may have ended it, and be gone itself.
    let _ = events.send(Event::Closed(conn)).await;
}

async fn talk(
    socket: WebSocketStream<TcpStream>,
    mut outbound: mpsc::UnboundedReceiver<Frame>,
    events: &mpsc::Sender<Event>,
    conn: jindou_gateway::ConnId,
) {
    let (mut sink, mut stream) = socket.split();
    let write = async {
        while let Some(frame) = outbound.recv().await {
            let mut next = Some(frame);
            while let Some(frame) = next {
                match frame {
                    Frame::Message(bytes) => sink.feed(Message::Binary(bytes.into())).await.ok()?,
                    Frame::Close(how) => {
                        sink.flush().await.ok()?;
                        if let CloseHow::Frame(code) = how {
                            let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
                            sink.send(Message::Close(Some(frame))).await.ok()?;
                        }
                        return None;
                    }
                }
                next = outbound.try_recv().ok();
            }
            sink.flush().await.ok()?;
        }
        None::<()>
    };
    let read = async {
        while let Some(Ok(message)) = stream.next().await {
            let event = match message {
                Message::Binary(bytes) => Event::Message(conn, bytes.into()),
                Message::Text(text) => Event::Message(conn, text.as_bytes().to_vec()),
                Message::Ping(_) | Message::Pong(_) => Event::Alive(conn),
                // 2.x ends the connection without answering it, and version 3 in the same breath.
                Message::Close(_) => return,
                Message::Frame(_) => continue,
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    };
    // Whichever ends first ends the socket: dropping it is the cut without a Close frame.
    tokio::select! {
        _ = write => {}
        () = read => {}
    }
}
