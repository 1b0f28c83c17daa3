//! The server side of two sign-ins, as pure decisions over loaded records. They are the device authorization
//! grant (RFC 8628), and the authorization code grant with PKCE (RFC 6749 §4.1, RFC 7636).
//!
//! Every operation is a function of a [`ServerPolicy`], the records that the request names, the request, the
//! time and some entropy. It returns a [`Decision`]: the response, and the records to change. This crate
//! reads no clock, draws no randomness, and does not know the store. So a server, a property test and a
//! simulation run the same rules.
//!
//! | operation | records it reads | function |
//! |---|---|---|
//! | RegisterClient | none | [`register_client`], [`register_oauth_client`] |
//! | StartDeviceAuthorization | the client | [`start_device_authorization`] |
//! | CreateToken | the client, and what [`GrantKey`] names | [`create_token`] |
//! | the ID token of its response | the same | [`id_token_claims`] |
//! | RevokeToken | the client, and what the token's [`Selector`] names | [`revoke_token`] |
//! | IntrospectToken | the client; the access token, its family; or the token's family | [`introspect_token`] |
//! | Logout, and any other portal operation | the access token, its family | [`logout`], [`recognize_token`] |
//! | an authorization request | the client, or [`presume_client`] | [`review_authorization`] |
//! | an invalid authorization request | the client, or [`presume_client`] | [`refuse_authorization`] |
//! | the decision on it | the client, or [`presume_client`] | [`authorize`] |
//! | the person looks at a code | the device, its client | [`review`] |
//! | the person decides | the device | [`decide`] |
//! | the person typed a wrong code | the guess records | [`may_guess`], [`count_guess`] |
//!
//! # The contract of a store
//!
//! Load, decide and commit, and let nothing change the loaded records in between (a lock, or
//! compare-and-set). That makes a code single-use when two requests arrive together. Commit all changes
//! or none, *also when the reply is a fault*: a `slow_down` lengthens the interval. A record may be dropped
//! after its `forget_at`. [`Store`] is the contract as a trait, and its methods are the operations. [`Memory`] is
//! such a store, bounded and pure.
//!
//! ```
//! use core::time::Duration;
//! use device_authority::{Capacity, Memory, Moment, NoEntropy, ServerPolicy, UserDecision};
//! use oidc_proto::{CreateTokenRequest, Grant, RegisterClientRequest, StartDeviceAuthorizationRequest};
//!
//! let policy = ServerPolicy::default();
//! let mut store = Memory::new(Capacity::default());
//! // A server fills the bytes with the operating system's randomness.
//! let mut rng = fastrand::Rng::with_seed(1);
//! let mut entropy = |bytes: &mut [u8]| Ok::<(), NoEntropy>(rng.fill(bytes));
//! let now = Moment::new(Duration::from_secs(1_700_000_000));
//!
//! let registration =
//!     store.register_client(&policy, &RegisterClientRequest::new("my-tool"), now, &mut entropy)?;
//! let ask = StartDeviceAuthorizationRequest::new(registration.client.clone(), "https://example.awsapps.com/start");
//! let device = store.start_device_authorization(&policy, &ask, now, &mut entropy)?;
//! store.decide(&policy, None, &device.user_code, UserDecision::APPROVE, now)?;
//! let grant = Grant::device_code(device.device_code);
//! let token =
//!     store.create_token(&policy, &CreateTokenRequest::new(registration.client, grant), now, &mut entropy)?;
//! assert_eq!(token.expires_in, Some(Duration::from_secs(8 * 3600)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, reason = "a test that indexes past the end should fail loudly"),
    allow(clippy::wildcard_enum_match_arm, reason = "a test names what it expects, and fails on all else")
)]

extern crate alloc;

mod access;
mod authorize;
mod client;
mod code;
#[cfg(feature = "conformance")]
pub mod conformance;
mod decision;
mod device;
mod digest;
mod entropy;
mod first_token;
mod grace;
mod grant_key;
mod guess;
mod hex;
mod id_token;
mod introspection;
mod memory;
mod moment;
mod pace;
mod person;
mod policy;
mod proof;
mod record;
mod redirect;
mod refresh;
mod register;
mod revoke;
mod scope;
mod seed;
mod selector;
mod store;
mod subject;
mod token;
mod user_code;

pub use access::{logout, recognize_token};
pub use authorize::{
    AuthorizationError, AuthorizationReview, authorize, authorize_form, presume_client, refuse_authorization,
    review_authorization,
};
pub use decision::{Change, Decision};
pub use device::start_device_authorization;
pub use digest::{Digest, Fingerprint};
pub use entropy::{Entropy, NoEntropy, authorization_code};
pub use grant_key::{GrantKey, Records};
pub use guess::{GuessRecord, Source, TooManyGuesses, count_guess, may_guess};
pub use id_token::{IdTokenClaims, OPENID_SCOPE, id_token_claims};
pub use introspection::introspect_token;
pub use memory::{Capacity, Counts, Memory, Record, RecordKey};
pub use moment::Moment;
pub use person::{PersonError, Review, UserDecision, decide, review};
pub use policy::{GuessLimit, Rotation, ServerPolicy, SlowDown};
pub use proof::{RegistrationKey, WeakKey, recognize_client};
pub use record::{
    AccessRecord, AuthorizationStatus, ClientRecord, CodeRecord, CodeStatus, DeviceRecord, DeviceState,
    FirstUse, Issued, RefreshRecord, UsedToken,
};
pub use register::{granted_registration, register_client, register_oauth_client};
pub use revoke::revoke_token;
pub use seed::Seed;
pub use selector::Selector;
pub use store::{Decide, DeviceKey, Exchanged, Keys, Store, StoreError, Waiting};
pub use subject::{Authentication, Subject, SubjectError};
pub use token::create_token;
pub use user_code::UserCode;
