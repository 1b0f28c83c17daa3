//! One decision: load, decide, commit.

use core::time::Duration;

use device_authority::{Change, CodeStatus, Decide, Keys, Moment, StoreError};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, sleep};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::changes::{Changes, Trace};
use crate::loaded::{Loaded, Wanted, key, key_of_client, text};
use crate::polls::Poll;
use crate::pool::{Connection, Failed};
use crate::store::Inner;

/// The number of decisions about records that others change at the same time.
const TRIES: usize = 20;
/// The number of draws for an unused user code, as the contract says.
const DRAWS: usize = 5;
/// The time between two looks for the outcome of a commit.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);

impl Inner {
    pub(crate) async fn transact(
        &self,
        keys: Keys<'_>,
        now: Moment,
        decide: &mut Decide<'_>,
    ) -> Result<(), StoreError> {
        let poll = Poll::of(&keys);
        let mut known = poll.and_then(|poll| self.polls.take(poll));
        // Only a pace is committed on what this process remembers, because a pace compares all of it.
        let mut is_current = false;
        let mut connection = None;
        // The state of a device after the pace whose connection broke.
        let mut lost_pace: Option<String> = None;
        let (mut tries, mut draws, mut has_swept) = (0, 0, false);
        loop {
            let mut loaded = match known.take() {
                Some(loaded) => loaded,
                None => {
                    is_current = true;
                    drop(connection.take());
                    let (of_load, loaded) = self.load(&keys).await?;
                    connection = of_load;
                    loaded
                }
            };
            if let (Some(poll), Some(lost), Some(device)) = (poll, &lost_pace, &loaded.device)
                && device.text == *lost
            {
                // The last decision was the one that was committed.
                self.polls.put(poll, loaded);
                return Ok(());
            }
            let mut changes = decide(loaded.records());
            if let Some((poll, state)) = poll.and_then(|poll| Some((poll, poll.pace(&changes, &loaded)?))) {
                let taken = self.taken(connection.take()).await?;
                let to_be = text(&state)?;
                match self.pace(taken, poll, &loaded, &to_be).await {
                    Ok((_, None)) => {
                        loaded.set_state(state, to_be);
                        self.polls.put(poll, loaded);
                        return Ok(());
                    }
                    Ok((taken, Some(row))) if tries < TRIES => {
                        tries += 1;
                        (known, is_current) = (Some(Loaded::of(&row)?), true);
                        connection = Some(taken);
                    }
                    Ok((_, Some(_))) => return Err(Failed::Changed.into()),
                    // A pooled connection may have broken since its last use. A silent database stays silent.
                    Err(Failed::Lost(error)) if lost_pace.is_none() && !error.is::<Elapsed>() => {
                        lost_pace = Some(to_be);
                    }
                    Err(failed) => return Err(failed.into()),
                }
                continue;
            }
            if !is_current {
                continue;
            }
            self.leave_out_what_has_no_room(&mut changes);
            if changes.is_empty() {
                return Ok(());
            }
            let changes = Changes::of(&changes, &keys, &loaded, now)?;
            if self.room.check(&changes).is_err() && !has_swept && self.room.may_count() {
                // The sweep takes a connection too, and may remove what the decision rests on.
                drop(connection.take());
                self.sweep(now).await?;
                has_swept = true;
                continue;
            }
            self.room.check(&changes)?;
            let taken = self.taken(connection.take()).await?;
            match self.apply(taken, &changes).await {
                Ok(()) => {
                    self.room.add(&changes);
                    return Ok(());
                }
                Err(Failed::Changed) if tries < TRIES => tries += 1,
                Err(Failed::UserCodeTaken) if draws + 1 < DRAWS => draws += 1,
                Err(Failed::UserCodeTaken) => return Err(StoreError::full("user codes", Duration::ZERO)),
                Err(Failed::Lost(error)) if self.has_happened(&changes).await => {
                    tracing::warn!(%error, "the connection broke after a commit; it has happened");
                    self.room.add(&changes);
                    return Ok(());
                }
                Err(failed) => return Err(failed.into()),
            }
        }
    }

    /// Loads the records, and returns the connection for the commit if there was one.
    async fn load(&self, keys: &Keys<'_>) -> Result<(Option<Connection>, Loaded), StoreError> {
        let Some(wanted) = Wanted::of(keys) else { return Ok((None, Loaded::default())) };
        let (connection, rows) = self.pool.read(&self.sql.load, &wanted.arguments()).await?;
        let row =
            rows.first().ok_or_else(|| StoreError::unavailable("the function `load` returned no row"))?;
        Ok((Some(connection), Loaded::of(row)?))
    }

    /// Returns the connection of the load, or takes one.
    ///
    /// If the database has crashed since the load, the commit fails, because the connection has ended too.
    async fn taken(&self, connection: Option<Connection>) -> Result<Connection, Failed> {
        match connection {
            Some(connection) => Ok(connection),
            None => self.pool.connection().await,
        }
    }

    /// Commits the pace of a device that waits, or returns the row of `load` with what the records are now.
    async fn pace(
        &self,
        connection: Connection,
        poll: Poll<'_>,
        loaded: &Loaded,
        to_be: &str,
    ) -> Result<(Connection, Option<Row>), Failed> {
        let (device, client) = (key(poll.device), key_of_client(poll.client));
        let expected = loaded.device.as_ref().map(|device| &device.text);
        let expected_client = loaded.client.as_ref().map(|client| &client.text);
        let arguments = [
            (&device as _, Type::BYTEA),
            (&client as _, Type::BYTEA),
            (&expected as _, Type::TEXT),
            (&expected_client as _, Type::TEXT),
            (&to_be as _, Type::TEXT),
        ];
        let (connection, rows) = connection.query(&self.sql.pace, &arguments).await?;
        Ok((connection, rows.into_iter().next()))
    }

    /// Commits all changes or none.
    async fn apply(&self, connection: Connection, changes: &Changes) -> Result<(), Failed> {
        connection.query(&self.sql.apply, &changes.arguments()).await.map(drop)
    }

    /// Looks whether a commit has happened whose connection broke: there is a record that only this commit writes.
    /// Without a proof the answer is no.
    async fn has_happened(&self, changes: &Changes) -> bool {
        let Some(Trace { kind, key, record }) = &changes.trace else { return false };
        let Some((_, sql)) = self.sql.traces.iter().find(|(of, _)| of == kind) else { return false };
        let until = Instant::now() + self.pool.patience();
        while Instant::now() < until {
            // A commit whose connection broke may still be on its way, so a "no" is not the last word.
            if let Ok((_, rows)) = self.pool.read(sql, &[(key, Type::BYTEA), (record, Type::TEXT)]).await
                && rows.first().is_some_and(|row| row.try_get(0).unwrap_or(false))
            {
                return true;
            }
            sleep(BETWEEN_LOOKS).await;
        }
        false
    }

    /// The record of a denial needs no room of its own. Without it the form could be pressed again.
    fn leave_out_what_has_no_room(&self, changes: &mut Vec<Change>) {
        if self.room.is_full_of_codes() {
            changes.retain(
                |change| !matches!(change, Change::AddCode(record) if record.status == CodeStatus::Denied),
            );
        }
    }
}
