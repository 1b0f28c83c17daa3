//! Credentials for the AWS SDK, from a provider that signs its user in to AWS IAM Identity Center.
//!
//! The SDK's own provider fails when the session has ended, and names a command to run. This one refreshes the session
//! while it can. Then it asks the person, goes on, and leaves the new session to AWS's other tools.
//!
//! ```
//! use aws_credential_types::provider::ProvideCredentials as _;
//! use sso_oidc_credentials::SsoProvider;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (server, home) = (sso_oidc_server::TestServer::start(), tempfile::tempdir()?);
//! # let (endpoint, person) = (std::ffi::OsString::from(server.endpoint()), server.handle());
//! # std::fs::create_dir(home.path().join(".aws"))?;
//! # std::fs::write(home.path().join(".aws/config"), "[profile work]\nsso_session = corp\n\
//! #     sso_account_id = 012345678901\n\
//! #     sso_role_name = AdministratorAccess\n[sso-session corp]\nsso_region = eu-west-1\n\
//! #     sso_start_url = https://d-1234567890.awsapps.com/start\n")?;
//! let provider = SsoProvider::builder()
//!     .profile("work")
//!     .on_prompt(move |prompt| {
//!         eprintln!("{prompt}");
//! #       person.approve(&prompt.user_code).unwrap();
//!     })
//! #   .home_dir(home.path())
//! #   .variables(move |name| (name == "AWS_ENDPOINT_URL").then(|| endpoint.clone()))
//!     .build();
//! provider.sign_in().await?; // refreshes the session, or asks the person
//! let credentials = provider.provide_credentials().await?; // as the SDK does
//! assert_eq!(credentials.account_id().map(|id| id.as_str()), Some("012345678901"));
//! # Ok(())
//! # }
//! ```
//!
//! The SDK takes it as `aws_config::defaults(…).credentials_provider(provider)`. It is a provider of tokens, too
//! (`token_provider`), for services that take the session's own.
//!
//! # What it does, in this order
//!
//! 1. Credentials in `~/.aws/cli/cache` that are good for 15 minutes are used. AWS's command line writes them, too.
//! 2. The token in `~/.aws/sso/cache` is used, or refreshed if that is due. All programs that share it send one
//!    refresh.
//! 3. If only a sign-in helps, one program asks its person, with a device code ([`SsoProviderBuilder::on_prompt`]) or
//!    a browser ([`SsoProviderBuilder::on_browser`]). The others wait, and take the new token.
//! 4. The portal gives the credentials of the role, once for all programs.
//!
//! Without a person to ask, step 3 is an error that names the command line of a sign-in.
//!
//! # Settings
//!
//! Portal, region, scopes and role come from the profile, as in AWS's tools: `sso_session` or `sso_start_url`,
//! `sso_account_id`, `sso_role_name`. Endpoints come from `AWS_ENDPOINT_URL_SSO_OIDC`, `AWS_ENDPOINT_URL_SSO`,
//! `AWS_ENDPOINT_URL`, the profile's `services` section, or `endpoint_url`. FIPS, dual-stack, `AWS_CA_BUNDLE` and
//! proxies count too.
//!
//! # Cancel safety
//!
//! A refresh or a sign-in runs in a task of its own on the tokio runtime. If its caller is dropped, it goes on, and
//! the next call joins it. So no response is lost, and a person can be slower than the SDK's timeout for a provider.
//! The task ends with the runtime.
//!
//! # Errors
//!
//! The SDK's errors have an [`SsoError`] as their source, which tells the [`Reason`]. A profile without a portal is
//! *not loaded*, so a chain of providers goes on. A wrong setting is an *invalid configuration*. All else is a
//! *provider error*.
//!
//! # Features
//!
//! `ring`, `platform-verifier`, `socks` and `system-proxy` are on, and `webpki-roots` and `tracing` are off: those of
//! [`device_flow_reqwest`]. A program that has installed aws-lc-rs as the process's cryptography needs no `ring`.
//!
//! The crate needs Rust 1.89, and works with `aws-credential-types` from 1.2.11 on. The newest of those, and so
//! `aws-config`, need Rust 1.94.1.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![warn(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod builder;
mod environment;
mod error;
mod files;
mod fitness;
mod flight;
mod person;
mod provider;
mod role;
mod session;
mod settings;
mod sign_in;

pub use aws_credential_types;
pub use device_flow_reqwest;
pub use sso_cache;

pub use builder::SsoProviderBuilder;
pub use error::{Reason, SsoError};
pub use provider::SsoProvider;
