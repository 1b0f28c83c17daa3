//! Records: written, found, and dropped.

use core::time::Duration;

use oidc_proto::{Client, Secret};

use super::{Bench, Broken, ensure};
use crate::{
    AccessRecord, Authentication, Change, ClientRecord, CodeRecord, CodeStatus, DeviceKey, DeviceRecord,
    DeviceState, Entropy as _, Issued, Keys, Moment, RefreshRecord, Seed, Selector, Subject, UsedToken,
    UserCode,
};

/// Texts that a client can send, and that a database may dislike.
const TEXTS: [&str; 6] =
    ["", "tool", "\u{0}nul\u{0}", "quote ' \" \\ {}", "größer \u{1f511}", "a\nb\tc\u{7f}"];

impl Bench<'_> {
    /// Returns a client with a text in each of its members.
    fn client_record(&mut self, text: &str) -> Result<ClientRecord, Broken> {
        let id = format!("{}{text}", self.secret()?.expose());
        let mut record = ClientRecord::preconfigured(Client::new(id, self.secret()?), None);
        record.name = text.to_owned();
        record.scopes = vec![text.to_owned(), "read".to_owned()];
        record.redirect_uris = vec![text.to_owned()];
        record.issuer_url = Some(text.to_owned());
        record.forget_at = self.now.after(Duration::from_nanos(7_776_000_000_000_001));
        Ok(record)
    }

    /// Returns a device of this client.
    fn device_record(&mut self, client_id: &str, text: &str) -> Result<DeviceRecord, Broken> {
        Ok(DeviceRecord {
            device_code: self.fingerprint()?,
            user_code: UserCode::random(&mut self.draws).map_err(|error| Broken(error.to_string()))?,
            client_id: client_id.to_owned(),
            start_url: Some(text.to_owned()),
            scope: vec![text.to_owned()],
            code_challenge: Some(text.into()),
            issued_at: self.now,
            expires_at: self.now.after(Duration::from_secs(600)),
            forget_at: self.now.after(Duration::from_secs(1200)),
            state: DeviceState {
                authentication: self.approval()?,
                ..DeviceState::new(Duration::from_millis(1500))
            },
        })
    }

    /// Returns the approval of a person with the longest identifier.
    fn approval(&mut self) -> Result<Option<Box<Authentication>>, Broken> {
        let subject = self.secret()?.expose().get(..Subject::MOST).unwrap_or_default().to_owned();
        let subject = Subject::new(&subject).map_err(|error| Broken(error.to_string()))?;
        Ok(Some(Box::new(Authentication::new(subject, self.now))))
    }

    /// Returns a token family of this client.
    fn family(&mut self, client_id: &str, text: &str) -> Result<RefreshRecord, Broken> {
        let seed = Seed::random(&mut self.draws).map_err(|error| Broken(error.to_string()))?;
        Ok(RefreshRecord {
            token: self.fingerprint()?,
            client_id: client_id.to_owned(),
            scope: vec![text.to_owned()],
            start_url: Some(text.into()),
            used: Some(Box::new(UsedToken { token: self.fingerprint()?, seed, at: self.now })),
            authentication: self.approval()?,
            forget_at: self.now.after(Duration::from_secs(3600)),
        })
    }

    /// Returns an access token of this client and this family.
    fn access(&mut self, client_id: &str, family: Option<Selector>) -> Result<AccessRecord, Broken> {
        Ok(AccessRecord {
            token: self.fingerprint()?,
            client_id: client_id.to_owned(),
            family,
            start_url: None,
            scope: vec!["read".to_owned()],
            authentication: self.approval()?,
            expires_at: self.now.after(Duration::from_secs(3600)),
        })
    }
}

pub(super) async fn unknown_keys(mut bench: Bench<'_>) -> Result<(), Broken> {
    let user_code = UserCode::random(&mut bench.draws).map_err(|error| Broken(error.to_string()))?;
    for text in ["x".repeat(86), "\u{0}".repeat(86), "\u{1f511}".repeat(40), "'; --".repeat(20)] {
        let selector = Selector::of(&Secret::new(text.clone()));
        let devices = [DeviceKey::UserCode(user_code)].into_iter().chain(selector.map(DeviceKey::DeviceCode));
        for device in devices {
            let keys = Keys {
                client: Some(&text),
                device: Some(device),
                code: selector,
                refresh: selector,
                access: selector,
                source: None,
            };
            let found = bench.look(keys, |records| format!("{records:?}")).await?;
            ensure!(!found.contains("Some"), "{text:?} finds {found}");
        }
    }
    Ok(())
}

pub(super) async fn round_trips(mut bench: Bench<'_>) -> Result<(), Broken> {
    for text in TEXTS {
        let client = bench.client_record(text)?;
        let device = bench.device_record(&client.id, text)?;
        let family = bench.family(&client.id, text)?;
        let access = bench.access(&client.id, Some(family.token.selector()))?;
        let code = CodeRecord {
            code: bench.fingerprint()?,
            client_id: client.id.clone(),
            redirect_uri: text.to_owned(),
            scope: Vec::new(),
            code_challenge: text.into(),
            nonce: Some(text.into()),
            authentication: bench.approval()?,
            issued_at: bench.now,
            expires_at: bench.now.after(Duration::from_secs(60)),
            // Operators may set any time, so a sum may be the latest one.
            forget_at: Moment::new(Duration::MAX),
            status: CodeStatus::Redeemed(Some(Issued::Family(family.token.selector()))),
        };
        let add = vec![
            Change::AddClient(client.clone()),
            Change::AddDevice(device.clone()),
            Change::AddCode(code.clone()),
            Change::PutRefresh(family.clone()),
            Change::AddAccess(access.clone()),
        ];
        bench.commit(add).await?;
        let keys = Keys {
            client: Some(&client.id),
            device: Some(DeviceKey::UserCode(device.user_code)),
            code: Some(code.code.selector()),
            refresh: Some(family.token.selector()),
            access: Some(access.token.selector()),
            source: None,
        };
        let same = bench
            .look(keys, |records| {
                [
                    records.client == Some(&client),
                    records.device == Some(&device),
                    records.code == Some(&code),
                    records.refresh == Some(&family),
                    records.access == Some(&access),
                ]
            })
            .await?;
        ensure!(same == [true; 5], "client, device, code, family, access token with {text:?}: {same:?}");
    }
    Ok(())
}

pub(super) async fn companions(mut bench: Bench<'_>) -> Result<(), Broken> {
    let client = bench.client_record("tool")?;
    let device = bench.device_record(&client.id, "")?;
    let family = bench.family(&client.id, "")?;
    let access = bench.access(&client.id, Some(family.token.selector()))?;
    let (by_code, by_user_code) =
        (DeviceKey::DeviceCode(device.device_code.selector()), DeviceKey::UserCode(device.user_code));
    let token = Keys { access: Some(access.token.selector()), ..Keys::default() };
    let add = [
        Change::AddClient(client.clone()),
        Change::AddDevice(device.clone()),
        Change::PutRefresh(family.clone()),
        Change::AddAccess(access),
    ];
    bench.commit(add.into()).await?;
    for key in [by_code, by_user_code] {
        let keys = Keys { device: Some(key), ..Keys::default() };
        let found = bench.look(keys, |records| (records.device.is_some(), records.client.cloned())).await?;
        ensure!(found == (true, Some(client.clone())), "{key:?} brings {found:?}");
    }
    let found = bench.look(token, |records| records.refresh.cloned()).await?;
    ensure!(found == Some(family), "the access token brings {found:?}");
    Ok(())
}

pub(super) async fn named_keys(mut bench: Bench<'_>) -> Result<(), Broken> {
    let (client, other) = (bench.client_record("tool")?, bench.client_record("other")?);
    let device = bench.device_record(&client.id, "")?;
    let family = bench.family(&client.id, "")?;
    let access = bench.access(&client.id, Some(family.token.selector()))?;
    let keys = Keys {
        client: Some(&other.id),
        device: Some(DeviceKey::UserCode(device.user_code)),
        // A revocation looks for both kinds of token by one selector.
        refresh: Some(access.token.selector()),
        access: Some(access.token.selector()),
        ..Keys::default()
    };
    let add = [
        Change::AddClient(client),
        Change::AddClient(other.clone()),
        Change::AddDevice(device),
        Change::PutRefresh(family),
        Change::AddAccess(access),
    ];
    bench.commit(add.into()).await?;
    let (found, family) =
        bench.look(keys, |records| (records.client.cloned(), records.refresh.cloned())).await?;
    ensure!(found.as_ref() == Some(&other), "instead of the named client came {found:?}");
    ensure!(family.is_none(), "instead of no family came {family:?}");
    Ok(())
}

pub(super) async fn sweeps(mut bench: Bench<'_>) -> Result<(), Broken> {
    let client = bench.client_record("tool")?;
    let device = bench.device_record(&client.id, "")?;
    let keys = Keys { device: Some(DeviceKey::UserCode(device.user_code)), ..Keys::default() };
    let forget_at = device.forget_at;
    bench.commit(vec![Change::AddClient(client), Change::AddDevice(device)]).await?;
    let before = Moment::new(forget_at.since_epoch().saturating_sub(Duration::from_secs(1)));
    while bench.store.sweep(before).await? > 0 {}
    let found = bench.look(keys, |records| records.device.is_some()).await?;
    ensure!(found, "a device was dropped before its time");
    while bench.store.sweep(forget_at.after(Duration::from_secs(1))).await? > 0 {}
    let found = bench.look(keys, |records| records.device.is_some()).await?;
    ensure!(!found, "a device is there after its time and a sweep");
    Ok(())
}

pub(super) async fn page_key(mut bench: Bench<'_>) -> Result<(), Broken> {
    let mut keys = Vec::new();
    for _ in 0..2 {
        let mut fresh = [0; 32];
        bench.draws.fill(&mut fresh).map_err(|error| Broken(error.to_string()))?;
        keys.push(bench.store.page_key(fresh).await?);
    }
    ensure!(keys.first() == keys.last(), "two calls brought two keys");
    Ok(())
}
