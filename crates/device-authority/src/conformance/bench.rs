//! A store, a policy, a time and random values for one check.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use oidc_proto::{
    Client, CreateTokenRequest, DeviceAuthorization, Grant, RegisterClientRequest, Secret,
    StartDeviceAuthorizationRequest, Token,
};

use super::Broken;
use crate::{
    Change, DeviceKey, DeviceRecord, Entropy, Exchanged, Fingerprint, Keys, Moment, NoEntropy, Records,
    Selector, ServerPolicy, Store, StoreError, UserDecision, Waiting,
};

/// The start URL of the checks' sign-ins.
const START_URL: &str = "https://d-1234567890.awsapps.com/start";

/// A store, a policy, a time and random values for one check.
#[derive(Clone, Debug)]
pub(super) struct Bench<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) policy: ServerPolicy,
    pub(super) now: Moment,
    pub(super) draws: Draws,
}

impl<'a> Bench<'a> {
    pub(super) fn new(store: &'a dyn Store, seed: u64, name: &str) -> Self {
        // Each check has draws of its own.
        let seed = name.bytes().fold(seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
        let now = Moment::new(Duration::from_micros(1_700_000_000_123_456));
        Self { store, policy: ServerPolicy::default(), now, draws: Draws(seed) }
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// Returns a new secret of the length of our codes.
    pub(super) fn secret(&mut self) -> Result<Secret, Broken> {
        crate::authorization_code(&mut self.draws).map_err(|error| Broken(error.to_string()))
    }

    /// Returns what a record keeps of a new secret.
    pub(super) fn fingerprint(&mut self) -> Result<Fingerprint, Broken> {
        Fingerprint::of(&self.secret()?).ok_or_else(|| Broken("a secret without a selector".to_owned()))
    }

    /// Commits these changes, whatever the records.
    pub(super) async fn commit(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        let mut decide = |_: Records<'_>| changes.clone();
        self.store.transact(Keys::default(), self.now, &mut decide).await
    }

    /// Registers a client with scopes, so that it gets refresh tokens.
    pub(super) async fn register(&mut self) -> Result<Client, Broken> {
        let request = RegisterClientRequest::new("conformance").with_scopes(["sso:account:access"]);
        let made = self.store.register_client(&self.policy, &request, self.now, &mut self.draws).await?;
        Ok(made.map_err(|fault| Broken(format!("no registration: {fault}")))?.client)
    }

    /// Starts a device of this client.
    pub(super) async fn start(&mut self, client: &Client) -> Result<DeviceAuthorization, Broken> {
        let request = StartDeviceAuthorizationRequest::new(client.clone(), START_URL);
        let made =
            self.store.start_device_authorization(&self.policy, &request, self.now, &mut self.draws).await?;
        made.map_err(|fault| Broken(format!("no device: {fault}")))
    }

    /// Lets the person approve.
    pub(super) async fn approve(&self, user_code: &str) -> Result<(), Broken> {
        let approved =
            self.store.decide(&self.policy, None, user_code, UserDecision::APPROVE, self.now).await?;
        approved.map_err(|error| Broken(format!("no approval: {error}")))
    }

    /// Signs this client in.
    pub(super) async fn sign_in(&mut self, client: &Client) -> Result<Token, Broken> {
        let device = self.start(client).await?;
        self.approve(&device.user_code).await?;
        self.redeem(client, Grant::device_code(device.device_code)).await
    }

    /// Loads the records of these keys, and returns what `look` makes of them.
    pub(super) async fn look<T: Send>(
        &self,
        keys: Keys<'_>,
        mut look: impl FnMut(Records<'_>) -> T + Send,
    ) -> Result<T, Broken> {
        let mut seen = None;
        let mut decide = |records: Records<'_>| {
            seen = Some(look(records));
            Vec::new()
        };
        self.store.transact(keys, self.now, &mut decide).await?;
        seen.ok_or_else(|| Broken("the decision was not called".to_owned()))
    }

    /// Loads the device of this code.
    pub(super) async fn device(&self, device_code: &Secret) -> Result<DeviceRecord, Broken> {
        let device = Selector::of(device_code).map(DeviceKey::DeviceCode);
        let found = self.look(Keys { device, ..Keys::default() }, |records| records.device.cloned()).await?;
        found.ok_or_else(|| Broken("a new device is not found".to_owned()))
    }

    /// Presents a grant.
    pub(super) async fn present(&mut self, client: &Client, grant: Grant) -> Result<Exchanged, StoreError> {
        let request = CreateTokenRequest::new(client.clone(), grant);
        self.store.create_token(&self.policy, &request, self.now, &mut self.draws).await
    }

    /// Presents a grant, which must bring a token.
    pub(super) async fn redeem(&mut self, client: &Client, grant: Grant) -> Result<Token, Broken> {
        let exchanged = self.present(client, grant).await?;
        exchanged.reply.map_err(|fault| Broken(format!("no token: {fault}")))
    }

    /// Runs one operation twelve times at once, each with draws of its own, and returns the results.
    pub(super) async fn twelve<T>(
        &mut self,
        operation: impl Fn(Self) -> Waiting<'a, Result<T, StoreError>>,
    ) -> Result<Vec<T>, StoreError> {
        let mut benches = Vec::new();
        for _ in 0..12 {
            let seed = self.draws.next();
            benches.push(Bench { draws: Draws(seed), ..self.clone() });
        }
        let waiting = benches.into_iter().map(operation).collect();
        all(waiting).await.into_iter().collect()
    }
}

/// Polls all futures until each is ready, and returns the results in their order.
async fn all<F: Future + Unpin>(mut waiting: Vec<F>) -> Vec<F::Output> {
    let mut results: Vec<Option<F::Output>> = waiting.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (future, result) in waiting.iter_mut().zip(&mut results) {
            if result.is_none()
                && let Poll::Ready(done) = core::pin::Pin::new(future).poll(cx)
            {
                *result = Some(done);
            }
        }
        if results.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    results.into_iter().flatten().collect()
}

/// Random values that are the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Draws(u64);

impl Draws {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Entropy for Draws {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        for chunk in bytes.chunks_mut(8) {
            let draw = self.next().to_le_bytes();
            chunk.iter_mut().zip(draw).for_each(|(byte, random)| *byte = random);
        }
        Ok(())
    }
}
