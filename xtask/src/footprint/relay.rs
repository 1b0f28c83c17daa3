//! A relay on loopback that counts the connections and bytes of a program.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{Context as _, Result};

/// The counters of a relay.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) connections: u64,
    /// From the program to the server.
    pub(super) bytes: u64,
}

/// Runs `program` with the address of a relay to the server at `endpoint`, and counts until it returns.
pub(super) fn run(endpoint: &str, program: impl FnOnce(&str) -> Result<()>) -> Result<Counted> {
    let server = endpoint.strip_prefix("http://").context("the server speaks plain HTTP")?.to_owned();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (bytes, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let relay = thread::spawn({
        let (bytes, over) = (Arc::clone(&bytes), Arc::clone(&over));
        move || accept(&listener, &server, &bytes, &over)
    });
    let result = program(&format!("http://{address}"));
    over.store(true, Ordering::Release);
    // The connection wakes the relay, which then ends.
    drop(TcpStream::connect(address)?);
    let connections = relay.join().map_err(|_| anyhow::anyhow!("the relay panicked"))??;
    result.map(|()| Counted { connections, bytes: bytes.load(Ordering::Acquire) })
}

fn accept(
    listener: &TcpListener,
    server: &str,
    bytes: &Arc<AtomicU64>,
    over: &AtomicBool,
) -> io::Result<u64> {
    let mut connections = 0;
    loop {
        let (program, _) = listener.accept()?;
        if over.load(Ordering::Acquire) {
            return Ok(connections);
        }
        connections += 1;
        let upstream = TcpStream::connect(server)?;
        let (back_from, back_to) = (upstream.try_clone()?, program.try_clone()?);
        thread::spawn(move || copy(back_from, back_to, None));
        let bytes = Arc::clone(bytes);
        thread::spawn(move || copy(program, upstream, Some(&bytes)));
    }
}

/// Copies until either side closes. Bytes are counted before they are passed on, so that an arrived response is
/// counted.
fn copy(mut from: TcpStream, mut to: TcpStream, bytes: Option<&AtomicU64>) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        if let Some(bytes) = bytes {
            bytes.fetch_add(count as u64, Ordering::AcqRel);
        }
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_program_sends_is_counted_and_what_it_gets_is_not() {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", server.local_addr().unwrap());
        let answers = thread::spawn(move || {
            for _ in 0..2 {
                let (mut peer, _) = server.accept().unwrap();
                peer.read_exact(&mut [0; 5]).unwrap();
                peer.write_all(b"a longer answer").unwrap();
            }
        });
        let counted = run(&endpoint, |address| {
            for _ in 0..2 {
                let mut stream = TcpStream::connect(address.trim_start_matches("http://"))?;
                stream.write_all(b"hello")?;
                stream.read_exact(&mut [0; 15])?;
            }
            Ok(())
        });
        assert_eq!(counted.unwrap(), Counted { connections: 2, bytes: 10 });
        answers.join().unwrap();
    }
}
