//! The redirect of a URL: one request without secrets, which follows nothing.

use std::io;

use device_flow::{Failure, TransportError};
use http::{StatusCode, Uri, header};
use oidc_proto::UnixSeconds;

use crate::HttpClient;
use crate::worker::Worker;

/// The response to [`HttpClient::look_at`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redirect {
    /// The status of the response.
    pub status: u16,
    /// The `Location` header as written, if the status is a redirect (RFC 9110 §15.4).
    pub location: Option<String>,
    /// The `Date` header: the server's clock.
    pub date: Option<UnixSeconds>,
}

impl HttpClient {
    /// Sends one `GET` without any data to a URL of this client's service, and returns its redirect. The redirect is
    /// not followed: the caller decides whether to trust the target.
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, HttpClient};
    ///
    /// # let server = sso_oidc_server::TestServer::start();
    /// let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// let redirect = client.look_at(server.endpoint())?;
    /// assert_eq!((redirect.status, redirect.location.as_deref()), (303, Some("/device")));
    /// assert!(redirect.date.is_some());
    /// assert!(client.look_at("https://elsewhere.example/").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// No response came, the URL is not at a host of this client's service, or the call was cancelled.
    pub fn look_at(&self, address: &str) -> Result<Redirect, TransportError> {
        let address: Uri = address.parse().map_err(|_| refused("the address is no URL"))?;
        self.check_is_here(&address)?;
        let cancelled = || TransportError::new(Failure::Unknown, io::Error::other("cancelled"));
        let answer = self.fetch_unless(&mut Worker::default(), &address, "*/*");
        let response = answer.ok_or_else(cancelled)??;
        let is_redirect = matches!(
            response.status(),
            StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT
        );
        let location = response.headers().get(header::LOCATION).filter(|_| is_redirect);
        let location = location.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let date = oidc_proto::date(response.headers());
        Ok(Redirect { status: response.status().as_u16(), location, date })
    }
    /// Returns an error if a URL is not at a host of this client's service, with the service's scheme.
    pub(crate) fn check_is_here(&self, address: &Uri) -> Result<(), TransportError> {
        let is_own = |host: &str| self.service.hosts().any(|own| own.eq_ignore_ascii_case(host));
        let scheme = if self.service.uses_https() { "https" } else { "http" };
        match address.scheme_str() == Some(scheme) && address.host().is_some_and(is_own) {
            true => Ok(()),
            false => Err(refused("the address is not at this client's service")),
        }
    }
}

fn refused(why: &str) -> TransportError {
    TransportError::new(Failure::NotSent, io::Error::other(why))
}
