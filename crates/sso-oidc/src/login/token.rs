//! The printed form of a provider's token, with the member names of RFC 6749.

use device_flow_ureq::SignedIn;

use crate::output::{Document, Rehearsal};

/// Returns the token response (RFC 6749 §5.1). A newly registered client is included, because the refresh token works
/// for that client only. The provider's extra members come last.
pub(super) fn document(signed_in: &SignedIn) -> Document {
    let token = &signed_in.token;
    let client = Some(&signed_in.registration.client).filter(|_| signed_in.newly_registered);
    let document = Document::map([
        ("access_token", (&token.access_token).into()),
        ("token_type", token.token_type.as_str().into()),
        ("expires_in", signed_in.expires_in().into()),
        ("refresh_token", token.refresh_token.as_ref().into()),
        ("id_token", token.id_token.as_ref().into()),
        ("scope", token.scope.as_ref().map(|scope| scope.join(" ")).as_deref().into()),
        ("client_id", client.map(|client| client.id.as_str()).into()),
        ("client_secret", client.and_then(|client| client.secret.as_ref()).into()),
    ]);
    match (document, token.extra.as_ref().and_then(|extra| serde_json::from_str(extra.expose()).ok())) {
        (Document::Map(own), Some(extra)) => Document::Map(with_extra(own, extra)),
        (document, _) => document,
    }
}

/// Appends the provider's extra members, except `null` and duplicates.
fn with_extra(
    mut members: Vec<(String, Document)>,
    extra: serde_json::Map<String, serde_json::Value>,
) -> Vec<(String, Document)> {
    for (name, value) in extra {
        if !value.is_null() && members.iter().all(|(own, _)| *own != name) {
            members.push((name, value.into()));
        }
    }
    members
}

/// Returns samples of the document. Only the token and its type are always present (RFC 6749 §5.1). Each text is its
/// own name, because JMESPath treats an empty text as false.
pub(super) fn rehearsal() -> Rehearsal {
    let names =
        ["access_token", "token_type", "refresh_token", "id_token", "scope", "client_id", "client_secret"];
    let mut members: Vec<(String, Document)> =
        names.into_iter().map(|name| (name.to_owned(), name.into())).collect();
    members.push(("expires_in".to_owned(), std::time::Duration::from_secs(3600).into()));
    Rehearsal::new(Document::Map(members), |member| !matches!(member, "access_token" | "token_type"))
}
