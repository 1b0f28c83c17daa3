//! Provider metadata (RFC 8414, OpenID Connect Discovery), and the search for it.

use std::time::Duration;

use device_flow::{Failure, MetadataSearch, ResponseBody, SearchAction, SearchError, Tick, TransportError};
use http::{HeaderValue, Response, StatusCode};
use oidc_proto::oauth::{Metadata, MetadataError};
use oidc_proto::{Operation, Service};

use crate::wire::{STATUSES, no_controls, pick};

/// Reads a document, and searches with the same bytes. The first byte is the status, the rest of the first line the
/// issuer, the other lines the body.
pub fn metadata(data: &[u8]) {
    read(data);
    search(data);
}

fn read(data: &[u8]) {
    let Some((status, rest)) = data.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
    let (issuer, body) = rest.split_at(end);
    let issuer = String::from_utf8_lossy(issuer);
    if let Ok(addresses) = Metadata::well_known(&issuer) {
        for address in addresses {
            assert!(address.path().contains("/.well-known/"), "{address}");
            assert!(address.query().is_none() && address.scheme().is_some() && address.host().is_some());
        }
    }
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(pick(&STATUSES, *status)).unwrap();
    match Metadata::decode(&issuer, &response) {
        Ok(read) => {
            assert!(response.status().is_success() && !read.issuer.is_empty());
            let bare = |text: &str| text.trim().trim_end_matches('/').to_owned();
            assert_eq!(read.issuer.trim_end_matches('/'), bare(&issuer), "another issuer's document");
            if Metadata::well_known(&read.issuer).is_ok() {
                let again = Metadata::decode(&read.issuer, &read.encode());
                assert_eq!(again.as_ref(), Ok(&read), "what was read must read again the same");
            }
            leads_somewhere_safe(&read);
        }
        Err(error) => {
            no_controls(&error.to_string());
            let is_status = matches!(error, MetadataError::Status(_) | MetadataError::Unavailable { .. });
            assert_eq!(is_status, !response.status().is_success());
        }
    }
}

fn leads_somewhere_safe(metadata: &Metadata) {
    match metadata.provider() {
        Ok(provider) => {
            let service = Service::from(provider);
            let has = |operation| service.offers(operation);
            assert!(has(Operation::StartDeviceAuthorization) && has(Operation::CreateToken));
            assert_eq!(has(Operation::RegisterClient), metadata.registration_endpoint.is_some());
            assert_eq!(has(Operation::RevokeToken), metadata.revocation_endpoint.is_some());
            let urls = [
                &metadata.device_authorization_endpoint,
                &metadata.token_endpoint,
                &metadata.registration_endpoint,
                &metadata.revocation_endpoint,
            ];
            for url in urls.into_iter().flatten() {
                let scheme = url.trim().split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
                let is_https = scheme.as_deref() == Some("https");
                assert!(is_https || !service.is_https(), "{url}");
            }
        }
        Err(error) => {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                no_controls(&error.to_string());
                cause = error.source();
            }
        }
    }
}

/// Searches for metadata, with one response per line. The first byte of a line is the status, or no response; the
/// rest is the body and the redirect's target. The last line is repeated.
fn search(data: &[u8]) {
    const ISSUER: &str = "https://id.example/t";
    const STATUSES: [u16; 10] = [200, 404, 301, 302, 307, 308, 403, 429, 500, 503];
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    let mut search = MetadataSearch::of(ISSUER, Tick::ZERO).unwrap();
    let (mut now, mut asked) = (Tick::ZERO, 0);
    loop {
        match search.poll(now) {
            SearchAction::Get { address, origin } => {
                let is_https = address.scheme_str() == Some("https");
                assert!(is_https && origin.is_https() && !origin.is_loopback(), "{address}");
                let line = lines[asked.min(lines.len() - 1)];
                asked += 1;
                // Five URLs with three redirects each, in at most five rounds.
                assert!(asked <= 5 * 4 * 5, "it asks for ever");
                search.on_result(now, answer(line, &STATUSES));
            }
            SearchAction::Wait(until) => {
                assert!(until > now, "a wait must be one");
                now = until;
            }
            SearchAction::Done => break,
        }
    }
    assert!(now <= Tick::ZERO + Duration::from_secs(20), "the retry window is over by then");
    match search.finish() {
        Ok(metadata) => assert_eq!(metadata.issuer.trim_end_matches('/'), ISSUER),
        Err(error) => {
            assert!(!matches!(error, SearchError::Unfinished));
            assert!(error.address().is_some_and(|address| address.query().is_none()));
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                no_controls(&error.to_string());
                cause = error.source();
            }
        }
    }
}

/// Returns the result of a request, from one line.
fn answer(line: &[u8], statuses: &[u16]) -> Result<Response<ResponseBody>, TransportError> {
    let (status, body) = line.split_first().map_or((b'1', line), |(status, body)| (*status, body));
    if status == b'x' {
        return Err(Failure::Unknown.into());
    }
    let mut content = ResponseBody::default();
    content.push(body);
    let mut response = Response::new(content);
    *response.status_mut() = StatusCode::from_u16(pick(statuses, status)).unwrap();
    if let Ok(value) = HeaderValue::from_bytes(body) {
        let name = if response.status().is_redirection() { "location" } else { "retry-after" };
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}
