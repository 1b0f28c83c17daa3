//! The bodies of the fuzz targets: functions over bytes that panic when something that must hold does not.
//!
//! `cargo fuzz run TARGET` feeds them with whatever libFuzzer thinks up; `cargo test` feeds them with the committed
//! seeds in `corpus/TARGET/*.seed`, and with every cut and many single-byte changes of them.
//!
//! | target | what it drives | what must hold |
//! |---|---|---|
//! | [`response`] | the client's reading of responses | no panic; what was read is written and read again the same; nothing printed depends on a secret |
//! | [`request`] | the server's reading of requests | the same |
//! | [`flow`] | the client's state machine, by any sequence of calls | the rules of its documentation, held against a model |

mod flow;
mod script;
mod wire;

pub use flow::flow;
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

    #[test]
    fn responses_near_the_seeds_break_no_rule() {
        near_the_seeds("response", crate::response);
    }

    #[test]
    fn requests_near_the_seeds_break_no_rule() {
        near_the_seeds("request", crate::request);
    }

    #[test]
    fn flows_near_the_seeds_break_no_rule() {
        near_the_seeds("flow", crate::flow);
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
        ] {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/flow");
            let seed = std::fs::read(dir.join(format!("{seed}.seed"))).unwrap();
            let outcome = format!("{:?}", crate::flow::drive(&seed));
            assert!(outcome.starts_with(end), "{}: {outcome}", String::from_utf8_lossy(&seed));
        }
    }
}
