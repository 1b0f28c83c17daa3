//! The endpoints of the control API. Bodies and responses are JSON.

use core::time::Duration;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use device_authority::{Digest, PersonError, StoreError, UserDecision};
use http::header::{ALLOW, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use oidc_proto::{Fault, Operation, Secret};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Answer;
use super::operations::Device;
use crate::{Handle, RecordedRequest, parse_duration};

/// The longest wait for requests. A client's own limit is hardly longer.
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// The wait for requests without `timeout`.
const WAIT: Duration = Duration::from_secs(10);

/// An error: its status, its name, and the text.
pub(super) struct Refusal(StatusCode, &'static str, String);

/// All endpoints. The crate's documentation has the same table, and a test compares the two.
pub(super) const ENDPOINTS: &[(&str, &[Method])] = &[
    ("/_control/requests", &[Method::GET]),
    ("/_control/devices", &[Method::GET]),
    ("/_control/approve", &[Method::POST]),
    ("/_control/deny", &[Method::POST]),
    ("/_control/expire", &[Method::POST]),
    ("/_control/revoke", &[Method::POST]),
    ("/_control/clock", &[Method::GET, Method::POST]),
    #[cfg(feature = "faults")]
    ("/_control/faults", &[Method::POST]),
    #[cfg(feature = "script")]
    ("/_control/script", &[Method::POST]),
    ("/_control/reset", &[Method::POST]),
];

/// Returns the response to a request. It never fails: every error becomes a response.
pub(super) async fn answer(
    handle: &Handle,
    token: &Digest,
    head: &Parts,
    body: impl Future<Output = Result<Bytes, Fault>>,
) -> Answer {
    let path = head.uri.path();
    let methods = ENDPOINTS.iter().find(|(known, _)| *known == path).map(|(_, methods)| *methods);
    let answered = if !is_authorized(&head.headers, token) {
        let why = "the request has no Authorization header with the control token: Bearer TOKEN";
        Err(Refusal(StatusCode::UNAUTHORIZED, "unauthorized", why.to_owned()))
    } else {
        match methods {
            None => {
                let why = format!("there is no {path}; see {}", list());
                Err(Refusal(StatusCode::NOT_FOUND, "unknown_path", why))
            }
            Some(methods) if !methods.contains(&head.method) => {
                let why = format!("{path} takes {}", names(methods));
                Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", why))
            }
            Some(_) if path == "/_control/requests" => requests(handle, head).await,
            Some(_) => match body.await {
                Ok(body) => perform(handle, &head.method, path, &body).await.map(|value| json(&value)),
                Err(fault) => Err(of_body(fault)),
            },
        }
    };
    let mut response = answered.unwrap_or_else(Refusal::response);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match response.status() {
        StatusCode::UNAUTHORIZED => {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            if let Ok(allowed) = HeaderValue::from_str(&names(methods.unwrap_or_default())) {
                response.headers_mut().insert(ALLOW, allowed);
            }
        }
        _ => {}
    }
    response
}

/// Returns whether the request has the token (RFC 6750 §2.1).
fn is_authorized(headers: &HeaderMap, token: &Digest) -> bool {
    let text = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some((scheme, offered)) = text.split_once(' ') else { return false };
    scheme.eq_ignore_ascii_case("Bearer") && token.matches(&Secret::from(offered))
}

fn names(methods: &[Method]) -> String {
    methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ")
}

fn list() -> String {
    ENDPOINTS.iter().map(|(path, _)| *path).collect::<Vec<_>>().join(", ")
}

fn json(value: &Value) -> Answer {
    with_type(format!("{value}\n").into_bytes(), "application/json")
}

fn with_type(body: Vec<u8>, content_type: &'static str) -> Answer {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Returns the refusal of a body that cannot be read.
fn of_body(fault: Fault) -> Refusal {
    let status = StatusCode::from_u16(fault.status).ok();
    let why = fault.description.unwrap_or_default();
    Refusal(status.unwrap_or(StatusCode::BAD_REQUEST), "invalid_body", why)
}

fn bad(why: impl Into<String>) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, "invalid_request", why.into())
}

impl Refusal {
    fn response(self) -> Answer {
        let Self(status, error, message) = self;
        let mut response = json(&json!({ "error": error, "message": message }));
        *response.status_mut() = status;
        response
    }
}

impl From<PersonError> for Refusal {
    fn from(error: PersonError) -> Self {
        let (status, name) = match error {
            PersonError::NotACode => (StatusCode::BAD_REQUEST, "invalid_request"),
            PersonError::Unknown => (StatusCode::NOT_FOUND, "unknown_user_code"),
            PersonError::NoSuchPerson => (StatusCode::NOT_FOUND, "unknown_person"),
            PersonError::Expired => (StatusCode::CONFLICT, "expired"),
            PersonError::Decided => (StatusCode::CONFLICT, "decided"),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
        };
        Self(status, name, error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "an operation of the control API failed");
        let why = "the server cannot reach its store".to_owned();
        Self(StatusCode::SERVICE_UNAVAILABLE, "unavailable", why)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfUserCode {
    user_code: String,
}

/// Without a subject, the first person approves.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfApproval {
    user_code: String,
    subject: Option<String>,
}

/// One of the two.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSignIn {
    client_id: Option<String>,
    token: Option<String>,
}

/// One of the two. A number means seconds, for `set` since 1970.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfClock {
    advance: Option<Value>,
    set: Option<Value>,
}

#[cfg(feature = "faults")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfFaults {
    faults: Vec<String>,
}

#[cfg(feature = "script")]
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfScript {
    // Without this attribute a missing member would end the script.
    #[serde(deserialize_with = "Option::deserialize")]
    script: Option<String>,
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| bad(format!("the body is not what this takes: {error}")))
}

/// Performs all operations but the list of requests.
async fn perform(handle: &Handle, method: &Method, path: &str, body: &[u8]) -> Result<Value, Refusal> {
    let decide = async |decision| {
        let OfUserCode { user_code } = read(body)?;
        handle.settle(&user_code, decision).await?;
        Ok(json!({}))
    };
    match path {
        "/_control/approve" => {
            let OfApproval { user_code, subject } = read(body)?;
            handle.settle(&user_code, handle.approval_of(subject.as_deref())?).await?;
            Ok(json!({}))
        }
        "/_control/deny" => decide(UserDecision::Deny).await,
        "/_control/expire" => decide(UserDecision::Expire).await,
        "/_control/devices" => {
            let devices = handle.list_devices().await?;
            Ok(json!({ "devices": devices.iter().map(device).collect::<Vec<_>>() }))
        }
        "/_control/revoke" => revoke(handle, read(body)?).await,
        "/_control/clock" => {
            if method == Method::POST {
                move_clock(handle, &read(body)?)?;
            }
            Ok(json!({ "time": seconds(handle.time()) }))
        }
        #[cfg(feature = "faults")]
        "/_control/faults" => set_faults(handle, &read::<OfFaults>(body)?.faults),
        #[cfg(feature = "script")]
        "/_control/script" => {
            let OfScript { script } = read(body)?;
            let script = script.map_or_else(|| Ok(crate::Script::default()), |script| script.parse());
            let script = script.map_err(|error| bad(format!("the script: {error}")))?;
            handle.set_script(script).map_err(|error| bad(error.to_string()))?;
            Ok(json!({}))
        }
        // The only one that is left.
        _ => match handle.reset() {
            Ok(()) => Ok(json!({})),
            Err(error) => Err(Refusal(StatusCode::CONFLICT, "not_reset", error.to_string())),
        },
    }
}

async fn revoke(handle: &Handle, asked: OfSignIn) -> Result<Value, Refusal> {
    let ended = match (asked.client_id, asked.token) {
        (Some(client_id), None) => handle.end_client(&client_id).await?,
        (None, Some(token)) => usize::from(handle.end_token(&Secret::new(token)).await?),
        _ => return Err(bad("the body has either client_id or token")),
    };
    if ended == 0 {
        let why = "there is no such sign-in".to_owned();
        return Err(Refusal(StatusCode::NOT_FOUND, "unknown_sign_in", why));
    }
    Ok(json!({ "ended": ended }))
}

fn move_clock(handle: &Handle, asked: &OfClock) -> Result<(), Refusal> {
    const NO_DURATION: &str = "expected a number of seconds, or a duration such as \"10m\"";
    let duration = |value: &Value| match value {
        Value::Number(number) => {
            number.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        }
        Value::String(text) => parse_duration(text),
        _ => None,
    };
    match (&asked.advance, &asked.set) {
        (Some(by), None) => handle.advance(duration(by).ok_or_else(|| bad(NO_DURATION))?),
        (None, Some(to)) => {
            let since_epoch = Some(to).filter(|to| to.is_number()).and_then(duration);
            let time = since_epoch.and_then(|time| UNIX_EPOCH.checked_add(time));
            let time = time.ok_or_else(|| bad("expected the seconds since 1970 as a number"))?;
            handle
                .set_time(time)
                .map_err(|error| Refusal(StatusCode::CONFLICT, "time_in_past", error.to_string()))?;
        }
        _ => return Err(bad("the body has either advance or set")),
    }
    Ok(())
}

#[cfg(feature = "faults")]
fn set_faults(handle: &Handle, faults: &[String]) -> Result<Value, Refusal> {
    let rules = faults.iter().map(|text| {
        text.parse().map_err(|error| bad(format!("the fault `{}`: {error}", oidc_proto::printable(text))))
    });
    handle.set_faults(rules.collect::<Result<_, _>>()?).map_err(|error| bad(error.to_string()))?;
    Ok(json!({ "faults": faults }))
}

/// Returns the latest requests, one per line.
async fn requests(handle: &Handle, head: &Parts) -> Result<Answer, Refusal> {
    let (mut after, mut count, mut timeout, mut operation) = (0, 0, WAIT, None);
    for (name, value) in form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()) {
        let number = || value.parse::<u32>().map_err(|_| bad(format!("{name} is not a whole number")));
        match &*name {
            "after" => after = u64::from(number()?),
            "wait" => count = number()? as usize,
            "timeout" => timeout = Duration::from_secs(number()?.into()).min(LONGEST_WAIT),
            "operation" => operation = Some(named(&value)?),
            _ => return Err(bad("there are only the parameters after, wait, timeout and operation")),
        }
    }
    let wanted = |request: &RecordedRequest| {
        request.number > after && (operation.is_none() || request.operation == operation)
    };
    let requests = handle.state.records.wait(count, timeout, wanted).await;
    let lines: String = requests.iter().map(|one| format!("{}\n", request(handle, one))).collect();
    Ok(with_type(lines.into_bytes(), "application/x-ndjson"))
}

/// Returns the operation of this name in the API model.
fn named(name: &str) -> Result<Operation, Refusal> {
    let all = || {
        Operation::SIGN_IN
            .iter()
            .chain([&Operation::RevokeToken, &Operation::IntrospectToken])
            .chain(Operation::PORTAL)
    };
    all().find(|operation| operation.name() == name).copied().ok_or_else(|| {
        let names: Vec<_> = all().map(|operation| operation.name()).collect();
        bad(format!("the operation is one of {}", names.join(", ")))
    })
}

/// Returns a time as seconds since 1970, to the millisecond.
fn seconds(time: std::time::SystemTime) -> Value {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    json!(Duration::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX)).as_secs_f64())
}

fn request(handle: &Handle, request: &RecordedRequest) -> Value {
    let time = UNIX_EPOCH.checked_add(handle.state.clock.at(request.at).since_epoch());
    #[cfg(feature = "faults")]
    let injected = request.injected.map(crate::InjectedFault::name);
    #[cfg(not(feature = "faults"))]
    let injected = None::<&str>;
    json!({
        "number": request.number,
        "time": seconds(time.unwrap_or(UNIX_EPOCH)),
        "method": request.method,
        "path": request.path,
        "operation": request.operation.map(Operation::name),
        "status": request.status,
        "error": request.error,
        "client_id": request.client_id,
        "client_name": request.client_name,
        "scopes": request.scopes,
        "start_url": request.start_url,
        "user_code": request.user_code,
        "grant_type": request.grant_type,
        "injected": injected,
    })
}

fn device(device: &Device) -> Value {
    json!({
        "user_code": device.user_code,
        "client_id": device.client_id,
        "client_name": device.client_name,
        "scopes": device.scopes,
        "start_url": device.start_url,
        "state": device.status.name(),
        "approved_by": device.approved_by.map(|subject| subject.to_string()),
        "expires": seconds(device.expires_at),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_documentation_has_the_table_of_endpoints() {
        let mut documented = BTreeSet::new();
        for row in include_str!("about.md").lines().filter_map(|line| line.strip_prefix("| `/")) {
            let (path, rest) = row.split_once("` | ").unwrap();
            let (methods, _) = rest.split_once(" | ").unwrap();
            documented.insert((format!("/{path}"), methods.to_owned()));
        }
        let endpoints = ENDPOINTS.iter().map(|(path, methods)| ((*path).to_owned(), names(methods)));
        let mut all: BTreeSet<_> = endpoints.collect();
        all.extend(["faults", "script"].map(|name| (format!("/_control/{name}"), "POST".to_owned())));
        assert_eq!(documented, all);
    }
}
