//! The bodies of the fuzz targets: functions over bytes that panic if an invariant is broken.
//!
//! `cargo fuzz run TARGET -- -dict=fuzz/dict/TARGET.dict` runs them with libFuzzer's inputs. `cargo test` runs them
//! with the committed seeds in `corpus/TARGET/*.seed`, with every prefix and many single-byte changes of these, and
//! with the golden vectors of oidc-proto.
//!
//! Each target, its input or subject, and the invariants:
//!
//! - [`response`], [`oauth_response`]: the client's parsers of responses. A parsed value survives a round trip, and
//!   no printed text depends on a secret.
//! - [`request`], [`oauth_request`]: the server's parsers of requests. The same.
//! - [`portal_response`], [`portal_request`]: both sides' parsers of the portal API, and its access token. The same. A
//!   request stays at its host.
//! - [`messages`]: messages of both sides, made from bytes. Each side reads the messages of the other.
//! - [`differential`]: both sides' JSON parsers. They agree with serde_json's values on every member.
//! - [`metadata`]: a provider's metadata, and the search for it. The metadata is for the right issuer, survives a
//!   round trip, and has no unsafe URL. The search ends in time, and requests no unsafe URL.
//! - [`endpoint`]: base URLs, regions, start URLs. Requests go to the named host, encrypted or within this machine.
//! - [`pkce`]: verifiers and challenges. Only a well-formed verifier matches, and only its own challenge.
//! - [`retry_after`]: seconds and dates. The wait is that of the two headers.
//! - [`config`]: the AWS config file. Errors name a line of the file, and cache files stay in their folder. An edit
//!   changes its own section only.
//! - [`role_credentials`]: the file of role credentials, which the AWS CLI shares. A read value survives a round trip,
//!   no printed text depends on a secret, and a sign-out finds the file.
//! - [`flow`]: the client's state machine under any sequence of calls. It keeps the rules of its documentation, and
//!   is compared with a model.
//! - [`history`]: whole sign-ins, from histories and scripts made from bytes. The same rules. Responses on the wire
//!   have the effect of the same replies.
//! - [`callback`]: requests at a redirect URI, byte by byte, and pasted addresses. Only the first response with the
//!   right state is accepted. No page has a text of the request, and a head is bounded.
//! - [`authorize`]: authorization requests, and the authority's decision. A request and its response survive a round
//!   trip. The response goes to a registered redirect URI only. A record is bounded.
//! - [`authority`]: the authority's store under any sequence of operations of both grants. There is no token without
//!   an approval, and one token per code. No code is used by another client, at another address or without its
//!   verifier. There is no guess beyond the limit, and nothing beyond its expiry or the capacity.

mod authority;
mod authorize;
mod callback;
mod config;
mod config_edit;
mod differential;
mod endpoint;
mod flow;
mod hide;
mod history;
mod messages;
mod metadata;
mod oauth;
mod pkce;
mod portal;
mod retry_after;
mod role_credentials;
mod script;
mod session;
#[cfg(test)]
mod vectors;
mod wire;

pub use authority::authority;
pub use authorize::authorize;
pub use callback::callback;
pub use config::config;
pub use config_edit::config_edit;
pub use differential::differential;
pub use endpoint::endpoint;
pub use flow::flow;
pub use history::history;
pub use messages::messages;
pub use metadata::metadata;
pub use oauth::{oauth_request, oauth_response};
pub use pkce::pkce;
pub use portal::{portal_request, portal_response};
pub use retry_after::retry_after;
pub use role_credentials::role_credentials;
pub use wire::{request, response};

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Runs a body over its seeds and their variations.
    fn near_the_seeds(target: &str, body: fn(&[u8])) {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        let mut seeds = 0;
        for entry in std::fs::read_dir(&dir).unwrap() {
            let seed = std::fs::read(entry.unwrap().path()).unwrap();
            body(&seed);
            for at in 0..seed.len() {
                body(&seed[..at]);
                for change in [1, 0x20, 0x80, 0xff] {
                    let mut changed = seed.clone();
                    changed[at] ^= change;
                    body(&changed);
                }
            }
            seeds += 1;
        }
        assert!(seeds >= 10, "{target} has {seeds} seeds");
    }

    /// Defines one test per target.
    macro_rules! targets {
        ($($target:ident)*) => {
            /// The names of the tested targets.
            const TARGETS: &[&str] = &[$(stringify!($target)),*];

            mod near_the_seeds_no_rule_is_broken {
                $(
                    #[test]
                    fn $target() {
                        super::near_the_seeds(stringify!($target), crate::$target);
                    }
                )*
            }
        };
    }

    targets! {
        authority
        authorize
        callback
        config
        config_edit
        differential
        endpoint
        flow
        history
        messages
        metadata
        oauth_request
        oauth_response
        pkce
        portal_request
        portal_response
        request
        response
        retry_after
        role_credentials
    }

    #[test]
    fn every_target_that_libfuzzer_runs_is_tested() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz_targets");
        let mut files: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
            .collect();
        files.sort_unstable();
        assert_eq!(files, TARGETS);
    }

    /// Checks that each seed still has the end that its name says.
    #[test]
    fn flow_seeds_end_as_they_are_named() {
        for (seed, end) in [
            ("granted", "Granted"),
            ("cached-immediate", "Granted"),
            ("slow-down", "Granted"),
            ("overloads", "Granted"),
            ("cached-client-rejected-while-polling", "Granted"),
            ("denied", "Denied"),
            ("expired-by-service", "Expired(Service"),
            ("expired-by-clock", "Expired(Clock"),
            ("end-of-time", "Expired(Clock"),
            ("lost-grant", "GrantLost"),
            ("lost-then-pending", "Expired(Service"),
            ("rejected-client", "Rejected"),
            ("stale-while-another-is-out", "Granted"),
            ("misuse", "Cancelled"),
            ("impatient", "Unreachable"),
            ("invalid", "InvalidResponse"),
            ("refused-by-proxy", "Unreachable { operation: RegisterClient, error: Failed(ProxyRefused)"),
            ("poll-refused-by-proxy", "Granted"),
            ("no-such-endpoint", "Refused"),
        ] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/flow");
            let seed = std::fs::read(dir.join(format!("{seed}.seed"))).unwrap();
            let outcome = match crate::flow::drive(&seed) {
                Ok(_) => "Granted".to_owned(),
                Err(outcome) => format!("{outcome:?}"),
            };
            assert!(outcome.starts_with(end), "{}: {outcome}", String::from_utf8_lossy(&seed));
        }
    }

    fn seed(path: &str) -> Vec<u8> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(path)).unwrap()
    }

    #[test]
    fn authorize_seeds_are_answered_as_they_are_named() {
        use crate::authorize::Answer::{Code, Fault, Page};
        for (name, answer) in [
            ("any-loopback", Code),
            ("any-scope", Code),
            ("approved", Code),
            ("aws", Code),
            ("expired", Code),
            ("https", Code),
            ("ipv6", Code),
            ("parameters", Code),
            ("response-mode", Code),
            ("denied", Fault),
            ("form-post", Fault),
            ("implicit", Fault),
            ("no-challenge", Fault),
            ("no-entropy", Fault),
            ("no-grant", Fault),
            ("plain", Fault),
            ("prompt-none", Fault),
            ("repeated", Fault),
            ("request-object", Fault),
            ("request-uri", Fault),
            ("elsewhere", Page),
            ("twice", Page),
            ("unknown-client", Page),
            ("user-info", Page),
        ] {
            assert_eq!(crate::authorize::drive(&seed(&format!("authorize/{name}.seed"))), answer, "{name}");
        }
    }

    #[test]
    fn callback_seeds_are_answered_as_they_are_named() {
        use device_flow::Callback::{Accepted, Late, NotFound, Unrelated};
        for (name, answers) in [
            ("absolute", &[Accepted][..]),
            ("both", &[Unrelated]),
            ("carriage-returns", &[]),
            ("code", &[Accepted]),
            ("code-twice", &[Unrelated]),
            ("code-with-issuer", &[Accepted]),
            ("denied", &[Accepted]),
            ("encoded", &[Accepted]),
            ("failed", &[Accepted]),
            ("flood", &[]),
            ("guess-first", &[Unrelated, NotFound, Accepted]),
            ("line-feeds", &[Accepted]),
            ("many-fields", &[Unrelated]),
            ("pasted", &[Accepted]),
            ("pasted-elsewhere", &[NotFound, Accepted]),
            ("post", &[]),
            ("second", &[Accepted, Late]),
            ("state-twice", &[Unrelated]),
            ("tls", &[]),
            ("wrong-issuer", &[Accepted]),
        ] {
            assert_eq!(crate::callback::drive(&seed(&format!("callback/{name}.seed"))), answers, "{name}");
        }
    }
}
