//! What each fault does to the bytes of a connection.

use core::time::Duration;
use std::io;
use std::sync::Arc;

use tokio::net::TcpStream;

use super::message::Message;
use super::rewound::Rewound;
use super::{Fault, Faults, Strike, gzip};

/// How slowly `drip` writes.
const DRIP: Duration = Duration::from_secs(1);
/// How much `huge-headers` adds: more than any client should read.
const HUGE: usize = 1024 * 1024;
/// What `length-too-long` promises beyond the body.
const MISSING: usize = 1000;

/// What is written, and what becomes of the connection then.
enum Blow {
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

/// Writes the answer as the strike has it; gives the connection back if it can still be used.
pub(super) async fn deliver(
    faults: &Faults,
    stream: TcpStream,
    message: Message,
    strike: Option<Strike>,
) -> Option<TcpStream> {
    let blow = match strike {
        Some(strike) => blow(strike, message),
        None => Blow::Say(message.bytes(), Then::Stay),
    };
    // Shared with the list of requests that wait, which holds it weakly: it is closed when this function ends.
    let stream = Arc::new(stream);
    if !matches!(blow, Blow::Say(_, Then::Stay | Then::Close | Then::Reset)) {
        faults.waits(Arc::downgrade(&stream));
    }
    let then = tokio::select! {
        // A client that hangs up is noticed also while nothing is written.
        biased;
        then = say(&stream, blow) => then.ok()?,
        () = hung_up(&stream) => return None,
    };
    match then {
        Then::Stay => Arc::into_inner(stream),
        Then::Close => None,
        Then::Reset => {
            // Fails only if the connection is gone already.
            let _ = stream.set_zero_linger();
            None
        }
        Then::Silence => {
            hung_up(&stream).await;
            None
        }
    }
}

/// Resets the connection after so many bytes of the request; the first line was read already.
pub(super) async fn reset_request(mut connection: Rewound, bytes: Option<usize>) {
    while connection.early.len() < bytes.unwrap_or_default() {
        if !connection.read_more().await.is_ok_and(|count| count > 0) {
            break;
        }
    }
    let _ = connection.stream.set_zero_linger();
}

async fn say(stream: &TcpStream, blow: Blow) -> io::Result<Then> {
    match blow {
        Blow::Say(bytes, then) => {
            write_all(stream, &bytes).await?;
            Ok(then)
        }
        Blow::Drip(bytes) => {
            for byte in bytes.chunks(1) {
                write_all(stream, byte).await?;
                tokio::time::sleep(DRIP).await;
            }
            Ok(Then::Close)
        }
        Blow::Endless(bytes) => {
            write_all(stream, &bytes).await?;
            let more = [b'a'; 8 * 1024];
            loop {
                write_all(stream, &more).await?;
            }
        }
    }
}

/// Writes through a shared reference, which tokio's own `write_all` does not.
async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        stream.writable().await?;
        match stream.try_write(bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Returns when the client has hung up. A client that waits for an answer sends nothing else.
async fn hung_up(stream: &TcpStream) {
    // Somebody who says more does not wait for the answer; what they say is read afterwards.
    if stream.peek(&mut [0]).await.is_ok_and(|count| count > 0) {
        core::future::pending().await
    }
}

/// The answer as this strike spoils it.
fn blow(strike: Strike, mut message: Message) -> Blow {
    let half = message.body.len() / 2;
    let position = |message: &Message| strike.bytes().unwrap_or_else(|| message.head().len() + half);
    let up_to = |message: &Message| {
        let mut bytes = message.bytes();
        bytes.truncate(position(message));
        bytes
    };
    let then = match strike.fault() {
        Fault::DropRequest | Fault::DropAfterCommit => return Blow::Say(Vec::new(), Then::Close),
        Fault::NeverAnswers => return Blow::Say(Vec::new(), Then::Silence),
        Fault::ResetAnswer => return Blow::Say(up_to(&message), Then::Reset),
        Fault::Stall => return Blow::Say(up_to(&message), Then::Silence),
        Fault::Drip => return Blow::Drip(message.bytes()),
        Fault::NotHttp => return Blow::Say(b"220 mail.example ESMTP\r\n".to_vec(), Then::Close),
        Fault::EndlessBody => {
            message.remove("content-length");
            let mut bytes = message.head();
            bytes.extend_from_slice(br#"{"padding":""#);
            return Blow::Endless(bytes);
        }
        Fault::NoLastChunk => {
            message.remove("content-length");
            message.set("transfer-encoding", "chunked");
            let mut bytes = message.head();
            bytes.extend_from_slice(format!("{:x}\r\n", message.body.len()).as_bytes());
            bytes.extend_from_slice(&message.body);
            bytes.extend_from_slice(b"\r\n");
            return Blow::Say(bytes, Then::Close);
        }
        Fault::EarlyHints => {
            let mut bytes = b"HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n".to_vec();
            bytes.extend_from_slice(&message.bytes());
            return Blow::Say(bytes, Then::Stay);
        }
        fault => spoil(fault, &mut message),
    };
    Blow::Say(message.bytes(), then)
}

/// What stays an answer, of a kind.
fn spoil(fault: Fault, message: &mut Message) -> Then {
    let length = message.body.len();
    match fault {
        Fault::LengthTooLong => message.announce(length + MISSING),
        Fault::LengthTooShort => message.announce(length / 2),
        Fault::TwoLengths => message.headers.push(("content-length".to_owned(), b"7".to_vec())),
        Fault::HugeHeaders => message.set("x-padding", vec![b'a'; HUGE]),
        Fault::Http10 => message.version = "HTTP/1.0",
        Fault::UntilClose => message.remove("content-length"),
        Fault::Close => message.set("connection", "close"),
        Fault::CloseUnannounced => {}
        fault => {
            spoil_politely(fault, message);
            return Then::Stay;
        }
    }
    Then::Close
}

/// What leaves the connection in order.
fn spoil_politely(fault: Fault, message: &mut Message) {
    match fault {
        Fault::CutJson => {
            message.body.truncate(message.body.len() / 2);
            message.measure();
        }
        Fault::EmptyBody => {
            message.body.clear();
            message.measure();
        }
        Fault::DuplicateHeaders => {
            message.headers =
                message.headers.iter().flat_map(|header| [header.clone(), header.clone()]).collect();
        }
        Fault::WrongContentType => message.set("content-type", "text/html"),
        Fault::Gzip => {
            message.body = gzip::stored(&message.body);
            message.set("content-encoding", "gzip");
            message.measure();
        }
        Fault::WrongDate => message.set("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        // The rest are whole answers that stand in for the real one.
        _ => {}
    }
}
