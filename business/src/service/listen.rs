//! Takes connections, and has an end to its patience with them: a stranger who sends the head of a request drop by drop, or asks
//! nothing, holds one for ninety seconds. (What comes behind the head is the router's matter.)

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

/// Not the minute after which clients ask for news on the connection that they have: one that ends in that moment fails them.
pub const SILENCE: Duration = Duration::from_secs(90);
/// Where no more files can be opened, others must end first.
const OUT_OF_FILES: Duration = Duration::from_secs(1);

/// Until told to stop; then what is under way is answered.
pub async fn serve(listener: TcpListener, app: Router, mut stop: watch::Receiver<bool>, silence: Duration) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(silence);
    let connections = GracefulShutdown::new();
    while !*stop.borrow() {
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    if !is_of_the_peer(&error) {
                        tracing::warn!(%error, "no connection can be taken");
                        sleep(OUT_OF_FILES).await;
                    }
                    continue;
                }
            },
            told = stop.changed() => match told {
                Ok(()) => continue,
                Err(_) => break,
            },
        };
        let app = app.clone().layer(Extension(ConnectInfo::<SocketAddr>(address)));
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
        // How it ends is the peer's matter.
        let connection = connections.watch(connection);
        tokio::spawn(async move { connection.await.ok() });
    }
    drop(listener);
    connections.shutdown().await;
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn whoever_sends_a_head_drop_by_drop_is_let_go_and_a_request_is_answered() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = watch::channel(false);
        let app = Router::new().route("/", get(|| async { "here" }));
        let serving = tokio::spawn(serve(listener, app, stopped, Duration::from_millis(300)));

        let mut slow = TcpStream::connect(address).await.expect("connected");
        slow.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n").await.expect("written");
        let dripping = async {
            let mut rest = Vec::new();
            loop {
                if slow.write_all(b"X: y\r\n").await.is_err() {
                    return;
                }
                let read = timeout(Duration::from_millis(50), slow.read_buf(&mut rest)).await;
                if matches!(read, Ok(Ok(0) | Err(_))) {
                    return;
                }
            }
        };
        timeout(Duration::from_secs(10), dripping).await.expect("it is ended");

        let mut quick = TcpStream::connect(address).await.expect("connected");
        quick.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.expect("written");
        let mut answer = String::new();
        quick.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("here"), "{answer}");

        stop.send(true).expect("it listens");
        timeout(Duration::from_secs(10), serving).await.expect("it ends").expect("without a panic");
    }
}
