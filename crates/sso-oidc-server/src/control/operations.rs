//! The operations of the control API, which a test in Rust calls directly.

use core::time::Duration;
use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use device_authority::{
    AuthorizationStatus, Change, DeviceKey, DeviceRecord, Issued, Keys, Moment, Selector, StoreError,
    Subject, UserCode,
};
use oidc_proto::Secret;

use crate::details::Found;
use crate::{Handle, RecordedRequest, ServeError};

/// A device that asked for codes, and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// The code that it shows.
    pub user_code: String,
    /// The id of its client.
    pub client_id: String,
    /// The name under which the client registered.
    pub client_name: Option<String>,
    /// The requested scopes.
    pub scopes: Vec<String>,
    /// The start URL. Only AWS's dialect has one.
    pub start_url: Option<String>,
    /// Its state.
    pub status: DeviceStatus,
    /// The subject of the person who approved, until the device has its token; with a device grace also later.
    pub approved_by: Option<Subject>,
    /// The end of its codes, on the server's clock.
    pub expires_at: SystemTime,
}

/// The state of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceStatus {
    /// It waits for a decision.
    Pending,
    /// It was approved, and has no token yet.
    Approved,
    /// It was denied.
    Denied,
    /// Its codes have expired.
    Expired,
    /// It has its token.
    Redeemed,
}

impl DeviceStatus {
    /// Returns the name in the control API, for example `pending`.
    ///
    /// ```
    /// assert_eq!(sso_oidc_server::DeviceStatus::Redeemed.name(), "redeemed");
    /// ```
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Redeemed => "redeemed",
        }
    }

    fn of(device: &DeviceRecord, now: Moment) -> Self {
        match device.state.status {
            AuthorizationStatus::Redeemed(_) => Self::Redeemed,
            AuthorizationStatus::Denied => Self::Denied,
            _ if device.is_expired_at(now) => Self::Expired,
            AuthorizationStatus::Approved => Self::Approved,
            _ => Self::Pending,
        }
    }
}

impl Handle {
    /// Returns the URL of the control API of [`crate::Config::with_control`], for example `http://127.0.0.1:49153`.
    ///
    /// ```
    /// use sso_oidc_server::{Config, Control, Secret, TestServer};
    /// let config = Config::default().with_control(Control::new(Secret::from("token")));
    /// let handle = TestServer::with(config)?.handle();
    /// assert!(handle.control_endpoint().is_some_and(|url| url.starts_with("http://127.0.0.1:")));
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    #[must_use]
    pub fn control_endpoint(&self) -> Option<&str> {
        self.state.control_endpoint.get().map(String::as_str)
    }

    /// Waits until the server remembers at least so many of the requests that `wanted` accepts, or until the time is
    /// over. Returns those that there are.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Operation, TestServer};
    ///
    /// let handle = TestServer::start().handle();
    /// let is_poll = |request: &sso_oidc_server::RecordedRequest| request.operation == Some(Operation::CreateToken);
    /// assert_eq!(handle.wait_for_requests(1, Duration::from_millis(1), is_poll), []);
    /// ```
    pub fn wait_for_requests(
        &self,
        count: usize,
        timeout: Duration,
        wanted: impl Fn(&RecordedRequest) -> bool,
    ) -> Vec<RecordedRequest> {
        self.state.records.block(count, timeout, wanted)
    }

    /// Returns the devices that wait, and those among the remembered requests that were decided, the one that expires
    /// first at the start.
    ///
    /// ```
    /// use core::time::Duration;
    /// use sso_oidc_server::{Client, Config, DeviceStatus, InProcess};
    ///
    /// let config = Config::default().with_client(Client::public("my-tool")).with_remembered_requests(100);
    /// let service = InProcess::new(config, || Duration::ZERO)?;
    /// # let url = format!("{}/oauth/device_authorization", service.endpoint());
    /// # let ask = http::Request::post(url).header("content-type", "application/x-www-form-urlencoded");
    /// service.answer(&ask.body(&b"client_id=my-tool&scope=openid"[..])?); // a device asks
    /// let device = service.handle().devices()?.remove(0);
    /// service.handle().deny(&device.user_code)?;
    /// assert_eq!(service.handle().devices()?[0].status, DeviceStatus::Denied);
    /// assert_eq!((device.client_id.as_str(), device.scopes), ("my-tool", vec!["openid".to_owned()]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn devices(&self) -> Result<Vec<Device>, StoreError> {
        self.state.wait(self.list_devices())
    }

    pub(super) async fn list_devices(&self) -> Result<Vec<Device>, StoreError> {
        let (state, now) = (&self.state, self.state.now());
        let mut codes: BTreeSet<UserCode> = state.store().pending(now).await?.into_iter().collect();
        let remembered = state.records.matching(|record| record.user_code.is_some());
        codes.extend(remembered.iter().filter_map(|record| UserCode::typed(record.user_code.as_deref()?)));
        let mut devices = Vec::new();
        for code in codes {
            let mut keys = Keys::default();
            keys.device = Some(DeviceKey::UserCode(code));
            let Found { client, device: Some(device), .. } = Found::load(state, keys).await else { continue };
            let preconfigured = || state.policy.preconfigured_clients.get(&device.client_id);
            let name = client.as_ref().or_else(preconfigured).map(|client| client.name.clone());
            devices.push(Device {
                user_code: code.to_string(),
                client_name: name,
                status: DeviceStatus::of(&device, now),
                approved_by: device.state.authentication.map(|approval| approval.subject),
                client_id: device.client_id,
                scopes: device.scope,
                start_url: device.start_url,
                expires_at: UNIX_EPOCH.checked_add(device.expires_at.since_epoch()).unwrap_or(UNIX_EPOCH),
            });
        }
        devices.sort_by_key(|device| device.expires_at);
        Ok(devices)
    }

    /// Ends the sign-in of an access token or a refresh token, with all its tokens. Returns whether there was one.
    ///
    /// ```
    /// use sso_oidc_server::{Secret, TestServer};
    /// let handle = TestServer::start().handle();
    /// assert!(!handle.revoke_token(&Secret::new("unknown".repeat(9)))?);
    /// # Ok::<(), sso_oidc_server::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn revoke_token(&self, token: &Secret) -> Result<bool, StoreError> {
        self.state.wait(self.end_token(token))
    }

    pub(super) async fn end_token(&self, token: &Secret) -> Result<bool, StoreError> {
        let (state, now) = (&self.state, self.state.now());
        let token = &state.real(token.clone());
        let Some(selector) = Selector::of(token) else { return Ok(false) };
        let mut keys = Keys::default();
        keys.refresh = Some(selector);
        let mut ends = false;
        let mut end = |records: device_authority::Records<'_>| {
            ends = records.refresh.is_some();
            if ends { vec![Change::RevokeRefresh(selector)] } else { Vec::new() }
        };
        state.store().transact(keys, now, &mut end).await?;
        if ends {
            return Ok(true);
        }
        Ok(state.store().logout(token, now).await?.is_ok())
    }

    /// Ends all sign-ins of this client that the remembered requests have begun. Returns their number.
    ///
    /// ```
    /// let handle = sso_oidc_server::TestServer::start().handle();
    /// assert_eq!(handle.revoke_client("my-tool")?, 0);
    /// # Ok::<(), sso_oidc_server::StoreError>(())
    /// ```
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub fn revoke_client(&self, client_id: &str) -> Result<usize, StoreError> {
        self.state.wait(self.end_client(client_id))
    }

    pub(super) async fn end_client(&self, client_id: &str) -> Result<usize, StoreError> {
        let (state, now) = (&self.state, self.state.now());
        let of_client = |record: &RecordedRequest| {
            record.issued.is_some() && record.client_id.as_deref() == Some(client_id)
        };
        let mut count = 0;
        for issued in state.records.matching(of_client).into_iter().filter_map(|record| record.issued) {
            let mut keys = Keys::default();
            match issued {
                Issued::Family(selector) => keys.refresh = Some(selector),
                Issued::Access(selector) => keys.access = Some(selector),
            }
            let mut ends = false;
            let mut end = |records: device_authority::Records<'_>| {
                ends = records.refresh.is_some() || records.access.is_some();
                match issued {
                    _ if !ends => Vec::new(),
                    Issued::Family(selector) => vec![Change::RevokeRefresh(selector)],
                    Issued::Access(selector) => vec![Change::RevokeAccess(selector)],
                }
            };
            state.store().transact(keys, now, &mut end).await?;
            count += usize::from(ends);
        }
        Ok(count)
    }

    /// Forgets all registrations, devices, tokens, requests and findings, and starts the faults and the script of the
    /// configuration anew. The clock stays.
    ///
    /// ```
    /// use sso_oidc_server::TestServer;
    /// let server = TestServer::start();
    /// server.handle().reset()?;
    /// assert_eq!(server.requests(), []);
    /// # Ok::<(), sso_oidc_server::ServeError>(())
    /// ```
    ///
    /// # Errors
    /// [`ServeError::ForeignStore`] if the configuration has a store of its own. Nothing is forgotten then. The errors
    /// of [`Handle::set_faults`](crate::Handle::set_faults).
    pub fn reset(&self) -> Result<(), ServeError> {
        if !self.state.forget() {
            return Err(ServeError::ForeignStore);
        }
        #[cfg(feature = "faults")]
        self.set_faults(self.state.configured_faults.clone())?;
        Ok(())
    }
}
