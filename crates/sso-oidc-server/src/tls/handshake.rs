//! The TLS handshake of a connection.

use core::borrow::Borrow;
use core::time::Duration;
use std::io;

use oidc_proto::Dialect;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::reply::invalid;

/// The record type of a handshake (RFC 8446 §5.1), the first byte of every TLS client.
const HANDSHAKE: u8 = 22;
/// The longest part of a plain request to read, so that the client gets the error response.
const DISCARDED: u64 = 64 * 1024;

/// The first byte of a connection, classified.
enum Greeting {
    Tls,
    Http,
    Nothing,
}

/// Performs the TLS handshake within this time; `None` if the peer does not speak TLS.
pub(super) async fn handshake<T, S>(
    tls: &TlsAcceptor,
    endpoint: &str,
    stream: T,
    wrap: impl FnOnce(T) -> S,
    limit: Duration,
    connection: u64,
) -> io::Result<Option<TlsStream<S>>>
where
    T: Borrow<TcpStream>,
    S: AsyncRead + AsyncWrite + Unpin,
{
    let shaking = async {
        match greeting(stream.borrow()).await? {
            Greeting::Tls => tls.accept(wrap(stream)).await.map(Some),
            Greeting::Http => {
                tracing::info!(connection, "plain HTTP on an HTTPS port");
                refuse_plain(wrap(stream), endpoint).await?;
                Ok(None)
            }
            Greeting::Nothing => Ok(None),
        }
    };
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, "the TLS handshake timed out");
    tokio::time::timeout(limit, shaking).await.map_err(late).flatten()
}

/// Peeks at the first byte.
async fn greeting(stream: &TcpStream) -> io::Result<Greeting> {
    let mut first = [0];
    Ok(match stream.peek(&mut first).await? {
        0 => Greeting::Nothing,
        // TLS rejects garbage.
        _ if first == [HANDSHAKE] || !first[0].is_ascii_alphabetic() => Greeting::Tls,
        _ => Greeting::Http,
    })
}

/// Tells a client that used `http` the right URL, in the API's error format. Browsers show it as well.
async fn refuse_plain<S>(mut stream: S, endpoint: &str) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let why = format!("this port requires HTTPS: {endpoint}");
    let fault = invalid("", 400).with_description(why);
    let (head, body) = Dialect::Aws.encode_fault(&fault).into_parts();
    let mut message = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n".to_vec();
    for (name, value) in &head.headers {
        message.extend_from_slice(&[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
    }
    message.extend_from_slice(format!("content-length: {}\r\n\r\n", body.bytes().len()).as_bytes());
    message.extend_from_slice(&body.bytes());
    stream.write_all(&message).await?;
    stream.shutdown().await?;
    // Closing a socket with unread bytes resets the connection, and the client may lose the response.
    tokio::io::copy(&mut stream.take(DISCARDED), &mut tokio::io::sink()).await?;
    Ok(())
}

/// Formats an error as one log line, without the control characters that it may quote.
pub(super) fn one_line(error: &io::Error) -> String {
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
