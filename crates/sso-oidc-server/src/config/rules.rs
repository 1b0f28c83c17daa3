//! The settings of the authority: who decides, how long things last, and which clients there are.

use core::time::Duration;

use device_authority::{Capacity, ClientRecord, RegistrationKey, Rotation, ServerPolicy, SlowDown};
use oidc_proto::Client;

use crate::{Account, Approval, Config, People};

impl Config {
    /// Sets the source of decisions.
    #[must_use]
    pub const fn with_approval(mut self, approval: Approval) -> Self {
        self.approval = approval;
        self
    }

    /// Sets the authority's rules.
    #[must_use]
    pub fn with_policy(mut self, policy: ServerPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the polling interval; see [`ServerPolicy::interval`].
    #[must_use]
    pub const fn with_interval(mut self, interval: Duration) -> Self {
        self.policy.interval = interval;
        self
    }

    /// Sets the lifetime of device codes; see [`ServerPolicy::device_ttl`].
    #[must_use]
    pub const fn with_device_ttl(mut self, ttl: Duration) -> Self {
        self.policy.device_ttl = ttl;
        self
    }

    /// Sets the grace period of redeemed device codes; see [`ServerPolicy::device_grace`].
    #[must_use]
    pub const fn with_device_grace(mut self, grace: Duration) -> Self {
        self.policy.device_grace = grace;
        self
    }

    /// Sets the response to early polls; see [`ServerPolicy::slow_down`].
    #[must_use]
    pub const fn with_slow_down(mut self, slow_down: SlowDown) -> Self {
        self.policy.slow_down = slow_down;
        self
    }

    /// Sets the lifetime of access tokens; see [`ServerPolicy::with_access_ttl`].
    #[must_use]
    pub const fn with_access_ttl(mut self, ttl: Duration) -> Self {
        self.policy.long_access_ttl = ttl;
        self.policy.short_access_ttl = ttl;
        self
    }

    /// Sets the fate of used refresh tokens, in both dialects.
    #[must_use]
    pub const fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// Sets the key of the registrations, so that they stay valid after a restart; see
    /// [`ServerPolicy::registration_key`].
    #[must_use]
    pub fn with_registration_key(mut self, key: RegistrationKey) -> Self {
        self.policy.registration_key = Some(key);
        self
    }

    /// Accepts AWS clients that registered elsewhere; see [`ServerPolicy::accept_unknown_clients`].
    #[must_use]
    pub const fn with_unknown_clients_accepted(mut self) -> Self {
        self.policy.accept_unknown_clients = true;
        self
    }

    /// Sets the capacity of the store.
    #[must_use]
    pub const fn with_capacity(mut self, capacity: Capacity) -> Self {
        self.capacity = capacity;
        self
    }

    /// Sets the people who may approve. The page asks which of them it is. A simulated person is the first one.
    ///
    /// ```
    /// use sso_oidc_server::{Config, People, Person, Subject, TestServer};
    ///
    /// let people = People::new([Person::new(Subject::new("alice")?), Person::new(Subject::new("bob")?)])?;
    /// let server = TestServer::with(Config::default().with_people(people))?;
    /// // When a device shows its code: `server.approve_as(&code, "bob")`.
    /// # drop(server);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_people(mut self, people: People) -> Self {
        self.people = people;
        self
    }

    /// Sets the accounts and roles at the portal, in place of the examples.
    #[must_use]
    pub fn with_accounts(mut self, accounts: impl IntoIterator<Item = Account>) -> Self {
        self.accounts = accounts.into_iter().collect();
        self
    }

    /// Adds a client that needs no registration, never expires and may ask for any scope. It may get an
    /// authorization code at any loopback address. It serves tools with a fixed client id. With a secret it can
    /// use the AWS dialect too.
    #[must_use]
    pub fn with_client(mut self, client: Client) -> Self {
        self.clients.push(ClientRecord::preconfigured(client, None));
        self
    }

    /// Adds a client like [`Config::with_client`], limited to these scopes.
    #[must_use]
    pub fn with_client_for<S: Into<String>>(
        mut self,
        client: Client,
        scopes: impl IntoIterator<Item = S>,
    ) -> Self {
        let scopes = scopes.into_iter().map(Into::into).collect();
        self.clients.push(ClientRecord::preconfigured(client, Some(scopes)));
        self
    }
}
