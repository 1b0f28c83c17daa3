//! How a connection becomes a secure one, or why it does not.

use core::borrow::Borrow;
use std::io;
use std::sync::Arc;

use oidc_proto::{Dialect, Fault as Refusal, FaultCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::Acceptor;
use crate::InjectedFault;
use crate::api::refusal;
use crate::connection::{self, Peer};
use crate::fault::Message;
use crate::seat::Seat;
use crate::shared::Shared;
use crate::stream::Impatient;

/// The record type of a handshake (RFC 8446 §5.1), with which every client of TLS begins.
const HANDSHAKE: u8 = 22;
/// How much of a request that came without TLS is read, so that its sender hears why it is refused.
const IN_VAIN: u64 = 64 * 1024;

/// Serves one connection, once it is a secure one.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: Peer, seat: Arc<Seat>) {
    let Some(acceptor) = &shared.tls else { return };
    // Below TLS, it bounds the handshake and the first head together.
    let wrap = |stream| Impatient::new(stream, &shared.limits, Arc::clone(&seat));
    let secure = tokio::select! {
        secure = acceptor.shake_hands(&shared, stream, peer, None, wrap) => secure,
        () = seat.asked_to_leave() => None,
    };
    if let Some(stream) = secure {
        connection::converse(shared, stream, peer, seat).await;
    }
}

/// What a peer wants that has connected.
enum Greeting {
    Tls,
    Http,
    Nothing,
}

impl Acceptor {
    /// A secure connection; `None` if none came of it, which is then in the log. Only that connection ends. `wrap` adds
    /// what is to be between TLS and the socket.
    pub(crate) async fn shake_hands<T, S>(
        &self,
        shared: &Shared,
        stream: T,
        peer: Peer,
        injected: Option<InjectedFault>,
        wrap: impl FnOnce(T) -> S,
    ) -> Option<TlsStream<S>>
    where
        T: Borrow<TcpStream>,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let connection = peer.connection;
        let shaken = tokio::time::timeout(shared.limits.head_timeout, async {
            match greeting(stream.borrow()).await? {
                Greeting::Tls => self.accept(wrap(stream), injected).await.map(Some),
                Greeting::Http => {
                    tracing::info!(connection, "plain HTTP on a port that speaks HTTPS");
                    refuse_plain(wrap(stream), &shared.endpoint).await?;
                    Ok(None)
                }
                Greeting::Nothing => Ok(None),
            }
        });
        let error = match shaken.await {
            Ok(Ok(secure)) => {
                if secure.is_some()
                    && let Some(fault) = injected
                {
                    tracing::info!(
                        connection,
                        injected = fault.name(),
                        "a handshake with a wrong certificate, which some clients look at only now"
                    );
                }
                return secure;
            }
            Ok(Err(error)) => error,
            Err(_) => io::Error::new(io::ErrorKind::TimedOut, "it was not complete in time"),
        };
        tracing::info!(
            connection,
            error = one_line(&error),
            injected = injected.map(InjectedFault::name),
            "no TLS handshake"
        );
        None
    }
}

/// Looks at the first byte, and leaves it to be read.
async fn greeting(stream: &TcpStream) -> io::Result<Greeting> {
    let mut first = [0];
    Ok(match stream.peek(&mut first).await? {
        0 => Greeting::Nothing,
        // Garbage is TLS's to refuse.
        _ if first == [HANDSHAKE] || !first[0].is_ascii_alphabetic() => Greeting::Tls,
        _ => Greeting::Http,
    })
}

/// Says where the server is to a client that has forgotten the `s`, in the words of the API, which browsers show as well.
async fn refuse_plain<S>(mut stream: S, endpoint: &str) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let why = format!("this port speaks HTTPS: {endpoint}");
    let fault = Refusal::new(FaultCode::InvalidRequest).with_description(why).with_status(400);
    let (parts, body) = refusal(Dialect::Aws, fault).response.into_parts();
    let mut message = Message::new(parts, &body.bytes(), false);
    message.set("connection", "close");
    stream.write_all(&message.bytes()).await?;
    stream.shutdown().await?;
    // Closed with the request unread, the connection would be reset, and the answer lost.
    tokio::io::copy(&mut stream.take(IN_VAIN), &mut tokio::io::sink()).await?;
    Ok(())
}

/// An error as one line of the log, whatever it quotes.
fn one_line(error: &io::Error) -> String {
    error.to_string().replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line_of_the_log() {
        let error = io::Error::other("bad\r\nname\u{1b}[31m");
        assert_eq!(one_line(&error), "bad  name [31m");
    }
}
