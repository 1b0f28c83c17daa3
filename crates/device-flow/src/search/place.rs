//! An address of the metadata search, and the meaning of its result.

use core::time::Duration;

use http::{HeaderValue, Response, Uri};
use oidc_proto::Endpoint;
use oidc_proto::oauth::{Metadata, MetadataError};

use super::error::SearchError;
use super::redirect::{self, NotFollowed};
use crate::{Failure, ResponseBody, TransportError};

/// An address, and the redirects that led to it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) address: Uri,
    pub(super) origin: Endpoint,
    /// The addresses whose redirects led here.
    pub(super) came_from: Vec<Uri>,
    /// The error that makes a retry necessary.
    pub(super) error: Option<SearchError>,
}

/// The meaning of a result for the search.
pub(super) enum Finding {
    /// A document of this issuer.
    Document(Box<Metadata>),
    /// The address redirects.
    Elsewhere(Uri, Endpoint),
    /// This address has no metadata.
    Nothing(SearchError),
    /// A transient error of this address.
    TransientError(SearchError),
    /// A transient error of the whole host, so the search pauses.
    Pause(SearchError, Option<Duration>),
    /// A final error of the search.
    End(SearchError),
}

impl Place {
    /// Creates an initial address.
    pub(super) fn first(address: Uri) -> Option<Self> {
        let origin = redirect::origin(&address)?;
        Some(Self { address, origin, came_from: Vec::new(), error: None })
    }

    /// Returns the meaning of this result, in a search for this issuer.
    pub(super) fn finding(
        &self,
        issuer: &str,
        result: Result<Response<ResponseBody>, TransportError>,
    ) -> Finding {
        let address = redirect::without_query(&self.address);
        let mut response = match result {
            Ok(response) => response,
            Err(source) => return self.no_answer(address, source),
        };
        if let Some(location) = redirect::target(&response) {
            return self.led_to(location).unwrap_or_else(|reason| {
                let target = redirect::shown(&self.address, location);
                Finding::Nothing(SearchError::Redirect { address, target, reason })
            });
        }
        let read = Metadata::decode(issuer, &response);
        let broken = response.body_mut().take_error();
        match (read, broken) {
            (Ok(metadata), _) => Finding::Document(Box::new(metadata)),
            (Err(MetadataError::NotJson(_) | MetadataError::Encoded(_)), Some(source)) => {
                self.no_answer(address, *source)
            }
            (Err(source @ MetadataError::Unavailable { status, retry_after, .. }), _) => {
                let error = SearchError::Metadata { address, source };
                if status == 429 || retry_after.is_some() {
                    Finding::Pause(error, retry_after)
                } else {
                    Finding::TransientError(error)
                }
            }
            (Err(source), _) => Finding::Nothing(SearchError::Metadata { address, source }),
        }
    }

    /// Returns the target of a redirect of this address, if it may be followed.
    fn led_to(&self, location: &HeaderValue) -> Result<Finding, NotFollowed> {
        let address = redirect::follow(&self.address, location)?;
        if address == self.address || self.came_from.contains(&address) {
            return Err(NotFollowed::Loop);
        }
        if self.came_from.len() >= redirect::MOST {
            return Err(NotFollowed::TooMany);
        }
        let origin = redirect::origin(&address).ok_or(NotFollowed::NotAUrl)?;
        Ok(Finding::Elsewhere(address, origin))
    }

    /// Returns the meaning of a missing response.
    fn no_answer(&self, address: Uri, source: TransportError) -> Finding {
        let is_final = source.is_final();
        let is_of_host = source.is_untrusted_certificate() || source.failure() == Failure::ProxyRefused;
        let error = SearchError::Transport { address, source };
        // The addresses share a host, unless a redirect led to another.
        if is_final || (is_of_host && self.came_from.is_empty()) {
            Finding::End(error)
        } else if is_of_host {
            Finding::Nothing(error)
        } else {
            Finding::Pause(error, None)
        }
    }
}
