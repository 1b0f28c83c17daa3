//! One side reads back exactly what the other wrote: `decode(encode(x)) == x`.

use oidc_proto::oauth::{Metadata, Provider, RevocationRequest};
use oidc_proto::{
    Answer, Call, CreateTokenRequest, Dialect, Endpoint, Fault, Operation, RegisterClientRequest, Request,
    ServerRequest, Service, StartDeviceAuthorizationRequest,
};
use proptest::prelude::*;

use crate::cases;
use crate::messages::{
    authorization, create, fault, metadata, register, registration, revocation, start, text, token,
};

const DIALECTS: [Dialect; 2] = [Dialect::Aws, Dialect::OAuth];

fn service(dialect: Dialect) -> Service {
    let base = Endpoint::custom("https://id.example").unwrap();
    match dialect {
        Dialect::Aws => base.into(),
        Dialect::OAuth => Provider::at_default_paths(&base).into(),
    }
}

/// Checks that the server reads back the client's request from its path, headers and body.
fn server_reads<C: Call>(dialect: Dialect, call: &C) -> Result<ServerRequest, Fault> {
    let request = service(dialect).encode(call).expect("both have every operation of a sign-in");
    let operation = dialect.operation(request.method(), request.uri().path())?;
    assert_eq!(operation, C::OPERATION);
    never_two_ways(&request);
    if dialect == Dialect::Aws {
        // Headers carry nothing in AWS's dialect.
        return dialect.decode_request(operation, request.body().as_ref());
    }
    dialect.decode_http_request(operation, request.headers(), request.body().as_ref())
}

/// Checks RFC 6749 §2.3: one authentication method. Only a device authorization request also has an id beside
/// the header.
fn never_two_ways(request: &Request) {
    let in_header = request.headers().contains_key("authorization");
    let body = String::from_utf8_lossy(request.body().as_ref()).into_owned();
    let names: &[&str] = match request.operation() {
        Operation::StartDeviceAuthorization => &["client_secret="],
        _ => &["client_id=", "client_secret="],
    };
    let in_body = names.iter().any(|name| body.starts_with(name) || body.contains(&format!("&{name}")));
    assert!(!(in_header && in_body), "{:?} {body}", request.headers());
}

fn client_reads<C: Call>(dialect: Dialect, answer: &C::Answer) -> Answer<C::Answer> {
    dialect.decode::<C, _>(&dialect.encode_success::<C>(answer))
}

/// Generates a message of each dialect.
fn both<S: Strategy>(of: impl Fn(Dialect) -> S) -> impl Strategy<Value = [S::Value; 2]> {
    let [aws, oauth] = DIALECTS.map(of);
    (aws, oauth).prop_map(|(aws, oauth)| [aws, oauth])
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_server_reads_every_request_as_the_client_wrote_it(
        register in both(register), start in both(start), create in both(create),
    ) {
        for (dialect, register) in DIALECTS.into_iter().zip(register) {
            prop_assert_eq!(server_reads(dialect, &register), Ok(ServerRequest::RegisterClient(register)));
        }
        for (dialect, start) in DIALECTS.into_iter().zip(start) {
            prop_assert_eq!(server_reads(dialect, &start), Ok(ServerRequest::StartDeviceAuthorization(start)));
        }
        for (dialect, create) in DIALECTS.into_iter().zip(create) {
            prop_assert_eq!(server_reads(dialect, &create), Ok(ServerRequest::CreateToken(create)));
        }
    }

    #[test]
    fn the_server_reads_every_revocation_as_the_client_wrote_it(revocation in revocation()) {
        let request = revocation.encode(&service(Dialect::OAuth)).unwrap();
        never_two_ways(&request);
        let read = RevocationRequest::decode_request(request.headers(), request.body().as_ref());
        prop_assert_eq!(read, Ok(revocation));
    }

    #[test]
    fn the_client_reads_every_success_as_the_server_wrote_it(
        registration in both(registration), authorization in authorization(), token in both(token),
    ) {
        for (dialect, registration) in DIALECTS.into_iter().zip(registration) {
            let read = client_reads::<RegisterClientRequest>(dialect, &registration);
            prop_assert_eq!(read, Answer::Success(registration));
        }
        for dialect in DIALECTS {
            let read = client_reads::<StartDeviceAuthorizationRequest>(dialect, &authorization);
            prop_assert_eq!(read, Answer::Success(authorization.clone()));
        }
        for (dialect, token) in DIALECTS.into_iter().zip(token) {
            prop_assert_eq!(client_reads::<CreateTokenRequest>(dialect, &token), Answer::Success(token));
        }
    }

    #[test]
    fn the_client_reads_every_fault_as_the_server_wrote_it(fault in both(fault)) {
        for (dialect, fault) in DIALECTS.into_iter().zip(fault) {
            let response = dialect.encode_fault(&fault);
            let read = dialect.decode::<RegisterClientRequest, _>(&response);
            prop_assert_eq!(read, Answer::Fault(fault.clone()));
            let read = dialect.decode::<StartDeviceAuthorizationRequest, _>(&response);
            prop_assert_eq!(read, Answer::Fault(fault.clone()));
            prop_assert_eq!(dialect.decode::<CreateTokenRequest, _>(&response), Answer::Fault(fault.clone()));
            if dialect == Dialect::OAuth {
                prop_assert_eq!(RevocationRequest::decode(&response), Answer::Fault(fault));
            }
        }
    }

    #[test]
    fn a_description_of_any_characters_comes_through_oauth_in_the_ones_that_it_allows(text in text()) {
        let fault = Fault::new(oidc_proto::FaultCode::AccessDenied).with_description(text.clone());
        let Answer::Fault(read) = Dialect::OAuth.decode::<CreateTokenRequest, _>(&Dialect::OAuth.encode_fault(&fault))
        else {
            panic!("a fault reads as a fault")
        };
        let read = read.description.unwrap();
        prop_assert_eq!(read.chars().count(), text.chars().count());
        // RFC 6749 §5.2: %x20-21 / %x23-5B / %x5D-7E.
        prop_assert!(read.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{}", read);
        let kept = text.chars().zip(read.chars()).all(|(from, to)| {
            from == to || matches!(from, '"' | '\\') || !matches!(from, ' '..='~')
        });
        prop_assert!(kept, "{} {}", text, read);
    }

    #[test]
    fn the_client_reads_every_document_as_the_server_wrote_it(metadata in metadata()) {
        prop_assert_eq!(Metadata::decode(&metadata.issuer, &metadata.encode()), Ok(metadata));
    }
}
