//! Where a provider's metadata is asked for, and in which order.

use http::{Response, Uri};
use oidc_proto::oauth::{Metadata, MetadataError};

use crate::{ResponseBody, TransportError};

/// The search for a provider's metadata at the addresses that OpenID Connect Discovery and RFC 8414 name.
///
/// ```
/// use device_flow::{MetadataSearch, ResponseBody};
///
/// let mut search = MetadataSearch::of("https://id.example")?;
/// while let Some(address) = search.next_address() {
///     let body = r#"{"issuer":"https://id.example","token_endpoint":"https://id.example/t"}"#;
///     let found = address.path() == "/.well-known/oauth-authorization-server";
///     let status = if found { 200 } else { 404 };
///     search.on_result(Ok(http::Response::builder().status(status).body(ResponseBody::from(body))?))?;
/// }
/// assert_eq!(search.finish()?.issuer, "https://id.example");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct MetadataSearch {
    issuer: String,
    /// Those not yet asked, the next one last.
    addresses: Vec<Uri>,
    result: Result<Metadata, MetadataError>,
}

impl MetadataSearch {
    /// The search for this issuer's metadata.
    ///
    /// ```
    /// use device_flow::MetadataSearch;
    /// assert!(MetadataSearch::of("https://id.example/tenant").is_ok());
    /// assert!(MetadataSearch::of("http://id.example").is_err()); // plain http is for this machine alone
    /// ```
    ///
    /// # Errors
    /// The issuer is no URL that metadata can be under.
    pub fn of(issuer: impl Into<String>) -> Result<Self, oidc_proto::EndpointError> {
        let issuer = issuer.into();
        let mut addresses = Vec::from(Metadata::well_known(&issuer)?);
        addresses.reverse();
        Ok(Self { issuer, addresses, result: Err(MetadataError::Status(404)) })
    }

    /// Where to ask next, with a plain `GET`; `None` if there is nothing more to ask.
    pub fn next_address(&mut self) -> Option<Uri> {
        let address = self.addresses.pop()?;
        #[cfg(feature = "tracing")]
        crate::events::fetching(&address);
        Some(address)
    }

    /// Takes what came of the latest address. A document whose body broke off counts if it is whole all the same.
    ///
    /// ```
    /// use device_flow::{Failure, MetadataSearch, TransportError};
    ///
    /// let mut search = MetadataSearch::of("https://id.example")?;
    /// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// assert!(search.on_result(Err(TransportError::new(Failure::NotSent, refused))).is_err());
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    ///
    /// # Errors
    /// Why there is no document to read: the search cannot go on.
    pub fn on_result(
        &mut self,
        result: Result<Response<ResponseBody>, TransportError>,
    ) -> Result<(), TransportError> {
        let mut response = result?;
        self.result = Metadata::decode(&self.issuer, &response);
        // Only an address that has nothing sends us on to the next one. A web application's page, which some servers have
        // for every path that they do not know, is nothing.
        if !matches!(self.result, Err(MetadataError::Status(_) | MetadataError::NotJson)) {
            self.addresses.clear();
        }
        match response.body_mut().take_error() {
            Some(error) if matches!(self.result, Err(MetadataError::NotJson)) => Err(*error),
            _ => Ok(()),
        }
    }

    /// What was found.
    ///
    /// ```
    /// use device_flow::{MetadataSearch, ResponseBody};
    /// use oidc_proto::oauth::MetadataError;
    ///
    /// let mut search = MetadataSearch::of("https://id.example")?;
    /// while search.next_address().is_some() {
    ///     search.on_result(Ok(http::Response::builder().status(404).body(ResponseBody::default())?))?;
    /// }
    /// assert_eq!(search.finish(), Err(MetadataError::Status(404)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// There is no metadata, or it is not this issuer's.
    pub fn finish(self) -> Result<Metadata, MetadataError> {
        self.result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, text: &str) -> Response<ResponseBody> {
        Response::builder().status(status).body(text.into()).unwrap()
    }

    fn answers(statuses: &[u16], body: &str) -> (Vec<String>, Result<Metadata, MetadataError>) {
        let mut search = MetadataSearch::of("https://id.example").unwrap();
        let mut asked = Vec::new();
        for status in statuses {
            let Some(address) = search.next_address() else { break };
            asked.push(address.path().to_owned());
            search.on_result(Ok(response(*status, body))).unwrap();
        }
        assert!(search.next_address().is_none(), "asked {asked:?}");
        (asked, search.finish())
    }

    #[test]
    fn an_address_that_has_nothing_sends_on_to_the_next_and_any_document_ends_the_search() {
        let (asked, found) = answers(&[404, 404], "");
        assert_eq!((asked.len(), found), (2, Err(MetadataError::Status(404))));
        let (asked, found) = answers(&[503, 200], r#"{"issuer":"https://id.example"}"#);
        assert_eq!((asked.len(), found.unwrap().issuer), (2, "https://id.example".to_owned()));
        let (asked, found) = answers(&[200], r#"{"issuer":"https://evil.example"}"#);
        assert_eq!(asked, ["/.well-known/openid-configuration"]);
        assert!(matches!(found, Err(MetadataError::Issuer { .. })));
    }

    #[test]
    fn a_page_for_every_path_is_no_document() {
        let mut search = MetadataSearch::of("https://id.example").unwrap();
        for body in ["<!doctype html>", r#"{"issuer":"https://id.example"}"#] {
            assert!(search.next_address().is_some());
            search.on_result(Ok(response(200, body))).unwrap();
        }
        assert!(search.next_address().is_none());
        assert_eq!(search.finish().unwrap().issuer, "https://id.example");
        let (asked, found) = answers(&[200, 200], "<!doctype html>");
        assert_eq!((asked.len(), found), (2, Err(MetadataError::NotJson)));
    }

    #[test]
    fn a_document_that_broke_off_counts_if_it_is_whole_and_a_refusal_by_its_status() {
        let cut = |status: u16, text: &str| {
            let mut response = response(status, text);
            response.body_mut().break_off(std::io::Error::other("cut"));
            Ok(response)
        };
        let mut search = MetadataSearch::of("https://id.example").unwrap();
        assert!(search.next_address().is_some());
        search.on_result(cut(404, "no")).unwrap();
        assert!(search.next_address().is_some(), "a refusal needs no body");
        assert_eq!(search.on_result(cut(200, r#"{"issuer":"#)).unwrap_err().to_string(), "cut");
        search.on_result(cut(200, r#"{"issuer":"https://id.example"}"#)).unwrap();
        assert_eq!(search.finish().unwrap().issuer, "https://id.example");
    }

    #[test]
    fn an_issuer_that_is_no_address_is_not_asked() {
        assert!(MetadataSearch::of("http://id.example").is_err());
    }
}
