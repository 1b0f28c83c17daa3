//! The bodies of the fuzz targets: functions over bytes that panic when something that must hold does not.
//!
//! `cargo fuzz run TARGET -- -dict=fuzz/dict/TARGET.dict` feeds them with whatever libFuzzer thinks up; `cargo test`
//! feeds them with the committed seeds in `corpus/TARGET/*.seed`, with every cut and many single-byte changes of them,
//! and with the golden vectors of oidc-proto.
//!
//! | target | what it drives | what must hold |
//! |---|---|---|
//! | [`response`], [`oauth_response`] | the client's reading of responses | no panic; what was read is written and read again the same; nothing printed depends on a secret |
//! | [`request`], [`oauth_request`] | the server's reading of requests | the same |
//! | [`messages`] | both sides, by messages made of the bytes | what one side writes, the other reads |
//! | [`differential`] | both sides' readers of JSON | they agree with serde_json's plain values on every member |
//! | [`metadata`] | what a provider says of itself, and the search for it | it is the right provider's, reads again the same, and leads to no unsafe URL; a search ends, in its time, and goes nowhere unsafe |
//! | [`endpoint`] | base URLs, regions, start URLs | requests go to the host that was named, encrypted or within this machine |
//! | [`pkce`] | verifiers and challenges | only a well-formed verifier matches, and only its own challenge |
//! | [`retry_after`] | seconds and dates | the waiting time that the two headers say |
//! | [`config`] | the AWS config file | errors name a line of the file; cache files stay in their folder |
//! | [`flow`] | the client's state machine, by any sequence of calls | the rules of its documentation, held against a model |
//! | [`history`] | whole sign-ins, by histories and scripts made of the bytes | the rules once more; answers from the wire do what the same replies do |
//! | [`authority`] | the authority's store, by any sequence of operations | no token without an approval, one token a code, no guess beyond the limit, nothing beyond its life or its capacity |

mod authority;
mod config;
mod differential;
mod endpoint;
mod flow;
mod hide;
mod history;
mod messages;
mod metadata;
mod oauth;
mod pkce;
mod retry_after;
mod script;
mod session;
#[cfg(test)]
mod vectors;
mod wire;

pub use authority::authority;
pub use config::config;
pub use differential::differential;
pub use endpoint::endpoint;
pub use flow::flow;
pub use history::history;
pub use messages::messages;
pub use metadata::metadata;
pub use oauth::{oauth_request, oauth_response};
pub use pkce::pkce;
pub use retry_after::retry_after;
pub use wire::{request, response};

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Runs a body over its seeds and over what is near them.
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

    /// One test a target.
    macro_rules! targets {
        ($($target:ident)*) => {
            /// The names of the targets that are tested.
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
        config
        differential
        endpoint
        flow
        history
        messages
        metadata
        oauth_request
        oauth_response
        pkce
        request
        response
        retry_after
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

    /// So that a seed does not come to stand for less than its name says.
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
            ("violation", "ProtocolViolation"),
            ("refused-by-proxy", "Unreachable { operation: RegisterClient, trouble: Failed(ProxyRefused)"),
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
}
