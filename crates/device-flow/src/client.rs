//! The client of a flow, and the request that contains its secret.

use core::ops::Range;

use oidc_proto::{Operation, Registration, Request, Secret, Service};

use crate::Policy;

/// A registration and its origin.
#[derive(Debug)]
pub(crate) struct KnownClient {
    pub(crate) registration: Registration,
    pub(crate) origin: Origin,
}

impl KnownClient {
    /// Returns the client of a new flow: the policy's own, or the registration of a cache.
    pub(crate) fn choose(policy: &Policy, cached: Option<Registration>) -> Option<Self> {
        match &policy.client {
            Some(client) => {
                Some(Self { registration: Registration::new(client.clone()), origin: Origin::Own })
            }
            None => cached.map(|registration| Self { registration, origin: Origin::Cache }),
        }
    }
}

/// The origin of a registration, which decides the effect of a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "snake_case"))]
pub(crate) enum Origin {
    /// The program's own client. There is no replacement.
    Own,
    /// A cache. The service may have deleted it.
    Cache,
    /// This flow.
    Flow,
}

impl Origin {
    /// Returns whether this flow made the registration, so a cache should store it.
    pub(crate) const fn is_new(self) -> bool {
        matches!(self, Self::Flow)
    }

    /// Returns whether a new registration may help after a rejection. Only one from a cache can be outdated,
    /// so only that is replaced, and only once. A service without registration has no replacement.
    pub(crate) fn is_replaceable(self, service: &Service) -> bool {
        self == Self::Cache && service.offers(Operation::RegisterClient)
    }
}

/// A client, and the encoded request in its name, which may be sent many times.
///
/// A million flows wait in one process. The client's secret is the longest text, so only the request holds
/// it.
#[derive(Debug)]
pub(crate) struct BoundClient {
    pub(crate) origin: Origin,
    /// The registration without the secret.
    registration: Registration,
    secret: Option<Kept>,
    /// `None` if the service lacks the operation.
    request: Option<Request>,
}

impl BoundClient {
    pub(crate) fn new(client: KnownClient, request: Option<Request>) -> Self {
        let KnownClient { mut registration, origin } = client;
        let secret = registration.client.secret.take().map(|secret| Kept::new(secret, request.as_ref()));
        Self { origin, registration, secret, request }
    }

    pub(crate) const fn request(&self) -> Option<&Request> {
        self.request.as_ref()
    }

    /// Returns the registration, with the secret.
    pub(crate) fn registration(&self) -> Registration {
        let mut registration = self.registration.clone();
        registration.client.secret = self.secret.as_ref().map(|secret| secret.get(self.request()));
        registration
    }

    pub(crate) fn known(&self) -> KnownClient {
        KnownClient { registration: self.registration(), origin: self.origin }
    }
}

/// A secret without a second copy: its range in the request's body, or itself if the body contains it only
/// encoded.
#[derive(Debug)]
pub(crate) enum Kept {
    InBody(Range<u32>),
    Apart(Secret),
}

/// The longest body that is searched for a secret, so a hostile service cannot make the search long. AWS's
/// bodies have some 1,100 bytes.
const LONGEST_SEARCHED: usize = 8192;

impl Kept {
    pub(crate) fn new(secret: Secret, request: Option<&Request>) -> Self {
        match request.and_then(|request| find(request.body().as_ref(), secret.expose().as_bytes())) {
            Some(range) => Self::InBody(range),
            None => Self::Apart(secret),
        }
    }

    pub(crate) fn get(&self, request: Option<&Request>) -> Secret {
        match self {
            Self::InBody(range) => {
                let body = request.map(|request| request.body().as_ref()).unwrap_or_default();
                let bytes = body.get(range.start as usize..range.end as usize);
                Secret::from(bytes.and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default())
            }
            Self::Apart(secret) => secret.clone(),
        }
    }
}

/// Returns the needle's range. A secret's first byte is rare before it, so few places need a comparison.
fn find(body: &[u8], needle: &[u8]) -> Option<Range<u32>> {
    let first = *needle.first().filter(|_| body.len() <= LONGEST_SEARCHED)?;
    let mut starts = body.iter().enumerate().filter(|(_, byte)| **byte == first).map(|(at, _)| at);
    let at = starts.find(|at| body.get(*at..).is_some_and(|rest| rest.starts_with(needle)))?;
    Some(u32::try_from(at).ok()?..u32::try_from(at + needle.len()).ok()?)
}

#[cfg(test)]
mod tests {
    use oidc_proto::{Client, Endpoint, StartDeviceAuthorizationRequest};

    use super::*;

    #[test]
    fn a_secret_is_kept_where_it_stands_in_the_request_and_apart_if_it_does_not_stand_there() {
        let request = |secret: &str| {
            let client = Client::new("secre", Secret::from(secret));
            let call = StartDeviceAuthorizationRequest::new(client, "https://d.example/start");
            let service = Service::from(Endpoint::for_region("eu-west-1").expect("a region"));
            service.encode(&call)
        };
        let long = "x".repeat(LONGEST_SEARCHED);
        let cases = [("secret", true), ("d\"c", false), ("", false), (&*long, false)];
        for (secret, is_shared) in cases {
            let kept = Kept::new(Secret::from(secret), request(secret).as_ref());
            assert_eq!(matches!(kept, Kept::InBody(_)), is_shared, "{secret}");
            assert_eq!(kept.get(request(secret).as_ref()).expose(), secret);
        }
        let got = Kept::new(Secret::from("other"), request("secret").as_ref());
        assert!(matches!(got, Kept::Apart(_)), "{got:?}");
    }
}
