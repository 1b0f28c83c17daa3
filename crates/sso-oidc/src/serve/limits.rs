//! The limits of the test server: on its peers, on its records, and on wrong user codes.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use clap::Args;
use sso_oidc_server::{Capacity, Config, Limits};

use crate::duration;

/// The flags of the limits. The defaults are those of the library, which a test compares.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub(super) struct LimitsArgs {
    /// The most connections. For one more, the server closes the oldest with an incomplete request, else the idlest
    #[arg(long, value_name = "N", default_value = "1024")]
    max_connections: NonZeroUsize,

    /// The most connections from one address, or from one /64 of IPv6. For one more, another of the same is closed. An
    /// address of --trusted-proxy has no such limit
    #[arg(long, value_name = "N", default_value = "768")]
    max_connections_per_address: NonZeroUsize,

    /// The longest head of a request, in bytes, but 8192 or more; a longer one gets HTTP 431
    #[arg(long, value_name = "BYTES", default_value = "16384")]
    max_head_bytes: NonZeroUsize,

    /// The most headers of a request; more get HTTP 431
    #[arg(long, value_name = "N", default_value = "64")]
    max_headers: NonZeroUsize,

    /// The longest body of a request, in bytes; a longer one gets HTTP 413
    #[arg(long, value_name = "BYTES", default_value = "65536")]
    max_body_bytes: NonZeroUsize,

    /// The time between the head of a request and the end of its body; a slower one gets HTTP 408
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::positive)]
    body_timeout: Duration,

    /// The time within which a client takes a byte of its response. Then the connection is closed
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration::positive)]
    write_timeout: Duration,

    /// The time between a response and the end of the next head, and the time for a TLS handshake. Then the connection
    /// is closed
    #[arg(long, value_name = "DURATION", default_value = "75s", value_parser = duration::positive)]
    idle_timeout: Duration,

    /// The time that requests under way get at SIGTERM or Ctrl-C
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration::any)]
    stop_timeout: Duration,

    /// The most registrations in the store
    #[arg(long, value_name = "N", default_value = "100000")]
    max_clients: NonZeroUsize,

    /// The most devices in the store, from their request to some minutes after their end
    #[arg(long, value_name = "N", default_value = "100000")]
    max_devices: NonZeroUsize,

    /// The most authorization codes in the store
    #[arg(long, value_name = "N", default_value = "10000")]
    max_codes: NonZeroUsize,

    /// The most sign-ins with a refresh token in the store
    #[arg(long, value_name = "N", default_value = "100000")]
    max_sign_ins: NonZeroUsize,

    /// The most access tokens in the store
    #[arg(long, value_name = "N", default_value = "100000")]
    max_access_tokens: NonZeroUsize,

    /// The most wrong user codes in a minute from one address, or from one /64 of IPv6. Then none of it is looked at
    #[arg(long, value_name = "N", default_value = "10")]
    max_wrong_codes_per_address: NonZeroU32,

    /// The most wrong user codes in a minute from all addresses. Then no code is looked at
    #[arg(long, value_name = "N", default_value = "5000")]
    max_wrong_codes: NonZeroU32,
}

impl LimitsArgs {
    /// Returns the configuration with these limits.
    pub(super) fn apply(&self, mut config: Config) -> Config {
        let limits = Limits::default()
            .with_connections(self.max_connections.get())
            .with_connections_per_address(self.max_connections_per_address.get())
            .with_head_bytes(self.max_head_bytes.get())
            .with_headers(self.max_headers.get())
            .with_body_bytes(self.max_body_bytes.get())
            .with_body_timeout(self.body_timeout)
            .with_write_timeout(self.write_timeout)
            .with_idle_timeout(self.idle_timeout)
            .with_drain(self.stop_timeout);
        let capacity = Capacity::default()
            .with_clients(self.max_clients.get())
            .with_devices(self.max_devices.get())
            .with_codes(self.max_codes.get())
            .with_families(self.max_sign_ins.get())
            .with_access(self.max_access_tokens.get());
        let guesses = config.policy.guesses.with_per_source(self.max_wrong_codes_per_address.get());
        config.policy.guesses = guesses.with_ceiling(self.max_wrong_codes.get());
        config.with_limits(limits).with_capacity(capacity)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        limits: LimitsArgs,
    }

    fn config(arguments: &[&str]) -> Config {
        let line = Line::try_parse_from([&["serve"], arguments].concat()).unwrap();
        line.limits.apply(Config::default())
    }

    #[test]
    fn the_defaults_are_those_of_the_library() {
        assert_eq!(config(&[]), Config::default());
    }

    #[test]
    fn each_flag_is_a_limit_of_its_own() {
        let second = Duration::from_secs(1);
        let limits = Limits::default();
        let with = |arguments: &[&str]| config(arguments).limits;
        assert_eq!(with(&["--max-connections", "1"]), limits.with_connections(1));
        assert_eq!(with(&["--max-connections-per-address", "1"]), limits.with_connections_per_address(1));
        assert_eq!(with(&["--max-head-bytes", "1"]), limits.with_head_bytes(1));
        assert_eq!(with(&["--max-headers", "1"]), limits.with_headers(1));
        assert_eq!(with(&["--max-body-bytes", "1"]), limits.with_body_bytes(1));
        assert_eq!(with(&["--body-timeout", "1s"]), limits.with_body_timeout(second));
        assert_eq!(with(&["--write-timeout", "1s"]), limits.with_write_timeout(second));
        assert_eq!(with(&["--idle-timeout", "1s"]), limits.with_idle_timeout(second));
        assert_eq!(with(&["--stop-timeout", "0"]), limits.with_drain(Duration::ZERO));
        let capacity = Capacity::default();
        let with = |arguments: &[&str]| config(arguments).capacity;
        assert_eq!(with(&["--max-clients", "1"]), capacity.with_clients(1));
        assert_eq!(with(&["--max-devices", "1"]), capacity.with_devices(1));
        assert_eq!(with(&["--max-codes", "1"]), capacity.with_codes(1));
        assert_eq!(with(&["--max-sign-ins", "1"]), capacity.with_families(1));
        assert_eq!(with(&["--max-access-tokens", "1"]), capacity.with_access(1));
        let guesses = Config::default().policy.guesses;
        let with = |arguments: &[&str]| config(arguments).policy.guesses;
        assert_eq!(with(&["--max-wrong-codes-per-address", "1"]), guesses.with_per_source(1));
        assert_eq!(with(&["--max-wrong-codes", "1"]), guesses.with_ceiling(1));
    }

    #[test]
    fn a_limit_of_nothing_is_refused() {
        for arguments in [["serve", "--max-connections", "0"], ["serve", "--body-timeout", "0s"]] {
            assert!(Line::try_parse_from(arguments).is_err(), "{arguments:?}");
        }
    }
}
