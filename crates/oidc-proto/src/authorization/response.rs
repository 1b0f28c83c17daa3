//! The authorization response (RFC 6749 §4.1.2).

use form_urlencoded::Serializer;

use super::{Query, with_query};
use crate::words::cut;
use crate::{Fault, FaultCode, Secret, printable};

/// The authorization response (RFC 6749 §4.1.2): a code, or a fault.
///
/// A server redirects the browser with it. A client decodes the query of the request that the browser then
/// sends.
///
/// ```
/// use oidc_proto::{AuthorizationResponse, Secret};
///
/// let response = AuthorizationResponse::code(Secret::from("c/1")).with_state(Some(Secret::from("s")));
/// let url = response.redirect("http://127.0.0.1:49152/oauth/callback");
/// assert_eq!(url, "http://127.0.0.1:49152/oauth/callback?code=c%2F1&state=s");
/// let (_, query) = url.split_once('?').ok_or("it has a query")?;
/// assert_eq!(AuthorizationResponse::decode(query), Some(response));
/// assert_eq!(AuthorizationResponse::decode("utm_source=mail"), None);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthorizationResponse {
    /// `code`, or the fault of `error` and `error_description`.
    pub result: Result<Secret, Fault>,
    /// `state`: that of the request.
    pub state: Option<Secret>,
    /// `iss`: the server's issuer (RFC 9207).
    pub issuer: Option<String>,
}

impl AuthorizationResponse {
    /// Creates a response with a code.
    #[must_use]
    pub const fn code(code: Secret) -> Self {
        Self { result: Ok(code), state: None, issuer: None }
    }

    /// Creates a response with a fault.
    ///
    /// ```
    /// use oidc_proto::{AuthorizationResponse, Fault, FaultCode};
    /// let fault = Fault::new(FaultCode::AccessDenied).with_description("The request was denied");
    /// let url = AuthorizationResponse::fault(fault).redirect("http://127.0.0.1:8400/?x=1");
    /// let (_, added) = url.split_once("?x=1&").ok_or("the query stays")?;
    /// assert_eq!(added, "error=access_denied&error_description=The%20request%20was%20denied");
    /// # Ok::<(), &str>(())
    /// ```
    #[must_use]
    pub const fn fault(fault: Fault) -> Self {
        Self { result: Err(fault), state: None, issuer: None }
    }

    /// Returns the same response with the request's state.
    #[must_use]
    pub fn with_state(mut self, state: Option<Secret>) -> Self {
        self.state = state;
        self
    }

    /// Returns the same response with this issuer (RFC 9207 §2).
    ///
    /// ```
    /// use oidc_proto::{AuthorizationResponse, Secret};
    /// let response = AuthorizationResponse::code(Secret::from("c")).with_issuer("https://id.example");
    /// let url = response.redirect("http://127.0.0.1:8400/");
    /// assert_eq!(url, "http://127.0.0.1:8400/?code=c&iss=https%3A%2F%2Fid.example");
    /// ```
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Server side: returns the URL to redirect the browser to. The redirect URI's own query is kept (RFC 6749
    /// §3.1.2).
    #[must_use]
    pub fn redirect(&self, redirect_uri: &str) -> String {
        let state = self.state.as_ref().map(Secret::expose).unwrap_or_default();
        let result = match &self.result {
            Ok(code) => [("code", code.expose()), ("", "")],
            Err(fault) => [
                ("error", fault.code.error()),
                ("error_description", fault.description.as_deref().unwrap_or_default()),
            ],
        };
        let rest = [("state", state), ("iss", self.issuer.as_deref().unwrap_or_default())];
        let mut query = Serializer::new(String::new());
        query.extend_pairs(result.into_iter().chain(rest).filter(|(_, value)| !value.is_empty()));
        with_query(redirect_uri, &query.finish().replace('+', "%20"))
    }

    /// Client side: decodes the query of the browser's request. A fault wins over a code. Returns `None` for a
    /// query with neither, or with one of them twice (RFC 6749 §3.1).
    #[must_use]
    pub fn decode(query: &str) -> Option<Self> {
        let query = Query::read(query);
        let result = match query.once("error") {
            Some(error) => Err(fault(&error, query.once("error_description"))),
            None if query.values("error").next().is_some() => return None,
            None => Ok(Secret::new(query.once("code")?)),
        };
        Some(Self { result, state: query.once("state").map(Secret::new), issuer: query.once("iss") })
    }
}

/// Returns the fault of an `error` parameter.
fn fault(error: &str, description: Option<String>) -> Fault {
    let fault = Fault::new(FaultCode::from_error(error).unwrap_or_else(|| FaultCode::other(error)));
    match description {
        Some(description) => fault.with_description(cut(&printable(&description))),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_as_it_was_written_and_a_fault_wins() {
        let fault = Fault::new(FaultCode::other("temporarily_unavailable")).with_description("later, please");
        for response in [
            AuthorizationResponse::code(Secret::from("a b+c&d=é")).with_issuer("https://id.example"),
            AuthorizationResponse::fault(Fault::new(FaultCode::AccessDenied))
                .with_state(Some(Secret::from("s"))),
            AuthorizationResponse::fault(fault),
        ] {
            for uri in ["http://127.0.0.1:1/cb", "http://127.0.0.1:1/cb?own=1", "http://127.0.0.1:1/cb?"] {
                let url = response.redirect(uri);
                let (before, query) = url.split_once('?').unwrap();
                assert_eq!(before, "http://127.0.0.1:1/cb");
                assert_eq!(AuthorizationResponse::decode(query).as_ref(), Some(&response), "{url}");
            }
        }
        let both = AuthorizationResponse::decode("code=c&error=access_denied").unwrap();
        assert_eq!(both.result.unwrap_err().code, FaultCode::AccessDenied);
        for query in [
            "",
            "state=s",
            "code=",
            "code=1&code=2",
            "error=a&error=b",
            "error=a&error=b&code=c",
            "error=&code",
        ] {
            assert_eq!(AuthorizationResponse::decode(query), None, "{query}");
        }
        let twice = AuthorizationResponse::decode("code=c&state=1&state=2").unwrap();
        assert_eq!(twice.state, None, "a state that occurs twice is none");
    }

    #[test]
    fn the_texts_of_a_response_cannot_control_a_terminal() {
        let response = AuthorizationResponse::decode("error=x%1b[2J&error_description=%1b]0;y%07z").unwrap();
        assert!(!response.result.unwrap_err().to_string().contains(|c: char| c.is_control()));
    }

    #[test]
    fn the_texts_of_a_response_are_cut_to_the_length_of_a_message() {
        let long = "e".repeat(8_000);
        let response =
            AuthorizationResponse::decode(&format!("error={long}&error_description={long}")).unwrap();
        let fault = response.result.unwrap_err();
        let cut = format!("{}…", "e".repeat(600));
        assert_eq!((fault.code, fault.description), (FaultCode::Other(cut.clone()), Some(cut)));
    }
}
