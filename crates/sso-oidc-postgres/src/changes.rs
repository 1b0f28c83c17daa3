//! The changes of a decision, as the arguments of the function `apply`.

use device_authority::{
    AuthorizationStatus, Change, DeviceRecord, Keys, Moment, Selector, Source, StoreError,
};
use tokio_postgres::types::{ToSql, Type};

use crate::loaded::{Loaded, key, key_of_client, key_of_source, text};

/// The changes of a decision, one array for each column.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    kinds: Vec<&'static str>,
    keys: Vec<Option<Vec<u8>>>,
    families: Vec<Option<Vec<u8>>>,
    ids: Vec<Option<Vec<u8>>>,
    user_codes: Vec<Option<String>>,
    expected: Vec<Option<String>>,
    records: Vec<Option<String>>,
    states: Vec<Option<String>>,
    expiries: Vec<Option<i64>>,
    forgets: Vec<Option<i64>>,
    relaxed: bool,
    /// A record that only this commit writes.
    pub(crate) trace: Option<Trace>,
    pub(crate) clients: usize,
    pub(crate) devices: usize,
    pub(crate) codes: usize,
}

/// A record that only one commit writes, by which its outcome is found.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) kind: &'static str,
    pub(crate) key: Vec<u8>,
    /// Two requests by one form write a code under one key, each with its own record.
    pub(crate) record: String,
}

/// One change.
#[derive(Default)]
struct Line {
    kind: &'static str,
    key: Option<Vec<u8>>,
    family: Option<Vec<u8>>,
    id: Option<Vec<u8>>,
    user_code: Option<String>,
    expected: Option<String>,
    record: Option<String>,
    state: Option<String>,
    expiry: Option<i64>,
    forget: Option<i64>,
}

/// Returns the microseconds since 1970, rounded down.
pub(crate) fn micros(moment: Moment) -> i64 {
    i64::try_from(moment.since_epoch().as_micros()).unwrap_or(i64::MAX)
}

/// Returns the microseconds since 1970, rounded up, so that no record is removed early.
fn micros_up(moment: Moment) -> i64 {
    i64::try_from(moment.since_epoch().as_nanos().div_ceil(1000)).unwrap_or(i64::MAX)
}

/// What was loaded under a key: `None` if the key was not looked up, an empty text if there was no record.
fn loaded(was_wanted: bool, text: Option<&String>) -> Option<String> {
    was_wanted.then(|| text.cloned().unwrap_or_default())
}

impl Changes {
    pub(crate) fn of(
        changes: &[Change],
        keys: &Keys<'_>,
        loaded: &Loaded,
        now: Moment,
    ) -> Result<Self, StoreError> {
        let mut all = Self { relaxed: !changes.is_empty(), ..Self::default() };
        for change in changes {
            all.relaxed &= change.may_be_lost();
            let line = line(change, keys, loaded, now)?;
            all.push(line);
        }
        Ok(all)
    }

    fn push(&mut self, line: Line) {
        match line.kind {
            "add client" => self.clients += 1,
            "add device" => self.devices += 1,
            "add code" => self.codes += 1,
            _ => {}
        }
        if let ("add device" | "add code" | "add access", Some(key), Some(record)) =
            (line.kind, &line.key, &line.record)
        {
            self.trace = Some(Trace { kind: line.kind, key: key.clone(), record: record.clone() });
        }
        self.kinds.push(line.kind);
        self.keys.push(line.key);
        self.families.push(line.family);
        self.ids.push(line.id);
        self.user_codes.push(line.user_code);
        self.expected.push(line.expected);
        self.records.push(line.record);
        self.states.push(line.state);
        self.expiries.push(line.expiry);
        self.forgets.push(line.forget);
    }

    /// Returns the arguments with their types, so that the statement needs no preparation.
    pub(crate) fn arguments(&self) -> [(&(dyn ToSql + Sync), Type); 11] {
        [
            (&self.kinds, Type::TEXT_ARRAY),
            (&self.keys, Type::BYTEA_ARRAY),
            (&self.families, Type::BYTEA_ARRAY),
            (&self.ids, Type::BYTEA_ARRAY),
            (&self.user_codes, Type::TEXT_ARRAY),
            (&self.expected, Type::TEXT_ARRAY),
            (&self.records, Type::TEXT_ARRAY),
            (&self.states, Type::TEXT_ARRAY),
            (&self.expiries, Type::INT8_ARRAY),
            (&self.forgets, Type::INT8_ARRAY),
            (&self.relaxed, Type::BOOL),
        ]
    }
}

fn line(change: &Change, keys: &Keys<'_>, was: &Loaded, now: Moment) -> Result<Line, StoreError> {
    Ok(match change {
        Change::AddClient(record) => Line {
            kind: "add client",
            id: Some(key_of_client(&record.id)),
            record: Some(text(record)?),
            expiry: Some(micros_up(now)),
            forget: Some(micros_up(record.forget_at)),
            ..Line::default()
        },
        Change::AddDevice(record) => add_device(record)?,
        Change::SetDevice { device, state } => {
            let known = was.device.as_ref().filter(|was| was.record.device_code.selector() == *device);
            let pending = state.status == AuthorizationStatus::Pending;
            Line {
                kind: if pending { "pace device" } else { "set device" },
                key: Some(key(*device)),
                expected: known.map(|was| was.text.clone()),
                state: Some(text(state)?),
                ..Line::default()
            }
        }
        Change::AddCode(record) => Line {
            kind: "add code",
            key: Some(key(record.code.selector())),
            id: Some(key_of_client(&record.client_id)),
            record: Some(text(record)?),
            state: Some(text(&record.status)?),
            expiry: Some(micros_up(record.expires_at)),
            forget: Some(micros_up(record.forget_at)),
            ..Line::default()
        },
        Change::SetCode { code, status } => Line {
            kind: "set code",
            key: Some(key(*code)),
            expected: was.code.as_ref().filter(|_| keys.code == Some(*code)).map(|was| was.text.clone()),
            state: Some(text(status)?),
            ..Line::default()
        },
        Change::PutRefresh(record) => {
            let selector = record.token.selector();
            Line {
                kind: "put refresh",
                key: Some(key(selector)),
                expected: family(selector, keys, was),
                record: Some(text(record)?),
                forget: Some(micros_up(record.forget_at)),
                ..Line::default()
            }
        }
        Change::RevokeRefresh(selector) => Line {
            kind: "end refresh",
            key: Some(key(*selector)),
            expected: family(*selector, keys, was),
            ..Line::default()
        },
        Change::AddAccess(record) => Line {
            kind: "add access",
            key: Some(key(record.token.selector())),
            family: record.family.map(key),
            id: Some(key_of_client(&record.client_id)),
            record: Some(text(record)?),
            forget: Some(micros_up(record.expires_at)),
            ..Line::default()
        },
        Change::RevokeAccess(selector) => Line {
            kind: "end access",
            key: Some(key(*selector)),
            expected: loaded(keys.access == Some(*selector), was.access.as_ref().map(|was| &was.text)),
            ..Line::default()
        },
        Change::PutGuesses { source, record } => {
            let was = if *source == Source::EVERYONE { &was.guesses_of_all } else { &was.guesses };
            Line {
                kind: "put guesses",
                key: Some(key_of_source(*source)),
                expected: loaded(true, was.as_ref().map(|was| &was.text)),
                record: Some(text(record)?),
                forget: Some(micros_up(record.forget_at)),
                ..Line::default()
            }
        }
    })
}

fn add_device(record: &DeviceRecord) -> Result<Line, StoreError> {
    Ok(Line {
        kind: "add device",
        key: Some(key(record.device_code.selector())),
        id: Some(key_of_client(&record.client_id)),
        user_code: Some(record.user_code.to_string()),
        record: Some(text(record)?),
        state: Some(text(&record.state)?),
        expiry: Some(micros_up(record.expires_at)),
        forget: Some(micros_up(record.forget_at)),
        ..Line::default()
    })
}

/// Returns what was loaded of a token family, by its own key or by that of an access token.
fn family(selector: Selector, keys: &Keys<'_>, was: &Loaded) -> Option<String> {
    let of_access = was.access.as_ref().and_then(|access| access.record.family);
    loaded(keys.refresh.or(of_access) == Some(selector), was.refresh.as_ref().map(|was| &was.text))
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use device_authority::{ClientRecord, ServerPolicy, count_guess};
    use oidc_proto::Client;

    use super::*;

    const NOW: Moment = Moment::new(Duration::from_secs(1_700_000_000));

    fn relaxed(changes: &[Change]) -> bool {
        Changes::of(changes, &Keys::default(), &Loaded::default(), NOW).unwrap().relaxed
    }

    #[test]
    fn a_commit_waits_for_the_disk_unless_all_its_changes_may_be_lost() {
        let record = count_guess(&ServerPolicy::default(), Source::EVERYONE, None, NOW);
        let guess = Change::PutGuesses { source: Source::EVERYONE, record };
        let client = Change::AddClient(ClientRecord::preconfigured(Client::public("tool"), None));
        assert!(relaxed(core::slice::from_ref(&guess)));
        assert!(!relaxed(&[guess, client]) && !relaxed(&[]));
    }
}
