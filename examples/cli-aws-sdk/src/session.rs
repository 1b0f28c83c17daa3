//! The stored session: its use, refresh and replacement, and the sign-in itself.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use aws_sdk_ssooidc::Client;
use aws_sdk_ssooidc::config::Config;
use aws_sdk_ssooidc::config::http::HttpResponse;
use aws_sdk_ssooidc::config::retry::RetryConfig;
use aws_sdk_ssooidc::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ssooidc::operation::create_token::builders::CreateTokenFluentBuilder;
use aws_sdk_ssooidc::operation::create_token::{CreateTokenError, CreateTokenOutput};
use aws_sdk_ssooidc::operation::start_device_authorization::StartDeviceAuthorizationOutput;
use tokio::time::{Instant, sleep};

/// The shortest remaining lifetime of a usable token or registration, in seconds, as in AWS's tools.
const MARGIN: i64 = 15 * 60;

/// The increase of the interval by each `slow_down` (RFC 8628 §3.5).
const SLOW_DOWN: Duration = Duration::from_secs(5);

/// The longest wait after a network error.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The contents of the file, **with its secrets in plain text**.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Kept {
    /// The service of the secrets, which no other service may see.
    service: String,
    start_url: String,
    registration: Registration,
    token: Token,
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Registration {
    client_id: String,
    client_secret: String,
    expires_at: i64,
}

#[derive(Clone, serde::Serialize, serde::Deserialize)]
struct Token {
    access_token: String,
    refresh_token: Option<String>,
    expires_at: i64,
}

impl Token {
    /// Creates the token from a response to a request of this time. Without a new refresh token, the old one stays
    /// valid (RFC 6749 §6).
    fn new(answer: CreateTokenOutput, asked_at: i64, old: Option<String>) -> Result<Self, String> {
        let expires_at = asked_at + i64::from(answer.expires_in);
        let access_token = answer.access_token.ok_or("the service granted no access token")?;
        Ok(Self { access_token, refresh_token: answer.refresh_token.or(old), expires_at })
    }
}

/// A portal to stay signed in to.
pub struct Portal {
    pub client: Client,
    /// The region or endpoint.
    pub service: String,
    pub start_url: String,
    /// The file of the session.
    pub file: PathBuf,
}

impl Portal {
    /// Returns a valid token: the stored one, refreshed if it is due, or that of a new sign-in.
    pub async fn access_token(&self) -> Result<String, String> {
        let kept = self.kept();
        if let Some(kept) = &kept
            && let Some(access_token) = self.good(&kept.token, &kept.registration).await
        {
            return Ok(access_token);
        }
        let registration = kept.map(|kept| kept.registration).filter(|kept| kept.expires_at > now() + MARGIN);
        let (registration, device) = self.authorize(registration).await?;
        show(&device);
        let token = self.poll(&registration, &device).await?;
        self.keep(&registration, &token);
        Ok(token.access_token)
    }

    /// Returns this portal's session from the file. An unreadable file leads to a new sign-in.
    fn kept(&self) -> Option<Kept> {
        let kept: Kept = serde_json::from_slice(&fs::read(&self.file).ok()?).ok()?;
        Some(kept).filter(|kept| kept.service == self.service && kept.start_url == self.start_url)
    }

    /// Returns the access token, refreshed if it is due. `None` means that a new sign-in is needed.
    async fn good(&self, token: &Token, registration: &Registration) -> Option<String> {
        if token.expires_at > now() + MARGIN {
            return Some(token.access_token.clone());
        }
        let lives = || token.expires_at > now();
        let Some(old) = token.refresh_token.clone() else {
            return lives().then(|| token.access_token.clone());
        };
        let asked_at = now();
        let call = self.create_token(registration).grant_type("refresh_token").refresh_token(&old);
        let (reason, refused) = match send_once(call).await {
            Ok(answer) => match Token::new(answer, asked_at, Some(old)) {
                Ok(token) => {
                    // Store it before its use, because the old refresh token may be invalid.
                    self.keep(registration, &token);
                    return Some(token.access_token);
                }
                Err(reason) => (reason, false),
            },
            Err(error) => (explain(&error), !is_passing(&error)),
        };
        if refused {
            // Another run may have refreshed it meanwhile.
            let other = self.kept().filter(|other| other.token.expires_at > token.expires_at);
            return other.map(|other| other.token.access_token);
        }
        eprintln!("The session was not refreshed: {reason}.");
        lives().then(|| token.access_token.clone())
    }

    /// Requests codes, with the stored registration if the service still accepts it.
    async fn authorize(
        &self,
        mut kept: Option<Registration>,
    ) -> Result<(Registration, StartDeviceAuthorizationOutput), String> {
        loop {
            let was_kept = kept.is_some();
            let registration = match kept.take() {
                Some(registration) => registration,
                None => self.register().await?,
            };
            let call = self.client.start_device_authorization().start_url(&self.start_url);
            let call = call.client_id(&registration.client_id).client_secret(&registration.client_secret);
            match call.send().await {
                Ok(device) => return Ok((registration, device)),
                Err(error) => {
                    let is_unknown =
                        error.as_service_error().is_some_and(|error| error.is_invalid_client_exception());
                    if !(was_kept && is_unknown) {
                        return Err(explain(&error));
                    }
                }
            }
        }
    }

    async fn register(&self) -> Result<Registration, String> {
        let call = self.client.register_client().client_name("example-cli-aws-sdk").client_type("public");
        let answer = call.scopes("sso:account:access").send().await.map_err(|error| explain(&error))?;
        Ok(Registration {
            expires_at: answer.client_secret_expires_at,
            client_id: answer.client_id.ok_or("the service gave no client id")?,
            client_secret: answer.client_secret.ok_or("the service gave no client secret")?,
        })
    }

    /// Polls until the person has decided, or the code has expired.
    async fn poll(
        &self,
        registration: &Registration,
        device: &StartDeviceAuthorizationOutput,
    ) -> Result<Token, String> {
        let seconds = |value: i32| Duration::from_secs(value.max(0).unsigned_abs().into());
        let deadline = Instant::now() + seconds(device.expires_in);
        // The default interval is five seconds (RFC 8628 §3.2).
        let mut interval = if device.interval > 0 { seconds(device.interval) } else { seconds(5) };
        let mut backoff = Duration::ZERO;
        // Whether a lost response may have had a token.
        let mut may_be_lost = false;
        loop {
            sleep(interval.max(backoff)).await;
            if Instant::now() >= deadline {
                return Err("The code expired before an approval. Start again for a new code.".into());
            }
            let asked_at = now();
            let call = self.create_token(registration).set_device_code(device.device_code.clone());
            let call = call.grant_type("urn:ietf:params:oauth:grant-type:device_code");
            let error = match send_once(call).await {
                Ok(answer) => return Token::new(answer, asked_at, None),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(CreateTokenError::AuthorizationPendingException(_)) => {
                    (backoff, may_be_lost) = (Duration::ZERO, false);
                }
                Some(CreateTokenError::SlowDownException(_)) => interval += SLOW_DOWN,
                Some(CreateTokenError::AccessDeniedException(_)) => {
                    return Err(
                        "The sign-in was denied. If that was a mistake, start again and approve it.".into()
                    );
                }
                Some(
                    CreateTokenError::ExpiredTokenException(_) | CreateTokenError::InvalidGrantException(_),
                ) if may_be_lost => {
                    return Err(
                        "An answer was lost on the way. If you approved, the token was lost with it.".into(),
                    );
                }
                Some(CreateTokenError::ExpiredTokenException(_)) => {
                    return Err("The code has expired. Start again for a new code.".into());
                }
                _ if is_passing(&error) => {
                    backoff = (2 * backoff.max(interval)).min(MAX_BACKOFF);
                    may_be_lost = true;
                }
                _ => return Err(explain(&error)),
            }
        }
    }

    fn create_token(&self, registration: &Registration) -> CreateTokenFluentBuilder {
        let call = self.client.create_token();
        call.client_id(&registration.client_id).client_secret(&registration.client_secret)
    }

    fn keep(&self, registration: &Registration, token: &Token) {
        let kept = Kept {
            service: self.service.clone(),
            start_url: self.start_url.clone(),
            registration: registration.clone(),
            token: token.clone(),
        };
        if let Err(error) = save(&self.file, &kept) {
            eprintln!("The session was not kept in {}: {error}.", self.file.display());
        }
    }
}

/// Sends without the SDK's own retries. They would poll faster than the service allows, and use a refresh token twice.
async fn send_once(
    call: CreateTokenFluentBuilder,
) -> Result<CreateTokenOutput, SdkError<CreateTokenError, HttpResponse>> {
    let once = Config::builder().retry_config(RetryConfig::disabled());
    call.customize().config_override(once).send().await
}

/// Shows the prompt. The code is shown even if the URL contains it (RFC 8628 §3.3.1).
fn show(device: &StartDeviceAuthorizationOutput) {
    let plain = device.verification_uri().unwrap_or_default();
    let url = device.verification_uri_complete().unwrap_or(plain);
    let code = device.user_code().unwrap_or_default();
    eprintln!("To sign in, open this page in a browser, on any device:\n\n    {url}\n");
    eprintln!("Check that it shows this code, or enter it:\n\n    {code}\n");
    eprintln!("Approve only if you started this sign-in yourself.");
}

/// Returns whether the error is transient, so that another attempt may succeed.
fn is_passing<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error.raw_response() {
        Some(response) => matches!(response.status().as_u16(), 429 | 500..),
        None => matches!(error, SdkError::TimeoutError(_) | SdkError::DispatchFailure(_)),
    }
}

/// Formats an error: the service's message, else the causes. (`DisplayErrorContext` ends in a Debug dump.)
fn explain<E: ProvideErrorMetadata + std::error::Error + 'static>(
    error: &SdkError<E, HttpResponse>,
) -> String {
    if let Some(code) = error.code() {
        return format!("the service answered {code}");
    }
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Returns the wall-clock time, in seconds since 1970.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Writes the file atomically.
fn save(file: &Path, kept: &Kept) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(file.parent().unwrap_or(Path::new("")))?;
    new.write_all(&serde_json::to_vec(kept)?)?;
    new.as_file().sync_all()?;
    new.persist(file)?;
    Ok(())
}
