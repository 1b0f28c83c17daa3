//! What a provider says of itself (RFC 8414, OpenID Connect Discovery).

use http::{Response, StatusCode};
use oidc_proto::oauth::{Metadata, MetadataError};
use oidc_proto::{Operation, Service};

use crate::wire::{STATUSES, no_controls, pick};

/// Reads a document. The first byte is the status, the first line behind it the issuer that was asked for, the rest the
/// body.
pub fn metadata(data: &[u8]) {
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
            assert_eq!(matches!(error, MetadataError::Status(_)), !response.status().is_success());
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
