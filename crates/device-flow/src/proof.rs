//! PKCE on the device grant (RFC 7636 with RFC 8628): verifier and challenge.

use oidc_proto::{Dialect, Secret};

use crate::machine::State;
use crate::setup::Asking;
use crate::{DeviceFlow, Pkce};

/// The proof that one program requests both codes and token.
pub(crate) struct Proof {
    pub(crate) verifier: Secret,
    pub(crate) challenge: Box<str>,
}

/// Neither belongs in a log: the challenge links two flows of one program.
impl core::fmt::Debug for Proof {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Proof(..)")
    }
}

impl DeviceFlow {
    /// Returns whether this flow uses PKCE, by its policy and the provider's announcement. A driver with
    /// entropy checks this first, and passes a verifier to [`with_pkce`](Self::with_pkce).
    ///
    /// ```
    /// use device_flow::{DeviceFlow, Pkce, Policy, Tick};
    /// use oidc_proto::oauth::Provider;
    ///
    /// let provider = Provider::new("https://id.example/device", "https://id.example/token")?;
    /// let wants = |provider: &Provider, pkce| {
    ///     DeviceFlow::new(provider.clone(), Policy::oauth().with_pkce(pkce), None, Tick::ZERO).wants_pkce()
    /// };
    /// assert!(!wants(&provider, Pkce::WhenOffered) && wants(&provider, Pkce::Always));
    /// let offering = provider.with_pkce();
    /// assert!(wants(&offering, Pkce::WhenOffered) && !wants(&offering, Pkce::Never));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn wants_pkce(&self) -> bool {
        let is_wanted = match self.policy.pkce {
            Pkce::Always => true,
            Pkce::WhenOffered => self.service.offers_pkce(),
            Pkce::Never => false,
        };
        is_wanted && self.service.dialect() == Dialect::OAuth
    }

    /// Returns the same flow with PKCE. The request for codes carries the challenge, each poll the verifier.
    /// The machine has no entropy, so both come from the driver: `oidc_proto::pkce` makes them from 256
    /// random bits. Pass them to a new flow, before its first [`poll`](Self::poll). AWS's dialect ignores
    /// them.
    ///
    /// ```
    /// use device_flow::{Action, DeviceFlow, Policy, Tick};
    /// use oidc_proto::oauth::Provider;
    /// use oidc_proto::{Client, Secret};
    ///
    /// let provider = Provider::new("https://id.example/device", "https://id.example/token")?;
    /// let policy = Policy::oauth().with_client(Client::public("my-tool"));
    /// let verifier = Secret::from("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"); // RFC 7636, Appendix B
    /// let mut flow = DeviceFlow::new(provider, policy, None, Tick::ZERO)
    ///     .with_pkce(verifier, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    /// let Action::Send(pending) = flow.poll(Tick::ZERO) else { panic!("it asks for codes") };
    /// let body = String::from_utf8_lossy(pending.request().body().as_ref()).into_owned();
    /// assert!(body.contains("code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn with_pkce(mut self, verifier: Secret, challenge: impl Into<String>) -> Self {
        if self.service.dialect() == Dialect::OAuth {
            self.proof = Some(Box::new(Proof { verifier, challenge: challenge.into().into() }));
            if let State::Authorize(asking) = self.state {
                let client = asking.client.known();
                let proof = self.proof.as_deref();
                let asking = Asking::new(&self.service, &self.policy, proof, client, asking.setup);
                self.state = State::Authorize(Box::new(asking));
            }
        }
        self
    }
}
