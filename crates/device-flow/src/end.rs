//! The end of a flow, device or code.

use oidc_proto::{Registration, Token};

use crate::client::KnownClient;
use crate::{Granted, Outcome, Tick};

/// How a flow has ended.
#[derive(Debug)]
pub(crate) enum End {
    /// With a token.
    Granted(Box<Granted>),
    /// Without a token.
    WithoutToken(Box<WithoutToken>),
    /// [`Outcome::Cancelled`], a state that needs no allocation.
    Cancelled(Option<Box<KnownClient>>),
}

/// The outcome of [`End::Cancelled`].
static CANCELLED: Outcome = Outcome::Cancelled;

impl End {
    /// Creates an end with a token, for a request sent at this time.
    pub(crate) fn granted(client: KnownClient, token: Token, requested_at: Tick) -> Self {
        let KnownClient { registration, origin } = client;
        let newly_registered = origin.is_new();
        Self::Granted(Box::new(Granted { token, requested_at, registration, newly_registered }))
    }

    /// Creates an end without a token. A rejected client is not kept.
    pub(crate) fn without_token(client: Option<KnownClient>, outcome: Outcome) -> Self {
        Self::WithoutToken(Box::new(WithoutToken { outcome, client }))
    }

    /// Creates the end of a cancellation.
    pub(crate) fn cancelled(client: Option<KnownClient>) -> Self {
        Self::Cancelled(client.map(Box::new))
    }

    pub(crate) const fn outcome(&self) -> Result<&Granted, &Outcome> {
        match self {
            Self::Granted(granted) => Ok(granted),
            Self::WithoutToken(end) => Err(&end.outcome),
            Self::Cancelled(_) => Err(&CANCELLED),
        }
    }

    /// Returns the registration in use, unless the service has rejected it.
    pub(crate) fn registration(&self) -> Option<&Registration> {
        match self {
            Self::Granted(granted) => Some(&granted.registration),
            Self::WithoutToken(end) => end.client.as_ref().map(|client| &client.registration),
            Self::Cancelled(client) => client.as_ref().map(|client| &client.registration),
        }
    }

    pub(crate) fn is_newly_registered(&self) -> bool {
        match self {
            Self::Granted(granted) => granted.newly_registered,
            Self::WithoutToken(end) => end.client.as_ref().is_some_and(|client| client.origin.is_new()),
            Self::Cancelled(client) => client.as_ref().is_some_and(|client| client.origin.is_new()),
        }
    }
}

/// An end without a token, and the client unless the service has rejected it.
#[derive(Debug)]
pub(crate) struct WithoutToken {
    pub(crate) outcome: Outcome,
    pub(crate) client: Option<KnownClient>,
}
