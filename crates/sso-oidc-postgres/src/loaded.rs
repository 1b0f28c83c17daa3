//! The records that a request names, as the database returns them.

use device_authority::{
    AccessRecord, ClientRecord, CodeRecord, DeviceKey, DeviceRecord, DeviceState, GuessRecord, Keys, Records,
    RefreshRecord, Selector, Source, StoreError,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::{ToSql, Type};

/// A record, and the text that the database has of its mutable part.
#[derive(Debug)]
pub(crate) struct Kept<T> {
    pub(crate) record: T,
    pub(crate) text: String,
}

/// The records that a request names.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    pub(crate) client: Option<Kept<ClientRecord>>,
    pub(crate) device: Option<Kept<DeviceRecord>>,
    pub(crate) code: Option<Kept<CodeRecord>>,
    pub(crate) refresh: Option<Kept<RefreshRecord>>,
    pub(crate) access: Option<Kept<AccessRecord>>,
    pub(crate) guesses: Option<Kept<GuessRecord>>,
    pub(crate) guesses_of_all: Option<Kept<GuessRecord>>,
}

/// The arguments of the function `load`.
#[derive(Debug)]
pub(crate) struct Wanted {
    client: Option<Vec<u8>>,
    device: Option<Vec<u8>>,
    user_code: Option<String>,
    code: Option<Vec<u8>>,
    refresh: Option<Vec<u8>>,
    access: Option<Vec<u8>>,
    source: Option<Vec<u8>>,
    everyone: Vec<u8>,
}

/// Returns the key of a selector.
pub(crate) fn key(selector: Selector) -> Vec<u8> {
    selector.as_bytes().to_vec()
}

/// Returns the key of a source.
pub(crate) fn key_of_source(source: Source) -> Vec<u8> {
    source.to_bytes().to_vec()
}

/// Returns the key of a client. An id may have a NUL, which PostgreSQL's `text` cannot keep.
pub(crate) fn key_of_client(id: &str) -> Vec<u8> {
    id.as_bytes().to_vec()
}

impl Wanted {
    /// Returns the arguments; `None` if the keys name no record.
    pub(crate) fn of(keys: &Keys<'_>) -> Option<Self> {
        let Keys { client, device, code, refresh, access, source, .. } = *keys;
        if (client, device, code, refresh, access, source) == (None, None, None, None, None, None) {
            return None;
        }
        let (device, user_code) = match device {
            Some(DeviceKey::DeviceCode(selector)) => (Some(key(selector)), None),
            Some(DeviceKey::UserCode(code)) => (None, Some(code.to_string())),
            None => (None, None),
        };
        Some(Self {
            client: client.map(key_of_client),
            device,
            user_code,
            code: code.map(key),
            refresh: refresh.map(key),
            access: access.map(key),
            source: source.map(key_of_source),
            everyone: key_of_source(Source::EVERYONE),
        })
    }

    /// Returns the arguments with their types, so that the statement needs no preparation.
    pub(crate) fn arguments(&self) -> [(&(dyn ToSql + Sync), Type); 8] {
        [
            (&self.client, Type::BYTEA),
            (&self.device, Type::BYTEA),
            (&self.user_code, Type::TEXT),
            (&self.code, Type::BYTEA),
            (&self.refresh, Type::BYTEA),
            (&self.access, Type::BYTEA),
            (&self.source, Type::BYTEA),
            (&self.everyone, Type::BYTEA),
        ]
    }
}

impl Loaded {
    pub(crate) fn of(row: &Row) -> Result<Self, StoreError> {
        let [client, device, state, code, status, refresh, access, guesses, guesses_of_all] = texts(row)?;
        let mut device: Option<Kept<DeviceRecord>> = kept(device)?;
        if let (Some(device), Some(state)) = (&mut device, state) {
            device.record.state = read(&state)?;
            device.text = state;
        }
        let mut code: Option<Kept<CodeRecord>> = kept(code)?;
        if let (Some(code), Some(status)) = (&mut code, status) {
            code.record.status = read(&status)?;
            code.text = status;
        }
        Ok(Self {
            client: kept(client)?,
            device,
            code,
            refresh: kept(refresh)?,
            access: kept(access)?,
            guesses: kept(guesses)?,
            guesses_of_all: kept(guesses_of_all)?,
        })
    }

    /// Takes over the new state of the device, and the text that the database has of it now.
    pub(crate) fn set_state(&mut self, state: DeviceState, text: String) {
        if let Some(device) = &mut self.device {
            device.record.state = state;
            device.text = text;
        }
    }

    /// Returns the records for a decision.
    pub(crate) fn records(&self) -> Records<'_> {
        fn record<T>(kept: &Option<Kept<T>>) -> Option<&T> {
            kept.as_ref().map(|kept| &kept.record)
        }
        Records::of_client(record(&self.client))
            .with_device(record(&self.device))
            .with_code(record(&self.code))
            .with_refresh(record(&self.refresh))
            .with_access(record(&self.access))
            .with_guesses(record(&self.guesses), record(&self.guesses_of_all))
    }
}

/// Returns the text of a record, as the database has it.
pub(crate) fn text(record: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(StoreError::unavailable)
}

fn texts(row: &Row) -> Result<[Option<String>; 9], StoreError> {
    let mut texts = [const { None }; 9];
    for (at, text) in texts.iter_mut().enumerate() {
        *text = row.try_get(at).map_err(StoreError::unavailable)?;
    }
    Ok(texts)
}

fn kept<T: DeserializeOwned>(text: Option<String>) -> Result<Option<Kept<T>>, StoreError> {
    text.map(|text| Ok(Kept { record: read(&text)?, text })).transpose()
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    // The error has the place and the kind, and no part of the record.
    serde_json::from_str(text).map_err(|error| {
        StoreError::unavailable(format!(
            "a record is unreadable: {:?} at column {}",
            error.classify(),
            error.column()
        ))
    })
}
