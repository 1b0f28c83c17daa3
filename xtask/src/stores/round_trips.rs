//! A relay on loopback that counts the round trips of a program to PostgreSQL.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context as _, Result};

/// The type of the message that ends each response: ReadyForQuery.
const READY: u8 = b'Z';

/// A relay, which ends with this process.
pub(super) struct Relay {
    url: String,
    round_trips: Arc<AtomicU64>,
}

impl Relay {
    /// Starts a relay to the database of this URL, which has an account, a host and a port.
    pub(super) fn to(url: &str) -> Result<Self> {
        let (account, place) = url.split_once('@').context("the URL has an account")?;
        let (address, name) = place.split_once('/').context("the URL has a database")?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("{account}@{}/{name}", listener.local_addr()?);
        let round_trips = Arc::new(AtomicU64::new(0));
        let (count, address) = (Arc::clone(&round_trips), address.to_owned());
        thread::spawn(move || accept(&listener, &address, &count));
        Ok(Self { url, round_trips })
    }

    /// Returns the URL of the database by way of this relay.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the number of round trips so far.
    pub(super) fn round_trips(&self) -> u64 {
        self.round_trips.load(Ordering::Acquire)
    }
}

fn accept(listener: &TcpListener, address: &str, count: &Arc<AtomicU64>) {
    while let Ok((program, _)) = listener.accept() {
        let Ok(database) = TcpStream::connect(address) else { return };
        let _ = (program.set_nodelay(true), database.set_nodelay(true));
        let (Ok(back_from), Ok(back_to)) = (database.try_clone(), program.try_clone()) else { return };
        let count = Arc::clone(count);
        thread::spawn(move || copy(program, database, |_| {}));
        thread::spawn(move || {
            let mut messages = Messages::default();
            copy(back_from, back_to, |bytes| {
                count.fetch_add(messages.ready(bytes), Ordering::AcqRel);
            });
        });
    }
}

fn copy(mut from: TcpStream, mut to: TcpStream, mut look: impl FnMut(&[u8])) {
    let mut chunk = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk) {
        look(&chunk[..count]);
        if to.write_all(&chunk[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The messages of a database: a byte with the type, and four with the length of the length and of the rest.
#[derive(Default)]
struct Messages {
    head: Vec<u8>,
    rest: usize,
}

impl Messages {
    /// Returns the number of responses that end in these bytes.
    fn ready(&mut self, mut bytes: &[u8]) -> u64 {
        let mut ready = 0;
        while let Some((first, others)) = bytes.split_first() {
            if self.rest > 0 {
                let skipped = self.rest.min(bytes.len());
                (self.rest, bytes) = (self.rest - skipped, &bytes[skipped..]);
                continue;
            }
            self.head.push(*first);
            bytes = others;
            if let [kind, length @ ..] = self.head.as_slice()
                && let Ok(length) = <[u8; 4]>::try_from(length)
            {
                ready += u64::from(*kind == READY);
                self.rest = (u32::from_be_bytes(length) as usize).saturating_sub(4);
                self.head.clear();
            }
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_are_counted_wherever_the_bytes_are_cut() {
        let message = |kind: u8, rest: &[u8]| {
            let length = u32::try_from(rest.len() + 4).unwrap();
            [&[kind], &length.to_be_bytes()[..], rest].concat()
        };
        let bytes = [
            message(b'D', b"a row with a Z"),
            message(READY, b"I"),
            message(b'C', b""),
            message(READY, b"T"),
        ]
        .concat();
        for size in 1..=bytes.len() {
            let mut messages = Messages::default();
            let counted: u64 = bytes.chunks(size).map(|chunk| messages.ready(chunk)).sum();
            assert_eq!(counted, 2, "in pieces of {size}");
        }
    }
}
