//! The wire layer's types inside a saved flow. They have no `serde` of their own, because a [`Secret`] has none; here
//! is the one place where it is written in the clear.

use core::time::Duration;

use http::header::CONTENT_ENCODING;
use oidc_proto::{
    Answer, Client, ClientAuthentication, CreateTokenRequest, DeviceAuthorization, Dialect, Fault, FaultCode,
    NoVerdict, NoVerdictReason, Registration, Secret, UnixSeconds,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Failure, Trouble};

/// A secret, in the clear.
#[derive(Clone)]
pub(super) struct Exposed(pub(super) Secret);

impl Serialize for Exposed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

impl<'de> Deserialize<'de> for Exposed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RegistrationForm {
    client_id: String,
    client_secret: Option<Exposed>,
    basic_authentication: bool,
    issued_at: Option<i64>,
    expires_at: Option<i64>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
}

impl RegistrationForm {
    pub(super) fn of(registration: &Registration) -> Self {
        let client = &registration.client;
        Self {
            client_id: client.id.clone(),
            client_secret: client.secret.clone().map(Exposed),
            basic_authentication: client.authentication == ClientAuthentication::Basic,
            issued_at: registration.issued_at.map(UnixSeconds::get),
            expires_at: registration.expires_at.map(UnixSeconds::get),
            authorization_endpoint: registration.authorization_endpoint.clone(),
            token_endpoint: registration.token_endpoint.clone(),
        }
    }

    pub(super) fn restore(self) -> Registration {
        let mut client = Client::public(self.client_id);
        client.secret = self.client_secret.map(|secret| secret.0);
        if self.basic_authentication {
            client = client.with_basic_authentication();
        }
        let mut registration = Registration::new(client);
        registration.issued_at = self.issued_at.map(UnixSeconds::new);
        registration.expires_at = self.expires_at.map(UnixSeconds::new);
        registration.authorization_endpoint = self.authorization_endpoint;
        registration.token_endpoint = self.token_endpoint;
        registration
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct AuthorizationForm {
    device_code: Exposed,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    expires_in: Duration,
    interval: Option<Duration>,
}

impl AuthorizationForm {
    pub(super) fn of(authorization: &DeviceAuthorization) -> Self {
        Self {
            device_code: Exposed(authorization.device_code.clone()),
            user_code: authorization.user_code.clone(),
            verification_uri: authorization.verification_uri.clone(),
            verification_uri_complete: authorization.verification_uri_complete.clone(),
            expires_in: authorization.expires_in,
            interval: authorization.interval,
        }
    }

    pub(super) fn restore(self) -> DeviceAuthorization {
        let mut authorization = DeviceAuthorization::new(
            self.device_code.0,
            self.user_code,
            self.verification_uri,
            self.expires_in,
        );
        authorization.verification_uri_complete = self.verification_uri_complete;
        authorization.interval = self.interval;
        authorization
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TroubleForm {
    NotSent,
    ProxyRefused,
    Lost,
    NoVerdict {
        status: u16,
        body: String,
        retry_after: Option<Duration>,
        request_id: Option<String>,
        said: Option<String>,
        location: Option<String>,
    },
    Fault(Box<FaultForm>),
}

impl TroubleForm {
    pub(super) fn of(trouble: &Trouble) -> Self {
        match trouble {
            Trouble::Failed(Failure::NotSent) => Self::NotSent,
            Trouble::Failed(Failure::ProxyRefused) => Self::ProxyRefused,
            Trouble::Failed(Failure::Unknown) => Self::Lost,
            Trouble::NoVerdict(answer) => Self::NoVerdict {
                status: answer.status,
                body: smallest_body(answer.reason).to_owned(),
                retry_after: answer.retry_after,
                request_id: answer.request_id.clone(),
                said: answer.said.clone(),
                location: answer.location.clone(),
            },
            Trouble::Fault(fault) => Self::Fault(Box::new(FaultForm::of(fault))),
        }
    }

    pub(super) fn restore(self) -> Trouble {
        match self {
            Self::NotSent => Trouble::Failed(Failure::NotSent),
            Self::ProxyRefused => Trouble::Failed(Failure::ProxyRefused),
            Self::Lost => Trouble::Failed(Failure::Unknown),
            Self::NoVerdict { status, body, retry_after, request_id, said, location } => {
                match no_verdict(status, &body) {
                    Some(mut answer) => {
                        answer.retry_after = retry_after;
                        answer.request_id = request_id;
                        answer.said = said;
                        answer.location = location;
                        Trouble::NoVerdict(answer)
                    }
                    // Not a response at all, so no answer came.
                    None => Trouble::Failed(Failure::Unknown),
                }
            }
            Self::Fault(fault) => Trouble::Fault(fault.restore()),
        }
    }
}

/// The smallest body that is no verdict for this reason. A [`NoVerdict`] is what the wire layer makes of a response and
/// nothing else, so it is kept as the response that it is made of.
const fn smallest_body(reason: NoVerdictReason) -> &'static str {
    match reason {
        NoVerdictReason::Redirect | NoVerdictReason::EmptyBody => "",
        NoVerdictReason::Html => "<",
        NoVerdictReason::Encoded => ENCODED,
        NoVerdictReason::CutBody => "{",
        NoVerdictReason::NotAnObject => "[]",
        NoVerdictReason::UnnamedError => "{}",
        NoVerdictReason::NotJson => "?",
        _ => "?",
    }
}

/// With this body goes a header that says so.
const ENCODED: &str = "\u{1f}";

fn no_verdict(status: u16, body: &str) -> Option<NoVerdict> {
    let coding = if body == ENCODED { "gzip" } else { "identity" };
    let response = http::Response::builder().status(status).header(CONTENT_ENCODING, coding);
    let response = response.body(body).ok()?;
    match Dialect::Aws.decode::<CreateTokenRequest, _>(&response) {
        Answer::NoVerdict(answer) => Some(answer),
        Answer::Success(_) | Answer::Fault(_) | Answer::Violation(_) => None,
    }
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct FaultForm {
    code: CodeForm,
    description: Option<String>,
    uri: Option<String>,
    reason: Option<String>,
    endpoint: Option<String>,
    region: Option<String>,
    status: u16,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    interval: Option<Duration>,
}

/// A code by the name of its exception, which tells all known ones apart.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CodeForm {
    Known(String),
    Other(String),
}

impl FaultForm {
    fn of(fault: &Fault) -> Self {
        Self {
            code: if let FaultCode::Other(text) = &fault.code {
                CodeForm::Other(text.clone())
            } else {
                CodeForm::Known(fault.code.exception().to_owned())
            },
            description: fault.description.clone(),
            uri: fault.uri.clone(),
            reason: fault.reason.clone(),
            endpoint: fault.endpoint.clone(),
            region: fault.region.clone(),
            status: fault.status,
            request_id: fault.request_id.clone(),
            retry_after: fault.retry_after,
            interval: fault.interval,
        }
    }

    fn restore(self) -> Fault {
        let mut fault = Fault::new(match self.code {
            CodeForm::Known(name) => FaultCode::from_exception(&name).unwrap_or(FaultCode::Other(name)),
            CodeForm::Other(text) => FaultCode::Other(text),
        });
        fault.description = self.description;
        fault.uri = self.uri;
        fault.reason = self.reason;
        fault.endpoint = self.endpoint;
        fault.region = self.region;
        fault.status = self.status;
        fault.request_id = self.request_id;
        fault.retry_after = self.retry_after;
        fault.interval = self.interval;
        fault
    }
}
