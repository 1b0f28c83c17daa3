//! Single calls of the service, with the endpoint, certificates, timeouts and retries from the settings.

use std::time::{Duration, Instant};

use device_flow::{CallError as Error, Failure as Sent};
use device_flow_ureq::{HttpClient, HttpClientBuilder};
use oidc_proto::{FaultCode, Operation, Service};

use crate::exit::Failure;
use crate::explain;
use crate::settings::Settings;
use crate::signin::{Screen, StatusLine};

/// The wait before the second attempt. It doubles with each further attempt.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);
/// The longest wait for another attempt, as in the AWS CLI. If the service asks for more, the call fails at once.
const MAX_BACKOFF: Duration = Duration::from_secs(20);

/// The longest request, in read timeouts. AWS's tools have no such limit, so a server that sends a byte now and then
/// can hold them forever.
const READS: u32 = 4;

/// A caller of single operations, with retries.
pub(crate) struct Caller {
    client: HttpClient,
    attempts: u32,
    screen: Screen,
    /// The variable or setting that names the endpoint, for messages.
    named_by: Option<String>,
}

impl Caller {
    /// Creates a caller for the endpoint of the settings. Nothing is sent yet.
    ///
    /// # Errors
    /// A configuration failure: no endpoint, or certificates that cannot be read.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        Ok(Self::with_client(client(settings)?, settings))
    }

    /// Creates a caller that uses this client.
    pub(crate) fn with_client(client: HttpClient, settings: &Settings) -> Self {
        Self {
            client,
            attempts: settings.max_attempts(),
            screen: Screen::of(settings),
            named_by: settings.endpoint_named_by(),
        }
    }

    /// Names the variable or setting of the endpoint, if that is not the sign-in's.
    pub(crate) fn with_named_by(mut self, named_by: Option<String>) -> Self {
        self.named_by = named_by;
        self
    }

    /// Calls an operation as [`Self::call`] does, for a caller that looks at the error.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub(crate) fn call_or_error<T>(
        &self,
        operation: Operation,
        send: impl FnMut(&HttpClient) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.attempts(operation, true, send).map_err(|(error, _)| error)
    }

    /// Returns the failure for a call's error.
    pub(crate) fn failure(&self, operation: Operation, error: &Error) -> Failure {
        let service = self.client.service();
        let failure = explain::call_failure(operation, service, error);
        match &self.named_by {
            Some(name) if matches!(error, Error::Indeterminate(_) | Error::Transport(_)) => {
                failure.with_detail(format_args!("{service} comes from {name}."))
            }
            _ => failure,
        }
    }

    /// Calls an operation, and repeats it if no response came or the service failed.
    ///
    /// # Errors
    /// The error of the last attempt.
    pub(crate) fn call<T>(
        &self,
        operation: Operation,
        send: impl FnMut(&HttpClient) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        self.attempt(operation, true, send)
    }

    /// Calls an operation whose grant can be used only once. It is not repeated once the service may have
    /// acted on it. A refresh token that is used twice may revoke its token family (RFC 9700 §4.14.2).
    ///
    /// # Errors
    /// The error of the last attempt.
    pub(crate) fn call_once<T>(
        &self,
        operation: Operation,
        send: impl FnMut(&HttpClient) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        self.attempt(operation, false, send)
    }

    fn attempt<T>(
        &self,
        operation: Operation,
        repeatable: bool,
        send: impl FnMut(&HttpClient) -> Result<T, Error>,
    ) -> Result<T, Failure> {
        self.attempts(operation, repeatable, send).map_err(|(error, maybe_spent)| {
            let failure = self.failure(operation, &error);
            let spent = matches!(&error, Error::Fault(fault) if fault.code == FaultCode::InvalidGrant);
            if maybe_spent && (spent || !repeatable) {
                failure.with_hint(
                    "an attempt got no usable response, so the code or token may be spent; sign in again",
                )
            } else {
                failure
            }
        })
    }

    /// Runs the attempts. An error comes with whether any attempt may have used up the grant.
    fn attempts<T>(
        &self,
        operation: Operation,
        repeatable: bool,
        mut send: impl FnMut(&HttpClient) -> Result<T, Error>,
    ) -> Result<T, (Error, bool)> {
        let endpoint = self.client.service();
        // The status line disappears when this returns.
        let line = StatusLine::new(self.screen);
        line.contacting(endpoint);
        let mut backoff = FIRST_BACKOFF;
        let mut maybe_spent = false;
        let mut attempt = 1;
        loop {
            let started = Instant::now();
            let error = match send(&self.client) {
                Ok(answer) => {
                    let elapsed = started.elapsed();
                    tracing::debug!(%operation, %endpoint, attempt, ?elapsed, "success");
                    return Ok(answer);
                }
                Err(error) => error,
            };
            let (elapsed, kind) = (started.elapsed(), explain::kind(&error));
            tracing::debug!(%operation, %endpoint, attempt, ?elapsed, kind, "no success");
            let (again, may_have_acted, retry_after) = prospects(&error);
            let wait = backoff.max(retry_after.unwrap_or_default());
            maybe_spent |= may_have_acted;
            if again && (repeatable || !may_have_acted) && attempt < self.attempts && wait <= MAX_BACKOFF {
                tracing::debug!(%operation, ?wait, "trying again");
                std::thread::sleep(wait);
                backoff = backoff.saturating_mul(2).min(MAX_BACKOFF);
                attempt += 1;
                continue;
            }
            return Err((error, maybe_spent));
        }
    }
}

/// Creates an HTTP client for the endpoint of the settings.
///
/// # Errors
/// A configuration failure: no endpoint, or certificates that cannot be read.
pub(crate) fn client(settings: &Settings) -> Result<HttpClient, Failure> {
    client_of(settings, settings.endpoint()?)
}

/// Creates an HTTP client for this service, with the certificates and timeouts of the settings.
///
/// # Errors
/// A configuration failure: certificates that cannot be read.
pub(crate) fn client_of(settings: &Settings, service: impl Into<Service>) -> Result<HttpClient, Failure> {
    warn_of_unverified_certificates(settings);
    builder_of(settings, service).build().map_err(|error| Failure::config(crate::exit::chain(&error)))
}

/// Returns a builder of an HTTP client, with the certificates and timeouts of the settings.
pub(crate) fn builder_of(settings: &Settings, service: impl Into<Service>) -> HttpClientBuilder {
    let service = service.into();
    settings.files().warn_of_unread();
    tracing::debug!(
        endpoint = %service,
        profile = settings.profile_name(),
        config_file = ?settings.config().path(),
        ca_bundle = ?settings.ca_bundle(),
        "resolved"
    );
    let builder = HttpClient::builder(service)
        .connect_timeout(settings.connect_timeout())
        .read_timeout(settings.read_timeout())
        .request_timeout(
            settings.connect_timeout().saturating_add(settings.read_timeout().saturating_mul(READS)),
        )
        .user_agent(concat!("sso-oidc/", env!("CARGO_PKG_VERSION")));
    match settings.ca_bundle() {
        _ if settings.globals().no_verify_ssl => builder.danger_accept_invalid_certificates(),
        Some(path) => builder.ca_bundle(path),
        None => builder,
    }
}

/// Warns, once a run, if the settings accept any certificate.
pub(crate) fn warn_of_unverified_certificates(settings: &Settings) {
    if settings.globals().no_verify_ssl {
        crate::exit::warn(
            "certificates are not verified, so machines on the network path can read the secrets",
        );
    }
}

/// Returns whether another attempt may succeed, whether this one may have had an effect, and the shortest wait.
fn prospects(error: &Error) -> (bool, bool, Option<Duration>) {
    match error {
        Error::Fault(fault) => (fault.is_transient(), false, fault.retry_after),
        Error::Indeterminate(none) => (!none.is_plain_refusal(), none.may_have_acted(), none.retry_after),
        Error::Transport(error) => {
            (error.failure() != Sent::ProxyRefused, error.failure() == Sent::Unknown, None)
        }
        // A malformed success is a success: the grant is used up.
        Error::InvalidResponse(_) => (false, true, None),
        _ => (false, true, None),
    }
}
