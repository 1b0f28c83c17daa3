//! The network between the servers and their database, whose connections break.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use oidc_proto::Secret;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::rng::Rng;

/// How a connection breaks.
#[derive(Clone, Copy)]
enum Cut {
    /// Before the database has a statement.
    Request,
    /// After the database has executed a statement, and before its response arrives.
    Response,
    /// After the response, while it is idle.
    Idle,
}

pub(crate) struct Cuts {
    url: Secret,
    way: Arc<Way>,
}

struct Way {
    chance: AtomicU32,
    count: AtomicU64,
    rng: Mutex<Rng>,
}

impl Way {
    /// Draws whether a connection breaks, and how.
    fn draw(&self) -> Option<Cut> {
        let mut rng = self.rng.lock().unwrap_or_else(PoisonError::into_inner);
        if !rng.chance(self.chance.load(Ordering::Relaxed)) {
            return None;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(match rng.between(0, 4) {
            0 => Cut::Request,
            1 | 2 => Cut::Response,
            _ => Cut::Idle,
        })
    }
}

impl Cuts {
    /// Opens a way to the database of this URL: `postgresql://USER:PASSWORD@HOST:PORT/NAME`.
    pub(crate) async fn to(url: &str, seed: u64) -> Self {
        let (account, place) = url.split_once('@').expect("a URL with an account");
        let (address, name) = place.split_once('/').expect("a URL with a database");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let rng = Mutex::new(Rng::of(seed, u64::MAX - 2));
        let way = Arc::new(Way { chance: AtomicU32::new(0), count: AtomicU64::new(0), rng });
        let cuts =
            Self { url: Secret::new(format!("{account}@127.0.0.1:{port}/{name}")), way: Arc::clone(&way) };
        let address = address.to_owned();
        tokio::spawn(async move {
            while let Ok((server, _)) = listener.accept().await {
                // The database may have no connection left. Then the server's ends too.
                if let Ok(database) = TcpStream::connect(&address).await {
                    tokio::spawn(carry(server, database, Arc::clone(&way)));
                }
            }
        });
        cuts
    }

    /// Returns the URL of the database by this way.
    pub(crate) const fn url(&self) -> &Secret {
        &self.url
    }

    /// Sets the chance, in ten thousand, that a connection breaks at a statement.
    pub(crate) fn set_chance(&self, per_10_000: u32) {
        self.way.chance.store(per_10_000, Ordering::Relaxed);
    }

    /// Returns the number of connections that broke.
    pub(crate) fn count(&self) -> u64 {
        self.way.count.load(Ordering::Relaxed)
    }
}

/// Carries the bytes of one connection until either side closes, or it breaks.
async fn carry(mut server: TcpStream, mut database: TcpStream, way: Arc<Way>) {
    let (mut up, mut down) = (vec![0; 65536], vec![0; 65536]);
    let mut cut = None;
    loop {
        tokio::select! {
            read = server.read(&mut up) => {
                let bytes = match read { Ok(0) | Err(_) => return, Ok(length) => &up[..length] };
                cut = cut.or_else(|| way.draw());
                if matches!(cut, Some(Cut::Request)) || database.write_all(bytes).await.is_err() { return }
            }
            read = database.read(&mut down) => {
                let bytes = match read { Ok(0) | Err(_) => return, Ok(length) => &down[..length] };
                if matches!(cut, Some(Cut::Response)) || server.write_all(bytes).await.is_err() { return }
                // A response may be in parts, but a part that ends the connection is a lost response too.
                if matches!(cut, Some(Cut::Idle)) { return }
            }
        }
    }
}
