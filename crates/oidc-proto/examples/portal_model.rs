//! Prints what this crate makes of the API model of AWS's portal, as JSON: operations, members with their places and
//! types, which of them must be there, which are secret, and the faults.
//!
//! No name of a member is listed by hand. A request is encoded, and each place that carries one of its values is a
//! member: the query, or a header. The members of a success are those of its body. A member is required if the
//! message is refused without it. It is secret if `Debug` does not print its value.
//! `xtask/interop/test_portal_model.py` compares the output with the model inside botocore.

use core::fmt::Debug;

use http::{HeaderMap, Response, StatusCode};
use oidc_proto::portal::{
    AccountInfo, GetRoleCredentialsRequest, ListAccountRolesRequest, ListAccountsRequest, LogoutRequest,
    Page, PortalCall, PortalFault, RoleCredentials, RoleInfo, bearer_token, encode_fault,
};
use oidc_proto::{Answer, Endpoint, Secret, Service, UnixSeconds};
use serde_json::{Map, Value, json};

/// Members by their names.
type Members = Map<String, Value>;

/// The parameters of a query, in its order.
type Pairs = Vec<(String, String)>;

const TOKEN: &str = "an access token";

/// The refusals that have a name.
const REFUSALS: [PortalFault; 5] = [
    PortalFault::InvalidRequest,
    PortalFault::Unauthorized,
    PortalFault::Forbidden,
    PortalFault::NotFound,
    PortalFault::TooManyRequests,
];

fn main() {
    let accounts = ListAccountsRequest::default().with_max_results(77).with_next_token("a page of accounts");
    let roles = ListAccountRolesRequest::new("an account").with_max_results(77).with_next_token("a page");
    let account = AccountInfo::new("an account", "an account's name").with_email_address("an address");
    let role = RoleInfo::new("an account", "a role");
    let operations: Members = [
        operation(&GetRoleCredentialsRequest::new("an account", "a role"), &credentials()),
        operation(&roles, &Page::new(vec![role], Some("a page of roles".to_owned()))),
        operation(&accounts, &Page::new(vec![account], Some("a page of accounts".to_owned()))),
        operation(&LogoutRequest::new(), &()),
    ]
    .into_iter()
    .collect();
    let faults: Members = REFUSALS.iter().map(|refusal| fault(*refusal)).collect();
    println!("{}", json!({ "operations": operations, "faults": faults }));
}

fn credentials() -> RoleCredentials {
    let (key, token) = (Secret::from("a secret key"), Secret::from("a session token"));
    RoleCredentials::new("a key's id", key, token, UnixSeconds::new(1_234_567))
}

/// Describes an operation by a complete request and a complete success.
fn operation<C>(request: &C, success: &C::Success) -> (String, Value)
where
    C: PortalCall + Debug + PartialEq,
    C::Success: Debug + PartialEq,
{
    let service = Service::from(Endpoint::for_region("eu-west-1").unwrap());
    let sent = request.encode(&service, &Secret::from(TOKEN)).unwrap();
    assert!(sent.body().is_empty(), "every member is in the query or in a header");
    let mut input = in_query(request, sent.uri().query().unwrap_or_default());
    input.extend(in_headers(sent.headers(), &format!("{sent:?}")));

    let body = C::encode_success(success);
    assert_eq!(
        read::<C>(body.body().as_ref()).as_ref(),
        Some(success),
        "a success is read as it was written"
    );
    let output = match serde_json::from_slice(body.body().as_ref()) {
        Ok(whole) => {
            let refused = |changed: &Value| read::<C>(changed.to_string().as_bytes()).is_none();
            described(&whole, &mut Vec::new(), &whole, &format!("{success:?}"), &refused)
        }
        Err(_) if body.body().is_empty() => Value::Null,
        Err(error) => panic!("a body is JSON: {error}"),
    };

    let described = json!({
        "method": sent.method().as_str(), "path": sent.uri().path(), "input": input, "output": output,
        "errors": REFUSALS.iter().filter(|refusal| understands::<C>(**refusal)).map(name).collect::<Vec<_>>(),
    });
    (C::OPERATION.name().to_owned(), described)
}

fn read<C: PortalCall>(body: &[u8]) -> Option<C::Success> {
    match C::decode(&Response::new(body)) {
        Answer::Success(success) => Some(success),
        Answer::Fault(_) | Answer::InvalidResponse(_) | Answer::Indeterminate(_) => None,
    }
}

/// Describes the members in the query, as the server side reads them.
fn in_query<C: PortalCall + Debug + PartialEq>(request: &C, query: &str) -> Members {
    let pairs: Pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let decoded = |pairs: &Pairs| {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        C::decode_query(&query).ok()
    };
    assert_eq!(decoded(&pairs).as_ref(), Some(request), "a request is read as it was written");
    let printed = format!("{request:?}");
    let member = |at: usize, (name, value): &(String, String)| {
        let with = |value: String| {
            let mut changed = pairs.clone();
            changed[at].1 = value;
            decoded(&changed).is_some()
        };
        let mut without = pairs.clone();
        without.remove(at);
        let mut member = json!({
            "location": "querystring", "type": "string", "required": decoded(&without).is_none(),
            "secret": !printed.contains(value),
        });
        if !with("a text".to_owned()) {
            member["type"] = "integer".into();
            let good = || (0..=1000).filter(|number: &u32| with(number.to_string()));
            (member["min"], member["max"]) = (good().min().into(), good().max().into());
        }
        (name.clone(), member)
    };
    pairs.iter().enumerate().map(|(at, pair)| member(at, pair)).collect()
}

/// Describes the member in a header: the one with the token's value.
fn in_headers(headers: &HeaderMap, printed: &str) -> Members {
    let carriers = headers.iter().filter(|(_, value)| *value == TOKEN);
    let member = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
        let mut without = headers.clone();
        without.remove(name);
        let is_read = bearer_token(headers).is_ok_and(|token| token.expose() == TOKEN);
        assert!(is_read, "a token is read as it was written");
        let is_secret = value.is_sensitive() && !printed.contains(TOKEN);
        let member = json!({
            "location": "header", "type": "string", "required": bearer_token(&without).is_err(),
            "secret": is_secret,
        });
        (name.as_str().to_owned(), member)
    };
    carriers.map(member).collect()
}

/// Describes a part of a body. `at` is its path from the whole, in names and positions.
fn described(
    part: &Value,
    at: &mut Vec<String>,
    whole: &Value,
    printed: &str,
    refused: &impl Fn(&Value) -> bool,
) -> Value {
    match part {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                at.push(name.clone());
                let mut member = described(value, at, whole, printed, refused);
                member["required"] = refused(&without(whole, at)).into();
                at.pop();
                (name.clone(), member)
            };
            json!({ "type": "structure", "members": members.iter().map(member).collect::<Members>() })
        }
        Value::Array(items) => {
            at.push("0".to_owned());
            let item = described(&items[0], at, whole, printed, refused);
            at.pop();
            json!({ "type": "list", "member": item })
        }
        Value::String(text) => json!({ "type": "string", "secret": !printed.contains(text.as_str()) }),
        Value::Number(number) if number.is_i64() => json!({ "type": "long", "secret": false }),
        other => panic!("no member is {other}"),
    }
}

/// Returns the whole without the member at this path.
fn without(whole: &Value, at: &[String]) -> Value {
    let mut changed = whole.clone();
    let (last, above) = at.split_last().unwrap();
    let parent = changed.pointer_mut(&above.iter().map(|step| format!("/{step}")).collect::<String>());
    parent.and_then(Value::as_object_mut).unwrap().remove(last).unwrap();
    changed
}

/// Returns whether a call reads the fault that a server writes, by the name and by the status alone.
fn understands<C: PortalCall>(refusal: PortalFault) -> bool {
    let fault = refusal.fault("a description");
    let unnamed = Response::builder().status(fault.status).body("{}").unwrap();
    let read = |answer: &Answer<C::Success>| match answer {
        Answer::Fault(fault) => PortalFault::of(fault) == refusal,
        Answer::Success(_) | Answer::InvalidResponse(_) | Answer::Indeterminate(_) => false,
    };
    let written = C::decode(&encode_fault(&fault));
    matches!(&written, Answer::Fault(read) if *read == fault) && read(&written) && read(&C::decode(&unnamed))
}

fn name(refusal: &PortalFault) -> String {
    refusal.fault("").code.exception().to_owned()
}

fn fault(refusal: PortalFault) -> (String, Value) {
    let written = encode_fault(&refusal.fault("a description"));
    assert_ne!(written.status(), StatusCode::OK);
    let body: Members = serde_json::from_slice(written.body().as_ref()).unwrap();
    let names: Vec<&String> = body.keys().collect();
    let header = written.headers()["x-amzn-errortype"].to_str().unwrap().to_owned();
    let described = json!({
        "status": written.status().as_u16(), "header": header, "type": body["__type"], "members": names,
    });
    (name(&refusal), described)
}
