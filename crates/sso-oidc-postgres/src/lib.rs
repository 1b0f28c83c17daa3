//! A PostgreSQL store for the records of [`device_authority`], which several servers share.
//!
//! Servers at one database are one service: a code that one of them gave out is approved at a second one and
//! collected at a third, once. A server may be killed at any time, and so may the database.
//!
//! ```no_run
//! use device_authority::Store;
//! use sso_oidc_postgres::{PostgresConfig, PostgresStore};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let config = PostgresConfig::from_url("postgresql://sso@db.example/sso?sslrootcert=/etc/ssl/db.pem")?;
//! let store = PostgresStore::connect(config.with_connections(4)).await?;
//! store.check().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # A decision
//!
//! 1. One call of the function `load` returns all records that the request names, from one snapshot.
//! 2. The decision is made here, by `device_authority`. Without a change it ends here.
//! 3. One call of the function `apply` commits the changes, if the records still have the content that was
//!    loaded. Otherwise it commits nothing, and the store begins again at 1, at most 20 times.
//!
//! A poll of a device that waits is one round trip. A server remembers the devices that polled there last, and decides
//! on that. One call of the function `pace` commits the new pace if the device and its client are still so, and returns
//! the records otherwise. Then the decision is made again on these. So a server that sees a device for the first time,
//! or after another server, needs two round trips.
//!
//! The content is compared, not a version number. A crash of the database may lose the latest *pace* of a device,
//! and then a number would come again with another content.
//!
//! # What is durable
//!
//! A change is on disk before its response is sent, as `fsync` and `synchronous_commit` of the database say. Three
//! kinds are committed with `synchronous_commit = off`: a poll that changes only the pace of a device, a count of wrong
//! user codes, and the removal of forgotten records. A crash may lose the last fraction of a second of them. Then a
//! device may poll sooner, and an address may guess again.
//!
//! A connection may break while a commit is under way. The store never commits again blindly. For a while it looks
//! for a record that only this commit writes. If that is there, the commit has happened; otherwise the operation
//! fails with [`Unavailable`](device_authority::StoreError::Unavailable), and the client tries again. A pace is looked
//! for too, and counted once.
//!
//! A statement waits at most five seconds for a lock. Then the operation fails with `Unavailable`: the store is busy.
//!
//! # Clocks
//!
//! The time of a decision is that of the server that makes it. Keep the servers' clocks synchronized, for example by
//! NTP. A server that is a second ahead accepts a poll a second early, and ends a code a second early. One that is a
//! second behind asks a device to slow down that has kept its interval, and ends a code a second late. Nothing is
//! granted twice, whatever the clocks say.
//!
//! # The schema
//!
//! [`PostgresStore::connect`] creates the schema or brings it up to date, in one transaction under an advisory lock,
//! so several servers may start at once. The role needs `CREATE` on the database for that, once. Afterwards `USAGE` on
//! the schema, `SELECT`, `INSERT`, `UPDATE` and `DELETE` on its tables and `EXECUTE` on its functions are enough. A
//! schema of a newer version is refused ([`ConnectError::Newer`]).
//!
//! | table | a row is | key |
//! |---|---|---|
//! | `client` | a registration | its id |
//! | `device` | a device authorization, its state beside its record | selector of the code; the user code is unique |
//! | `code` | an authorization code, its status beside its record | selector of the code |
//! | `refresh` | a sign-in with its valid refresh token | selector that all its tokens share |
//! | `access` | an access token | selector of the token |
//! | `guesses` | the wrong user codes of one address, or of all | the address |
//! | `setting` | the key of the approval pages | its name |
//! | `schema_version` | the version of the schema | |
//!
//! No row has a code, token or client secret. A row has the SHA-256 digest, and as a selector the first 22 characters,
//! which are of no use without the rest. User codes are there in the clear, because a person types them. The key of the
//! approval pages is a secret: a reader of the database can make up forms.
//!
//! # Operation
//!
//! * *Connections.* Each server opens at most [`PostgresConfig::with_connections`], 8 by default. A pooler such as
//!   PgBouncer works in transaction mode, because the store uses no named statement and no session state.
//! * *Failover.* `postgresql://a,b/sso?target_session_attrs=read-write` finds the primary of two servers. A standby
//!   that is promoted without synchronous replication lacks the last commits: a token may be issued a second time.
//! * *Backup.* `pg_dump --schema=sso_oidc` is enough. After a restore from an old backup, used codes and refresh tokens
//!   of that time are valid again until they expire. `DELETE FROM sso_oidc.code` and `DELETE FROM sso_oidc.device` end
//!   the codes.
//! * *Vacuum.* Autovacuum's defaults suffice. A poll updates one row without touching an index (HOT), and pages of
//!   `device` keep 30 % free for that.
//! * *Removal.* [`Store::sweep`](device_authority::Store::sweep) deletes forgotten records, 500 of each kind at a time.
//!   Several servers may do so at once: an advisory lock lets one of them delete at a time.
//! * *Limits.* A new registration, device or authorization code is refused above [`device_authority::Capacity`].
//!   The latest count decides, so several servers together may exceed it a little. Registrations without a token and
//!   without a live code make room first. Of families, access tokens and sources above their limit, `sweep` removes
//!   those that end first.
//!
//! # TLS
//!
//! A database on another machine is reached by TLS, and its certificate and name are verified. A loopback address or a
//! Unix socket needs no TLS. The parameters of the URL are in [`PostgresConfig::from_url`].
//!
//! The password need not be in the URL: [`PostgresConfig::with_password`], [`PostgresConfig::with_password_file`].
#![forbid(unsafe_code)]
#![warn(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, reason = "a test that indexes past the end should fail loudly")
)]

mod changes;
mod config;
mod decision;
mod error;
mod loaded;
mod password_file;
mod polls;
mod pool;
mod room;
mod schema;
mod store;
mod tls;

pub use config::PostgresConfig;
pub use error::ConnectError;
pub use store::PostgresStore;

/// Compiles the crate's README too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
