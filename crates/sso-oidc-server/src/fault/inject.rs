//! The effect of each fault on the bytes of a connection.

use core::time::Duration;
use std::io::{self, Write as _};
use std::sync::Arc;

use bytes::BytesMut;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::faults::Faults;
use super::message::Message;
use super::prefixed::PrefixedStream;
use super::transport::Transport;
use super::{FaultRule, InjectedFault, members};

/// The time between two bytes of `drip`.
const DRIP: Duration = Duration::from_secs(1);
/// The size of the header that `huge-headers` adds, which exceeds the limit of every client.
const HUGE: usize = 1024 * 1024;
/// The surplus in the `Content-Length` of `length-too-long`.
const MISSING: usize = 1000;
/// The longest part of further requests to read during a response.
const AHEAD: usize = 64 * 1024;

/// The bytes to write, and the state of the connection afterwards.
enum Delivery {
    /// Writes these bytes, then does this.
    Say(Vec<u8>, Then),
    /// Writes these bytes, one at a time.
    Drip(Vec<u8>),
    /// Writes these bytes, and repeats padding without an end.
    Endless(Vec<u8>),
}

enum Then {
    /// Keeps the connection for the next request.
    Stay,
    Close,
    /// Sends an RST instead of a FIN.
    Reset,
    /// Sends nothing until the client hangs up.
    Silence,
}

/// Writes the response as the rule requires. Returns the connection if it is still usable.
pub(super) async fn deliver(
    faults: &Faults,
    connection: PrefixedStream,
    message: Message,
    rule: Option<FaultRule>,
) -> Option<PrefixedStream> {
    let delivery = match rule {
        Some(rule) => delivery(rule, message),
        None => Delivery::Say(message.bytes(), Then::Stay),
    };
    let PrefixedStream { mut early, transport: Transport { socket, stream } } = connection;
    if !matches!(delivery, Delivery::Say(_, Then::Stay | Then::Close | Then::Reset)) {
        // The list holds it weakly, so this function's end closes the connection.
        faults.waits(Arc::downgrade(&socket));
    }
    let next = if matches!(delivery, Delivery::Say(_, Then::Stay)) { Some(&mut early) } else { None };
    let (mut reader, mut writer) = tokio::io::split(stream);
    let then = tokio::select! {
        // Notices a client that hangs up even while nothing is written.
        biased;
        then = say(&mut writer, delivery) => then.ok()?,
        () = hung_up(&mut reader, next) => return None,
    };
    match then {
        Then::Stay => {
            Some(PrefixedStream { early, transport: Transport { socket, stream: reader.unsplit(writer) } })
        }
        Then::Close => None,
        Then::Reset => {
            // Fails only if the connection is gone.
            let _ = socket.set_zero_linger();
            None
        }
        Then::Silence => {
            hung_up(&mut reader, None).await;
            None
        }
    }
}

/// Resets the connection after so many bytes of the request. The caller has read the first line.
pub(super) async fn reset_request(mut connection: PrefixedStream, bytes: Option<usize>) {
    while connection.early.len() < bytes.unwrap_or_default() {
        if !connection.read_more().await.is_ok_and(|count| count > 0) {
            break;
        }
    }
    let _ = connection.transport.socket.set_zero_linger();
}

async fn say(stream: &mut (impl AsyncWrite + Unpin), delivery: Delivery) -> io::Result<Then> {
    let then = match delivery {
        Delivery::Say(bytes, then) => {
            write_all(stream, &bytes).await?;
            then
        }
        Delivery::Drip(bytes) => {
            for byte in bytes.chunks(1) {
                write_all(stream, byte).await?;
                tokio::time::sleep(DRIP).await;
            }
            Then::Close
        }
        Delivery::Endless(bytes) => {
            write_all(stream, &bytes).await?;
            let more = [b'a'; 8 * 1024];
            loop {
                write_all(stream, &more).await?;
            }
        }
    };
    if matches!(then, Then::Close) {
        // Sends close_notify; otherwise the client reports a truncated stream.
        stream.shutdown().await?;
    }
    Ok(then)
}

/// Writes and flushes, so that TLS keeps nothing back.
async fn write_all(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Returns when the client has hung up. The end of the stream comes after all other bytes, so this must read
/// them. They go into `next`, as the start of the next request, or are discarded.
async fn hung_up(stream: &mut (impl AsyncRead + Unpin), mut next: Option<&mut BytesMut>) {
    let mut chunk = [0; 4 * 1024];
    loop {
        if next.as_ref().is_some_and(|next| next.len() >= AHEAD) {
            // Stops at the limit. The rest waits in the socket until the response is out.
            core::future::pending::<()>().await;
        }
        match stream.read(&mut chunk).await {
            Ok(0) | Err(_) => return,
            Ok(count) => {
                if let Some(next) = &mut next {
                    next.extend_from_slice(&chunk[..count]);
                }
            }
        }
    }
}

/// Applies this rule to the response.
fn delivery(rule: FaultRule, mut message: Message) -> Delivery {
    let half = message.body.len() / 2;
    let position = |message: &Message| rule.bytes().unwrap_or_else(|| message.head().len() + half);
    let up_to = |message: &Message| {
        let mut bytes = message.bytes();
        bytes.truncate(position(message));
        bytes
    };
    let then = match rule.fault() {
        InjectedFault::DropRequest | InjectedFault::DropAfterCommit => {
            return Delivery::Say(Vec::new(), Then::Close);
        }
        InjectedFault::NeverAnswers => return Delivery::Say(Vec::new(), Then::Silence),
        InjectedFault::ResetAnswer => return Delivery::Say(up_to(&message), Then::Reset),
        InjectedFault::Stall => return Delivery::Say(up_to(&message), Then::Silence),
        InjectedFault::Drip => return Delivery::Drip(message.bytes()),
        InjectedFault::NotHttp => return Delivery::Say(b"220 mail.example ESMTP\r\n".to_vec(), Then::Close),
        InjectedFault::EndlessBody => {
            message.remove("content-length");
            let mut bytes = message.head();
            bytes.extend_from_slice(br#"{"padding":""#);
            return Delivery::Endless(bytes);
        }
        InjectedFault::NoLastChunk => {
            message.remove("content-length");
            message.set("transfer-encoding", "chunked");
            let mut bytes = message.head();
            bytes.extend_from_slice(format!("{:x}\r\n", message.body.len()).as_bytes());
            bytes.extend_from_slice(&message.body);
            bytes.extend_from_slice(b"\r\n");
            return Delivery::Say(bytes, Then::Close);
        }
        InjectedFault::EarlyHints => {
            let mut bytes = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n".to_vec();
            bytes.extend_from_slice(&message.bytes());
            return Delivery::Say(bytes, Then::Stay);
        }
        fault => spoil(fault, &mut message),
    };
    Delivery::Say(message.bytes(), then)
}

/// Applies the faults that keep a response of some kind.
fn spoil(fault: InjectedFault, message: &mut Message) -> Then {
    let length = message.body.len();
    match fault {
        InjectedFault::LengthTooLong => message.announce(length + MISSING),
        InjectedFault::LengthTooShort => message.announce(length / 2),
        InjectedFault::TwoLengths => message.headers.push(("content-length".to_owned(), b"7".to_vec())),
        InjectedFault::HugeHeaders => message.set("x-padding", vec![b'a'; HUGE]),
        InjectedFault::Http10 => message.version = "HTTP/1.0",
        InjectedFault::UntilClose => message.remove("content-length"),
        InjectedFault::Close => message.set("connection", "close"),
        InjectedFault::CloseUnannounced => {}
        fault => {
            spoil_politely(fault, message);
            return Then::Stay;
        }
    }
    Then::Close
}

/// Applies the faults that keep the connection usable.
fn spoil_politely(fault: InjectedFault, message: &mut Message) {
    match fault {
        InjectedFault::CutJson => {
            message.body.truncate(message.body.len() / 2);
            message.measure();
        }
        InjectedFault::EmptyBody => {
            message.body.clear();
            message.measure();
        }
        InjectedFault::DuplicateHeaders => {
            message.headers =
                message.headers.iter().flat_map(|header| [header.clone(), header.clone()]).collect();
        }
        InjectedFault::WrongContentType => message.set("content-type", "text/html"),
        InjectedFault::Gzip => {
            message.body = compressed(&message.body);
            message.set("content-encoding", "gzip");
            message.measure();
        }
        InjectedFault::ByteOrderMark => {
            message.body.splice(0..0, *b"\xef\xbb\xbf");
            message.measure();
        }
        InjectedFault::OddToken | InjectedFault::CodeElsewhere | InjectedFault::CodeInCapitals => {
            members::rewrite(fault, message)
        }
        InjectedFault::WrongDate => message.set("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        // The remaining faults are canned responses.
        _ => {}
    }
}

/// These bytes as a gzip file.
fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to memory does not fail.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::Response;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    /// Returns a client, and the server's side of its connection.
    async fn connected() -> (TcpStream, PrefixedStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        (client, PrefixedStream { early: BytesMut::from("early "), transport: Transport::plain(stream) })
    }

    fn message(body: &[u8]) -> Message {
        Message::new(Response::new(()).into_parts().0, body, false)
    }

    #[tokio::test]
    async fn a_client_that_says_more_and_hangs_up_is_noticed_whatever_the_fault() {
        for fault in [InjectedFault::NeverAnswers, InjectedFault::Stall, InjectedFault::Drip] {
            let (mut client, connection) = connected().await;
            client.write_all(&[b'x'; 10_000]).await.unwrap();
            client.shutdown().await.unwrap();
            let faults = Faults::new(Vec::new(), SOON);
            let delivered = deliver(&faults, connection, message(&[b'a'; 100]), Some(fault.into()));
            let ended = tokio::time::timeout(SOON, delivered).await;
            assert!(ended.is_ok_and(|left| left.is_none()), "{fault}");
            assert_eq!(faults.in_flight(), 0, "{fault}");
        }
    }

    #[tokio::test]
    async fn what_is_said_while_an_answer_is_on_its_way_is_the_next_request() {
        let (mut client, connection) = connected().await;
        // Exceeds the system's buffers, so the client can hang up before the response is out.
        let body = vec![b'a'; 16 * 1024 * 1024];
        client.write_all(b"next").await.unwrap();
        let faults = Faults::new(Vec::new(), SOON);
        let read = async {
            let mut left = body.len();
            let mut chunk = vec![0; 64 * 1024];
            while left > 0 {
                left = left.saturating_sub(client.read(&mut chunk).await.unwrap());
            }
        };
        let delivered = deliver(&faults, connection, message(&body), None);
        let (stays, ()) = tokio::time::timeout(SOON, async { tokio::join!(delivered, read) }).await.unwrap();
        let mut connection = stays.unwrap();
        while connection.early.len() < b"early next".len() {
            let more = tokio::time::timeout(SOON, connection.read_more()).await;
            assert!(more.is_ok_and(|read| read.is_ok_and(|count| count > 0)), "it is lost");
        }
        assert_eq!(&connection.early[..], b"early next");
    }
}
