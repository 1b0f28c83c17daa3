//! The provider that a metadata document describes.

use super::{Metadata, MetadataError, Provider};
use crate::EndpointError;

impl Metadata {
    /// Returns the provider's URLs.
    ///
    /// ```
    /// use oidc_proto::oauth::{Metadata, MetadataError};
    /// let mut metadata = Metadata::default();
    /// metadata.token_endpoint = Some("https://id.example/token".to_owned());
    /// assert_eq!(metadata.provider(), Err(MetadataError::Missing("device_authorization_endpoint")));
    /// metadata.device_authorization_endpoint = Some("https://id.example/device".to_owned());
    /// let service = oidc_proto::Service::from(metadata.provider()?);
    /// assert_eq!(service.token_url(), "https://id.example/token");
    /// # Ok::<(), MetadataError>(())
    /// ```
    ///
    /// # Errors
    /// The metadata lacks a required URL, or has an invalid one.
    pub fn provider(&self) -> Result<Provider, MetadataError> {
        const DEVICE: &str = "device_authorization_endpoint";
        let device = self.device_authorization_endpoint.as_deref().ok_or(MetadataError::Missing(DEVICE))?;
        self.provider_with_device_authorization(device)
    }

    /// Returns the provider's URLs, with a device authorization endpoint that the metadata lacks and the
    /// program knows.
    ///
    /// ```
    /// use oidc_proto::oauth::Metadata;
    /// let mut metadata = Metadata::default();
    /// metadata.token_endpoint = Some("https://id.example/token".to_owned());
    /// let provider = metadata.provider_with_device_authorization("https://id.example/device")?;
    /// assert!(oidc_proto::Service::from(provider).hosts().all(|host| host == "id.example"));
    /// # Ok::<(), oidc_proto::oauth::MetadataError>(())
    /// ```
    ///
    /// # Errors
    /// The metadata lacks the token endpoint, or has an invalid URL.
    pub fn provider_with_device_authorization(&self, device: &str) -> Result<Provider, MetadataError> {
        let token = self.token_endpoint()?;
        let provider =
            Provider::new(device, token).map_err(blame("device_authorization_endpoint or token_endpoint"))?;
        let provider = match &self.authorization_endpoint {
            // Its page is not needed here, so an invalid URL is no error.
            Some(url) => provider.clone().with_authorization(url).unwrap_or(provider),
            None => provider,
        };
        self.completed(provider)
    }

    /// Returns the provider's URLs for the authorization code flow, which needs no device authorization
    /// endpoint.
    ///
    /// ```
    /// use oidc_proto::oauth::{Metadata, MetadataError};
    /// let mut metadata = Metadata::default();
    /// metadata.token_endpoint = Some("https://id.example/token".to_owned());
    /// assert_eq!(metadata.code_provider(), Err(MetadataError::Missing("authorization_endpoint")));
    /// metadata.authorization_endpoint = Some("https://id.example/authorize".to_owned());
    /// assert!(oidc_proto::Service::from(metadata.code_provider()?).offers_code());
    /// # Ok::<(), MetadataError>(())
    /// ```
    ///
    /// # Errors
    /// The metadata lacks a required URL, or has an invalid one.
    pub fn code_provider(&self) -> Result<Provider, MetadataError> {
        const PAGE: &str = "authorization_endpoint";
        let page = self.authorization_endpoint.as_deref().ok_or(MetadataError::Missing(PAGE))?;
        let token = self.token_endpoint()?;
        Provider::for_code(page, page).map_err(blame(PAGE))?;
        let provider = Provider::for_code(page, token).map_err(blame("token_endpoint"))?;
        // No device code is wanted here, so an invalid URL is no error.
        let device = self.device_authorization_endpoint.as_deref();
        let with_device = device.and_then(|device| Provider::new(device, token).ok());
        let provider =
            with_device.and_then(|provider| provider.with_authorization(page).ok()).unwrap_or(provider);
        self.completed(provider)
    }

    fn token_endpoint(&self) -> Result<&str, MetadataError> {
        self.token_endpoint.as_deref().ok_or(MetadataError::Missing("token_endpoint"))
    }

    /// Adds the URLs that every sign-in may use, and what a client must know of the provider.
    fn completed(&self, mut provider: Provider) -> Result<Provider, MetadataError> {
        if let Some(url) = &self.registration_endpoint {
            provider = provider.with_registration(url).map_err(blame("registration_endpoint"))?;
        }
        if let Some(url) = &self.revocation_endpoint {
            provider = provider.with_revocation(url).map_err(blame("revocation_endpoint"))?;
        }
        if !self.issuer.is_empty() {
            provider =
                provider.with_issuer(&*self.issuer, self.authorization_response_iss_parameter_supported);
        }
        let offers_pkce = self.code_challenge_methods_supported.iter().any(|method| method == "S256");
        Ok(if offers_pkce { provider.with_pkce() } else { provider })
    }
}

fn blame(member: &'static str) -> impl FnOnce(EndpointError) -> MetadataError {
    move |source| MetadataError::Endpoint { member, source }
}
