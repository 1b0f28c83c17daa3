//! The parsers of this project against serde_json's values: if both accept a text, they agree on every member.

use core::time::Duration;

use http::{Response, StatusCode};
use oidc_proto::oauth::Metadata;
use oidc_proto::{
    Answer, CreateTokenRequest, Dialect, FaultCode, IndeterminateReason, InvalidResponse,
    InvalidResponseKind, Operation, RegisterClientRequest, Secret, ServerRequest,
    StartDeviceAuthorizationRequest, UnixSeconds,
};
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// Reads a body as each response and each request of one dialect. The first byte is the dialect (`a` or `o`), the
/// second the status, success (`s`) or error (`e`); the rest is the body.
pub fn differential(data: &[u8]) {
    let [dialect, status, body @ ..] = data else { return };
    let dialect = if dialect % 2 == 0 { Dialect::OAuth } else { Dialect::Aws };
    let status = if status % 2 == 0 { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let Ok(Value::Object(object)) = serde_json::from_slice::<Value>(body) else { return };
    let spelling = Spelling { dialect, object: &object };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    registration(&spelling, &response);
    authorization(&spelling, &response);
    token(&spelling, &response);
    requests(&spelling, body);
    if dialect == Dialect::OAuth {
        metadata(&object, &response);
    }
}

/// An object with the spelling of its members.
struct Spelling<'a> {
    dialect: Dialect,
    object: &'a Object,
}

/// The value of a member.
#[derive(Clone, Copy, PartialEq)]
enum Kind<T> {
    Absent,
    Is(T),
    Wrong,
}

impl<'a> Spelling<'a> {
    fn member(&self, snake: &str) -> &'a Value {
        let name = if self.dialect == Dialect::Aws { camel(snake) } else { snake.to_owned() };
        self.object.get(&name).unwrap_or(&Value::Null)
    }

    /// Returns the members that are in no success of the OAuth dialect.
    fn extra(&self) -> Option<Value> {
        const SUCCESS: [&str; 20] = [
            "client_id",
            "client_secret",
            "client_id_issued_at",
            "client_secret_expires_at",
            "token_endpoint_auth_method",
            "authorization_endpoint",
            "token_endpoint",
            "device_code",
            "user_code",
            "verification_uri",
            "verification_url",
            "verification_uri_complete",
            "verification_url_complete",
            "interval",
            "access_token",
            "token_type",
            "refresh_token",
            "id_token",
            "scope",
            "expires_in",
        ];
        let mut object = self.object.clone();
        object.retain(|name, _| !SUCCESS.contains(&name.as_str()));
        (self.dialect == Dialect::OAuth && !object.is_empty()).then(|| object.into())
    }

    fn text(&self, snake: &str) -> Option<&'a str> {
        self.member(snake).as_str().filter(|text| !text.is_empty())
    }

    /// Returns the number, with a fraction rounded this way.
    fn rounded(&self, snake: &str, round: fn(f64) -> f64) -> Kind<i64> {
        match self.member(snake) {
            Value::Null => Kind::Absent,
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(whole), _) => Kind::Is(whole),
                (None, Some(_)) => Kind::Is(i64::MAX),
                (None, None) => Kind::Is(round(number.as_f64().unwrap()) as i64),
            },
            Value::String(text) => {
                match (text.trim().parse::<i64>(), serde_json::from_str::<f64>(text.trim())) {
                    (Ok(whole), _) => Kind::Is(whole),
                    (Err(_), Ok(fraction)) => Kind::Is(round(fraction) as i64),
                    _ => Kind::Wrong,
                }
            }
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => Kind::Wrong,
        }
    }

    fn number(&self, snake: &str) -> Kind<i64> {
        self.rounded(snake, f64::floor)
    }

    /// Returns the violation of a required text, if any.
    fn text_is_bad(&self, snake: &str) -> Option<InvalidResponseKind> {
        match self.member(snake) {
            Value::Null => Some(InvalidResponseKind::Missing),
            Value::String(text) if text.is_empty() => Some(InvalidResponseKind::Empty),
            Value::String(_) => None,
            _ => Some(InvalidResponseKind::WrongType),
        }
    }

    fn lifetime_is_bad(&self, snake: &str, must: bool) -> Option<InvalidResponseKind> {
        match self.number(snake) {
            Kind::Absent => must.then_some(InvalidResponseKind::Missing),
            Kind::Is(seconds) if seconds > 0 => None,
            Kind::Is(_) => Some(InvalidResponseKind::OutOfRange),
            Kind::Wrong => Some(InvalidResponseKind::WrongType),
        }
    }

    fn duration(&self, snake: &str) -> Option<Duration> {
        duration(self.number(snake))
    }

    /// Returns a minimum wait, with fractions of a second rounded up.
    fn wait(&self, snake: &str) -> Option<Duration> {
        duration(self.rounded(snake, f64::ceil))
    }

    fn time(&self, snake: &str) -> Option<UnixSeconds> {
        match self.number(snake) {
            Kind::Is(seconds) => Some(UnixSeconds::new(seconds)),
            Kind::Absent | Kind::Wrong => None,
        }
    }

    fn broken(&self, invalid: &InvalidResponse, bad: &[(&str, Option<InvalidResponseKind>)]) {
        let first = bad.iter().find_map(|(snake, kind)| kind.map(|kind| (*snake, kind)));
        let (snake, kind) = first.unwrap_or_else(|| panic!("nothing is wrong, but {invalid}"));
        let name = if self.dialect == Dialect::Aws { camel(snake) } else { snake.to_owned() };
        assert_eq!((invalid.member, invalid.kind), (name.as_str(), kind));
    }

    /// Checks a response without success: the fault, or an indeterminate response if it names no error.
    fn is_no_success<T: core::fmt::Debug>(&self, status: StatusCode, answer: &Answer<T>) {
        let own = |name: &str| self.object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let error = own("error");
        let shapes = if status.is_success() { [None, None] } else { [own("__type"), own("code")] };
        match answer {
            Answer::Fault(fault) => {
                let named = shapes.into_iter().flatten().find_map(FaultCode::from_exception);
                let by_error = [error, shapes[1]].into_iter().flatten().find_map(FaultCode::from_error);
                let strict = named.or(by_error);
                match &strict {
                    Some(known) => assert_eq!(fault.code, *known),
                    // Another member, or another spelling, may have named it.
                    None => assert!(
                        matches!(fault.code, FaultCode::Other(_))
                            || is_named(self.object, fault.code.error())
                            || is_named(self.object, fault.code.exception().trim_end_matches("Exception")),
                        "{fault}"
                    ),
                }
                if strict.is_none() {
                    return;
                }
                if self.dialect == Dialect::OAuth
                    && let (FaultCode::Other(text), Some(error)) = (&fault.code, error)
                {
                    assert!(
                        *text == oidc_proto::printable(error)
                            || oidc_proto::printable(error).trim().is_empty()
                    );
                }
                if let Some(words) = own("error_description").or_else(|| own("message")) {
                    assert_eq!(fault.description.as_deref(), Some(words));
                }
                assert_eq!(fault.reason.as_deref(), own("reason"));
                assert_eq!(fault.endpoint.as_deref(), own("endpoint"));
            }
            Answer::Indeterminate(none) => {
                assert_eq!(none.reason, IndeterminateReason::UnnamedError, "both readers see an object");
                assert!(!status.is_success());
            }
            Answer::Success(_) | Answer::InvalidResponse(_) => {
                assert!(status.is_success());
                // A token counts, whatever the other members are.
                let is_granted = self.text("access_token").is_some();
                assert!(
                    is_granted || error.is_none_or(|error| oidc_proto::printable(error).trim().is_empty()),
                    "{error:?}"
                );
            }
        }
    }
}

/// Returns whether any text in the object is this code, in any spelling.
fn is_named(object: &Object, code: &str) -> bool {
    let plain = |text: &str| -> String {
        let letters = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>();
        letters.to_ascii_lowercase()
    };
    let wanted = plain(code);
    object.values().any(|value| match value {
        Value::String(text) => plain(text).contains(&wanted),
        Value::Array(values) => values.iter().any(|value| plain(&value.to_string()).contains(&wanted)),
        Value::Object(_) => plain(&value.to_string()).contains(&wanted),
        _ => false,
    })
}

fn duration(seconds: Kind<i64>) -> Option<Duration> {
    match seconds {
        Kind::Is(seconds) => Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))),
        Kind::Absent | Kind::Wrong => None,
    }
}

fn camel(snake: &str) -> String {
    let mut words = snake.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(1);
        name + &initial.to_ascii_uppercase() + rest
    })
}

fn shown(secret: Option<&Secret>) -> Option<&str> {
    secret.map(Secret::expose)
}

fn registration(said: &Spelling<'_>, response: &Response<&[u8]>) {
    let answer = said.dialect.decode::<RegisterClientRequest, _>(response);
    said.is_no_success(response.status(), &answer);
    let aws = said.dialect == Dialect::Aws;
    match answer {
        Answer::Success(read) => {
            assert_eq!(Some(read.client.id.as_str()), said.text("client_id"));
            let is_public = !aws && said.text("token_endpoint_auth_method") == Some("none");
            let secret = said.text("client_secret").filter(|_| !is_public);
            assert_eq!(shown(read.client.secret.as_ref()), secret);
            assert!(!aws || read.client.secret.is_some());
            assert_eq!(read.issued_at, said.time("client_id_issued_at"));
            let end = said.time("client_secret_expires_at").filter(|end| end.get() != 0);
            assert_eq!(read.expires_at, end);
            let url = |name| said.text(name).filter(|_| aws);
            assert_eq!(read.authorization_endpoint.as_deref(), url("authorization_endpoint"));
            assert_eq!(read.token_endpoint.as_deref(), url("token_endpoint"));
        }
        Answer::InvalidResponse(invalid) => {
            let secret = said.text_is_bad("client_secret").filter(|_| aws);
            let known = ["none", "client_secret_basic", "client_secret_post"];
            let method =
                said.text("token_endpoint_auth_method").filter(|method| !aws && !known.contains(method));
            said.broken(
                &invalid,
                &[
                    ("client_id", said.text_is_bad("client_id")),
                    ("client_secret", secret),
                    ("token_endpoint_auth_method", method.map(|_| InvalidResponseKind::Unsupported)),
                ],
            );
        }
        Answer::Fault(_) | Answer::Indeterminate(_) => {}
    }
}

fn authorization(said: &Spelling<'_>, response: &Response<&[u8]>) {
    // Google's spelling is the same member. If both are present, the last one counts.
    let google = |name: &str| said.dialect == Dialect::OAuth && said.object.contains_key(name);
    if google("verification_url") || google("verification_url_complete") {
        return;
    }
    let answer = said.dialect.decode::<StartDeviceAuthorizationRequest, _>(response);
    said.is_no_success(response.status(), &answer);
    match answer {
        Answer::Success(read) => {
            assert_eq!(Some(read.device_code.expose()), said.text("device_code"));
            assert_eq!(Some(read.user_code.as_str()), said.text("user_code"));
            let complete = said.text("verification_uri_complete");
            assert_eq!(Some(read.verification_uri.as_str()), said.text("verification_uri").or(complete));
            assert_eq!(read.verification_uri_complete.as_deref(), said.text("verification_uri_complete"));
            assert_eq!(Some(read.expires_in), said.duration("expires_in"));
            assert_eq!(read.interval, said.wait("interval"));
        }
        Answer::InvalidResponse(invalid) => {
            let mut bad = ["device_code", "user_code", "verification_uri"]
                .map(|name| (name, said.text_is_bad(name)))
                .to_vec();
            if said.text("verification_uri_complete").is_some() {
                bad[2].1 = None;
            }
            bad.push(("expires_in", said.lifetime_is_bad("expires_in", true)));
            said.broken(&invalid, &bad);
        }
        Answer::Fault(_) | Answer::Indeterminate(_) => {}
    }
}

fn token(said: &Spelling<'_>, response: &Response<&[u8]>) {
    let answer = said.dialect.decode::<CreateTokenRequest, _>(response);
    said.is_no_success(response.status(), &answer);
    let aws = said.dialect == Dialect::Aws;
    match answer {
        Answer::Success(read) => {
            assert_eq!(Some(read.access_token.expose()), said.text("access_token"));
            let kind = said.text("token_type").map(str::trim).filter(|kind| !kind.is_empty());
            assert_eq!(read.token_type, kind.unwrap_or("Bearer"));
            assert_eq!(read.expires_in, said.duration("expires_in").filter(|life| !life.is_zero()));
            assert_eq!(shown(read.refresh_token.as_ref()), said.text("refresh_token"));
            assert_eq!(shown(read.id_token.as_ref()), said.text("id_token"));
            let scopes: Vec<&str> = match said.member("scope") {
                Value::String(text) => vec![text],
                Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
                _ => Vec::new(),
            };
            let words =
                scopes.iter().flat_map(|text| text.split(|c: char| c.is_ascii_whitespace() || c == ','));
            let scope = Some(words.filter(|word| !word.is_empty()).collect::<Vec<_>>()).filter(|_| !aws);
            let scope = scope.filter(|scope| !scope.is_empty());
            assert_eq!(read.scope.as_ref().map(|scope| scope.iter().map(String::as_str).collect()), scope);
            let extra = read.extra.map(|extra| serde_json::from_str(extra.expose()).expect("it is JSON"));
            assert_eq!(extra, said.extra());
        }
        Answer::InvalidResponse(invalid) => {
            said.broken(&invalid, &[("access_token", said.text_is_bad("access_token"))]);
        }
        Answer::Fault(_) | Answer::Indeterminate(_) => {}
    }
}

/// Returns a request's list of strings: absent, `null` and empty are equal.
fn texts(value: &Value) -> Vec<String> {
    let list = value.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|item| item.as_str().expect("only strings were accepted").to_owned()).collect()
}

fn requests(said: &Spelling<'_>, body: &[u8]) {
    for operation in Operation::SIGN_IN.iter().copied() {
        let Ok(read) = said.dialect.decode_http_request(operation, &http::HeaderMap::new(), body) else {
            continue;
        };
        match read {
            ServerRequest::RegisterClient(read) => {
                assert_eq!(read.redirect_uris, texts(said.member("redirect_uris")));
                assert_eq!(read.grant_types, texts(said.member("grant_types")));
                assert_eq!(read.client_name, said.text("client_name").unwrap_or_default());
                if said.dialect == Dialect::Aws {
                    assert_eq!(Some(read.client_type.as_str()), said.text("client_type"));
                    assert_eq!(read.scopes, texts(said.member("scopes")));
                    assert_eq!(read.issuer_url.as_deref(), said.text("issuer_url"));
                    let application = said.text("entitled_application_arn");
                    assert_eq!(read.entitled_application_arn.as_deref(), application);
                } else {
                    let method = said.text("token_endpoint_auth_method");
                    assert_eq!(read.client_type == "public", method == Some("none"));
                    let algorithm = said.text("id_token_signed_response_alg");
                    assert_eq!(read.id_token_signed_response_alg.as_deref(), algorithm);
                }
            }
            ServerRequest::StartDeviceAuthorization(read) => {
                assert_eq!(Some(read.client.id.as_str()), said.text("client_id"));
                assert_eq!(shown(read.client.secret.as_ref()), said.text("client_secret"));
                assert_eq!(read.start_url.as_deref(), said.text("start_url"));
            }
            ServerRequest::CreateToken(read) => {
                assert_eq!(Some(read.client.id.as_str()), said.text("client_id"));
                assert_eq!(shown(read.client.secret.as_ref()), said.text("client_secret"));
                assert_eq!(Some(read.grant.grant_type()), said.text("grant_type"));
                assert_eq!(read.scope, texts(said.member("scope")));
            }
        }
    }
}

fn metadata(object: &Object, response: &Response<&[u8]>) {
    let said = Spelling { dialect: Dialect::OAuth, object };
    let Some(issuer) = said.text("issuer") else { return };
    let Ok(read) = Metadata::decode(issuer.trim(), response) else { return };
    assert_eq!(read.issuer, issuer);
    assert_eq!(read.device_authorization_endpoint.as_deref(), said.text("device_authorization_endpoint"));
    assert_eq!(read.token_endpoint.as_deref(), said.text("token_endpoint"));
    assert_eq!(read.registration_endpoint.as_deref(), said.text("registration_endpoint"));
    assert_eq!(read.revocation_endpoint.as_deref(), said.text("revocation_endpoint"));
    assert_eq!(read.introspection_endpoint.as_deref(), said.text("introspection_endpoint"));
    assert_eq!(read.userinfo_endpoint.as_deref(), said.text("userinfo_endpoint"));
    let is_list = |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    for (name, list) in [
        ("grant_types_supported", &read.grant_types_supported),
        ("token_endpoint_auth_methods_supported", &read.token_endpoint_auth_methods_supported),
        ("scopes_supported", &read.scopes_supported),
        ("claims_supported", &read.claims_supported),
    ] {
        let value = said.member(name);
        // A value that is not a list of strings counts as absent.
        let expected = if is_list(value) { texts(value) } else { Vec::new() };
        assert_eq!(*list, expected, "{name}");
    }
}
