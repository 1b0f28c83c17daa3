//! Requests and responses of the portal API.

use core::fmt::Debug;

use http::{HeaderMap, HeaderValue, Response};
use oidc_proto::portal::{
    BEARER_TOKEN, GetRoleCredentialsRequest, ListAccountRolesRequest, ListAccountsRequest, LogoutRequest,
    PortalCall, PortalFault, RoleCredentials, bearer_token, encode_fault,
};
use oidc_proto::{Answer, Endpoint, Fault, Request, Secret, Service};

use crate::wire::{no_controls, response_of};

/// The longest query that must fit into a URL. `http` allows 65,534 bytes, and the client's encoding triples a byte.
const FITS: usize = 20_000;

/// Reads a response. The first three bytes are the operation (`a`ccounts, `r`oles, `c`redentials or `l`ogout), the
/// status and the headers, as of [`response`](crate::response); the rest is the body.
pub fn portal_response(data: &[u8]) {
    let [operation, status, headers, body @ ..] = data else { return };
    let response = response_of(*status, *headers, body);
    match operation % 4 {
        1 => read::<ListAccountsRequest>(&response, |page| page),
        2 => read::<ListAccountRolesRequest>(&response, |page| page),
        3 => read::<GetRoleCredentialsRequest>(&response, hide),
        _ => read::<LogoutRequest>(&response, |nothing| nothing),
    }
}

fn hide(mut credentials: RoleCredentials) -> RoleCredentials {
    credentials.secret_access_key = Secret::from("hidden");
    credentials.session_token = Secret::from("hidden");
    credentials
}

fn read<C: PortalCall>(response: &Response<Vec<u8>>, hide: fn(C::Success) -> C::Success)
where
    C::Success: Clone + Debug + PartialEq,
{
    let answer = C::decode(response);
    let shown = format!("{answer:?}");
    match answer {
        Answer::Success(success) => {
            assert!(response.status().is_success());
            let again = C::decode(&C::encode_success(&success));
            assert_eq!(again, Answer::Success(success.clone()), "what was read must read again the same");
            let hidden = format!("{:?}", Answer::Success(hide(success)));
            assert_eq!(shown, hidden, "what is printed must not depend on a secret");
        }
        Answer::Fault(fault) => {
            assert!(!response.status().is_redirection());
            no_controls(&fault.to_string());
            reads_again::<C>(&fault);
        }
        Answer::Indeterminate(none) => {
            assert_eq!(none.status, response.status().as_u16());
            no_controls(&none.to_string());
        }
        Answer::InvalidResponse(invalid) => {
            assert!(response.status().is_success());
            assert_eq!(invalid.operation, C::OPERATION);
            no_controls(&invalid.to_string());
        }
    }
}

/// Checks that a fault keeps its meaning and its status on the wire.
fn reads_again<C: PortalCall>(fault: &Fault)
where
    C::Success: Debug,
{
    let again = C::decode(&encode_fault(fault));
    let Answer::Fault(again) = again else { panic!("{fault:?} reads again as {again:?}") };
    let meaning = |fault: &Fault| (PortalFault::of(fault), fault.status);
    assert_eq!(meaning(&again), meaning(fault), "a fault must read again the same");
}

/// Reads a request. The first byte is the operation, as of [`portal_response`]; then the access token comes, a line
/// break, and the query.
pub fn portal_request(data: &[u8]) {
    let [operation, rest @ ..] = data else { return };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (token, query) = (&rest[..end], rest.get(end + 1..).unwrap_or_default());
    let token = token_of(token);
    let Ok(query) = str::from_utf8(query) else { return };
    match operation % 4 {
        1 => asked::<ListAccountsRequest>(query, &token),
        2 => asked::<ListAccountRolesRequest>(query, &token),
        3 => asked::<GetRoleCredentialsRequest>(query, &token),
        _ => asked::<LogoutRequest>(query, &token),
    }
}

/// Reads the token of a request. It is the header's value, or there is none.
fn token_of(bytes: &[u8]) -> Secret {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(bytes) {
        headers.insert(&BEARER_TOKEN, value);
    }
    match bearer_token(&headers) {
        Ok(token) => {
            assert_eq!(token.expose().as_bytes(), bytes);
            token
        }
        Err(fault) => {
            assert_eq!((PortalFault::of(&fault), fault.status), (PortalFault::Unauthorized, 401));
            Secret::from("an access token")
        }
    }
}

fn asked<C: PortalCall + Debug + PartialEq>(query: &str, token: &Secret)
where
    C::Success: Debug,
{
    let service = Service::from(Endpoint::custom("https://portal.example.com/base").expect("an endpoint"));
    match C::decode_query(query) {
        Ok(call) => {
            let Some(sent) = call.encode(&service, token) else {
                assert!(query.len() > FITS, "a short query fits into a URL");
                return;
            };
            assert_eq!(sent.uri().authority().map(http::uri::Authority::as_str), Some("portal.example.com"));
            let again = C::decode_query(sent.uri().query().unwrap_or_default());
            assert_eq!(again.as_ref(), Ok(&call), "what was read must read again the same");
            assert_eq!(bearer_token(sent.headers()).as_ref(), Ok(token));
            let other = call.encode(&service, &Secret::from("hidden")).expect("it fits as before");
            assert_eq!(printed(&sent), printed(&other), "what is printed must not depend on a secret");
        }
        Err(fault) => {
            assert_eq!((PortalFault::of(&fault), fault.status), (PortalFault::InvalidRequest, 400));
            no_controls(&fault.to_string());
            reads_again::<C>(&fault);
        }
    }
}

fn printed(request: &Request) -> String {
    format!("{request:?} {:?}", request.head())
}
