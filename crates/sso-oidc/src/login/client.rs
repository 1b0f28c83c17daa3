//! The HTTP client of a sign-in, which is built when it is needed: certificates cost more than a read of a good token.

use std::cell::OnceCell;

use device_flow_ureq::HttpClient;
use oidc_proto::Service;

use crate::exit::Failure;
use crate::service;
use crate::settings::Settings;

/// A client of this service.
pub(super) struct LazyClient<'a> {
    settings: &'a Settings,
    service: Service,
    built: OnceCell<HttpClient>,
}

impl<'a> LazyClient<'a> {
    /// Creates the client of this service, without its certificates.
    pub(super) fn of(settings: &'a Settings, service: impl Into<Service>) -> Self {
        settings.files().warn_of_unread();
        Self { settings, service: service.into(), built: OnceCell::new() }
    }

    /// Returns the service.
    pub(super) const fn service(&self) -> &Service {
        &self.service
    }

    /// Returns the client.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub(super) fn get(&self) -> Result<&HttpClient, Failure> {
        if let Some(client) = self.built.get() {
            return Ok(client);
        }
        let client = service::client_of(self.settings, self.service.clone())?;
        Ok(self.built.get_or_init(|| client))
    }
}
