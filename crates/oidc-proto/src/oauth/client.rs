//! Client authentication (RFC 6749 §2.3.1): none, in the body, or in the `Authorization` header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderValue};
use zeroize::Zeroizing;

use super::form::{Form, Parameters, invalid};
use crate::{Client, ClientAuthentication, Fault, FaultCode, Secret};

/// Adds the client to a form, or returns the header that names it instead. Never both.
pub(super) fn authenticate<'a>(client: &'a Client, form: &mut Form<'a>) -> Option<HeaderValue> {
    match (&client.secret, client.authentication) {
        (Some(secret), ClientAuthentication::Basic) => Some(basic(&client.id, secret)),
        (secret, _) => {
            form.add("client_id", &client.id);
            form.add_some("client_secret", secret.as_ref().map(Secret::expose));
            None
        }
    }
}

/// Encodes `Basic`. Id and secret are form-encoded before they are joined (RFC 6749 §2.3.1). A blank becomes
/// `%20`, which every server reads; some decode by a URL's rules and take `+` for a plus sign.
fn basic(id: &str, secret: &Secret) -> HeaderValue {
    let encode = |text: &str| -> String {
        let parts = form_urlencoded::byte_serialize(text.as_bytes());
        parts.map(|part| if part == "+" { "%20" } else { part }).collect()
    };
    let encoded_secret = Zeroizing::new(encode(secret.expose()));
    let pair = Zeroizing::new(format!("{}:{}", encode(id), *encoded_secret));
    let text = Zeroizing::new(format!("Basic {}", STANDARD.encode(pair.as_bytes())));
    let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// Returns the client of a request.
///
/// # Errors
/// Returns an error for no client, two methods in one request, or a malformed header.
pub(super) fn read(headers: &HeaderMap, parameters: &Parameters<'_>) -> Result<Client, Fault> {
    let mut shown = headers.get_all(AUTHORIZATION).iter();
    let Some(header) = shown.next() else {
        let id = parameters.required("client_id")?;
        return Ok(match parameters.get("client_secret") {
            Some(secret) => Client::new(id, Secret::from(secret)),
            None => Client::public(id),
        });
    };
    let client = header.to_str().ok().and_then(parse_basic).ok_or_else(|| {
        Fault::new(FaultCode::InvalidClient).with_description("the Authorization header is not valid Basic")
    })?;
    if parameters.get("client_secret").is_some() || shown.next().is_some() {
        return Err(invalid("a client must use only one authentication method"));
    }
    if parameters.get("client_id").is_some_and(|id| id != client.id) {
        return Err(invalid("client_id does not match the authenticated client"));
    }
    Ok(client)
}

fn parse_basic(header: &str) -> Option<Client> {
    let (scheme, token) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = Zeroizing::new(STANDARD.decode(token.trim()).ok()?);
    let pair = core::str::from_utf8(&pair).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let id = decode(id)?;
    if id.is_empty() {
        return None;
    }
    let secret = Secret::new(decode(secret)?);
    // An empty parameter counts as absent (RFC 6749 §3.2), and an empty secret proves no more.
    if secret.is_empty() {
        return Some(Client::public(id));
    }
    Some(Client::new(id, secret).with_basic_authentication())
}

/// Decodes one form-encoded value.
fn decode(text: &str) -> Option<String> {
    // Decoded as a parameter's value, so a `=` or `&` must not split it.
    if text.contains('&') {
        return None;
    }
    let form = Zeroizing::new(format!("v={text}"));
    form_urlencoded::parse(form.as_bytes()).next().map(|(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let form = ("content-type", "application/x-www-form-urlencoded");
        [form, ("authorization", value)]
            .into_iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn basic_encodes_id_and_secret_before_it_joins_them() {
        // The example client of RFC 6749 §2.3.1, and one whose secret needs the encoding.
        let value = basic("s6BhdRkqt3", &Secret::from("7Fjfp0ZBr1KtDRbnfVdmIw"));
        assert_eq!(value, "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3");
        let odd = Client::new("a:b &=%", Secret::from("p+w é:=&")).with_basic_authentication();
        let value = basic(&odd.id, odd.secret.as_ref().unwrap());
        assert_eq!(parse_basic(value.to_str().unwrap()), Some(odd));
    }

    #[test]
    fn a_blank_in_a_credential_is_written_so_that_every_decoder_reads_it() {
        let value = basic("my tool", &Secret::from("a b+c"));
        let decoded = STANDARD.decode(&value.to_str().unwrap()["Basic ".len()..]).unwrap();
        assert_eq!(decoded, b"my%20tool:a%20b%2Bc");
    }

    #[test]
    fn the_header_is_not_shown_in_debug() {
        let value = basic("id", &Secret::from("secret"));
        assert_eq!(format!("{value:?}"), "Sensitive");
    }

    #[test]
    fn two_ways_in_one_request_are_refused() {
        let headers = headers("Basic aWQ6c2VjcmV0");
        let body = b"client_id=id&client_secret=secret";
        let parameters = Parameters::read(&headers, body).unwrap();
        assert_eq!(read(&headers, &parameters).unwrap_err().code, FaultCode::InvalidRequest);
        let parameters = Parameters::read(&headers, b"client_id=other").unwrap();
        assert_eq!(read(&headers, &parameters).unwrap_err().code, FaultCode::InvalidRequest);
        let parameters = Parameters::read(&headers, b"client_id=id").unwrap();
        assert_eq!(read(&headers, &parameters).unwrap().id, "id");
    }

    #[test]
    fn two_headers_are_two_ways() {
        let mut headers = headers("Basic aWQ6c2VjcmV0");
        headers.append(AUTHORIZATION, HeaderValue::from_static("Basic aWQ6c2VjcmV0"));
        let parameters = Parameters::read(&headers, b"").unwrap();
        assert_eq!(read(&headers, &parameters).unwrap_err().code, FaultCode::InvalidRequest);
    }

    #[test]
    fn an_empty_secret_is_none_in_the_header_as_in_the_body() {
        // `id:`, sent by some clients without a secret.
        let headers = headers("Basic aWQ6");
        let parameters = Parameters::read(&headers, b"").unwrap();
        assert_eq!(read(&headers, &parameters).unwrap(), Client::public("id"));
        let parameters = Parameters::read(&headers, b"client_secret=secret").unwrap();
        assert!(read(&headers, &parameters).is_err());
    }

    #[test]
    fn a_header_that_is_not_basic_is_an_invalid_client_and_is_not_quoted() {
        for value in ["Bearer hunter2", "Basic", "Basic hunter2!", "Basic Og==", "Basic aHVudGVyMg=="] {
            let headers = headers(value);
            let parameters = Parameters::read(&headers, b"").unwrap();
            let fault = read(&headers, &parameters).unwrap_err();
            assert_eq!(fault.code, FaultCode::InvalidClient, "{value}");
            assert!(!format!("{fault:?}{fault}").contains("hunter2"));
        }
    }
}
