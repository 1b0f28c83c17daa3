//! What each fault does to the bytes of a connection.

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

/// How slowly `drip` writes.
const DRIP: Duration = Duration::from_secs(1);
/// How much `huge-headers` adds: more than any client should read.
const HUGE: usize = 1024 * 1024;
/// What `length-too-long` promises beyond the body.
const MISSING: usize = 1000;
/// How much of further requests is read while an answer is on its way.
const AHEAD: usize = 64 * 1024;

/// What is written, and what becomes of the connection then.
enum Delivery {
    /// These bytes, then this.
    Say(Vec<u8>, Then),
    /// These bytes, one at a time.
    Drip(Vec<u8>),
    /// These bytes, and more of the last kind for ever.
    Endless(Vec<u8>),
}

enum Then {
    /// The next request may come.
    Stay,
    Close,
    /// An RST instead of a FIN.
    Reset,
    /// Nothing, until the client hangs up.
    Silence,
}

/// Writes the answer as the rule has it; gives the connection back if it can still be used.
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
        // Held weakly there: the connection is closed when this function ends.
        faults.waits(Arc::downgrade(&socket));
    }
    let next = if matches!(delivery, Delivery::Say(_, Then::Stay)) { Some(&mut early) } else { None };
    let (mut reader, mut writer) = tokio::io::split(stream);
    let then = tokio::select! {
        // A client that hangs up is noticed also while nothing is written.
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
            // Fails only if the connection is gone already.
            let _ = socket.set_zero_linger();
            None
        }
        Then::Silence => {
            hung_up(&mut reader, None).await;
            None
        }
    }
}

/// Resets the connection after so many bytes of the request; the first line was read already.
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
        // TLS takes its leave; without that an end is none.
        stream.shutdown().await?;
    }
    Ok(then)
}

/// Writes so that nothing stays behind in TLS.
async fn write_all(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// Returns when the client has hung up. One that waits for an answer sends nothing else; what it sends all the same has the
/// end of the stream behind it, so it is read: into `next`, as the beginning of the next request, or away.
async fn hung_up(stream: &mut (impl AsyncRead + Unpin), mut next: Option<&mut BytesMut>) {
    let mut chunk = [0; 4 * 1024];
    loop {
        if next.as_ref().is_some_and(|next| next.len() >= AHEAD) {
            // Enough; the rest waits where it is until the answer is out.
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

/// The answer as this rule spoils it.
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

/// What stays an answer, of a kind.
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

/// What leaves the connection in order.
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
        // The rest are whole answers that stand in for the real one.
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

    /// A client, and the connection that the server has with it.
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
            let faults = Faults::new(Vec::new());
            let delivered = deliver(&faults, connection, message(&[b'a'; 100]), Some(fault.into()));
            let ended = tokio::time::timeout(SOON, delivered).await;
            assert!(ended.is_ok_and(|left| left.is_none()), "{fault}");
            assert_eq!(faults.in_flight(), 0, "{fault}");
        }
    }

    #[tokio::test]
    async fn what_is_said_while_an_answer_is_on_its_way_is_the_next_request() {
        let (mut client, connection) = connected().await;
        // More than the system takes off the server's hands, so that the client has its say before the answer is out.
        let body = vec![b'a'; 16 * 1024 * 1024];
        client.write_all(b"next").await.unwrap();
        let faults = Faults::new(Vec::new());
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
