//! The rules of the test server: approval, polling and lifetimes.

use std::time::Duration;

use clap::{Args, ValueEnum};
use sso_oidc_server::{Approval, Config, Rotation, ServerPolicy, SlowDown};

use crate::duration;

/// The rules for approval, polling and token lifetimes.
#[derive(Args, Debug)]
pub(super) struct RulesArgs {
    /// How a request is decided: on the page (manual), or by the server. after-polls counts for device codes only
    #[arg(long, value_name = "manual|auto|after-polls=N|deny|expire", default_value = "manual")]
    pub(super) approve: Approval,

    /// The least time between two polls of one device; the real service uses 1s. A fraction of a second is announced
    /// rounded up, because the wire has whole seconds
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = duration::any)]
    interval: Duration,

    /// The lifetime of a device code and its user code; the real service uses 10m
    #[arg(long, value_name = "DURATION", default_value = "10m", value_parser = duration::lifetime)]
    device_ttl: Duration,

    /// How long a device code that brought tokens brings the same ones again, for a client that lost the response; at
    /// most 10m. Without it a second use is refused, and ends the tokens
    #[arg(long, value_name = "DURATION", default_value = "0", value_parser = grace)]
    device_grace: Duration,

    /// The lifetime of an access token, in both dialects; the real service uses 8h, or 1h if a refresh token comes
    /// with it. Those are the defaults, also for the OAuth endpoints, where a provider decides
    #[arg(long, alias = "token-ttl", value_name = "DURATION", value_parser = duration::lifetime)]
    access_ttl: Option<Duration>,

    /// The lifetime of a sign-in, in both dialects: its refresh tokens end then, and a refresh does not extend it
    /// [default: 90d]
    #[arg(long, value_name = "DURATION", value_parser = duration::lifetime)]
    refresh_ttl: Option<Duration>,

    /// The lifetime of an ID token, which a token with the scope openid brings [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = duration::lifetime)]
    id_token_ttl: Option<Duration>,

    /// The lifetime of a client's registration, in both dialects; the real service uses 90d. A client with an expired
    /// one gets invalid_client [default: 90d]
    #[arg(long, value_name = "DURATION", value_parser = duration::lifetime)]
    registration_ttl: Option<Duration>,

    /// When an early poll gets slow_down. always: even after the decision, with the new interval. strict: only before
    /// the decision. grace: like strict, from the second early poll on, because the AWS CLI polls twice at the start.
    /// off: never
    #[arg(
        long,
        value_name = "always|strict|grace|off",
        default_value = "grace",
        hide_possible_values = true
    )]
    slow_down: SlowDownChoice,

    /// How long a used refresh token is valid. strict: not at all, and reuse ends the sign-in. grace: one more
    /// minute, because AWS's tools refresh in parallel. reuse: until the sign-in ends [default: grace for AWS's API,
    /// strict for the OAuth endpoints]
    #[arg(long, value_name = "grace|strict|reuse", hide_possible_values = true)]
    refresh: Option<RefreshChoice>,
}

/// Parses a grace. The records of used codes are kept for as long after their expiry.
fn grace(text: &str) -> Result<Duration, String> {
    let longest = ServerPolicy::default().remember_expired;
    duration::any(text).and_then(|grace| match grace > longest {
        true => Err(format!("expected at most {}m", longest.as_secs() / 60)),
        false => Ok(grace),
    })
}

/// The response to an early poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SlowDownChoice {
    /// `slow_down`, even after the decision.
    Always,
    /// `slow_down` for every early poll before the decision.
    Strict,
    /// `slow_down` from the second early poll on.
    Grace,
    /// No `slow_down`.
    Off,
}

/// The validity of a used refresh token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RefreshChoice {
    /// Valid for one more minute.
    Grace,
    /// Invalid; its reuse revokes the token family (RFC 9700).
    Strict,
    /// Valid until the sign-in ends.
    Reuse,
}

impl RulesArgs {
    /// Returns the configuration of a server with these rules.
    pub(super) fn config(&self) -> Config {
        let mut config = Config::default()
            .with_approval(self.approve)
            .with_interval(self.interval)
            .with_device_ttl(self.device_ttl)
            .with_device_grace(self.device_grace)
            .with_slow_down(match self.slow_down {
                SlowDownChoice::Always => SlowDown::Always,
                SlowDownChoice::Strict => SlowDown::Strict,
                SlowDownChoice::Grace => SlowDown::Grace,
                SlowDownChoice::Off => SlowDown::Off,
            });
        if let Some(ttl) = self.access_ttl {
            config = config.with_access_ttl(ttl);
        }
        if let Some(ttl) = self.refresh_ttl {
            config.policy.refresh_ttl = ttl;
        }
        if let Some(ttl) = self.id_token_ttl {
            config.policy.id_token_ttl = ttl;
        }
        if let Some(ttl) = self.registration_ttl {
            config.policy.registration_ttl = ttl;
        }
        match self.refresh {
            Some(RefreshChoice::Grace) => config.with_rotation(Rotation::Grace),
            Some(RefreshChoice::Strict) => config.with_rotation(Rotation::Strict),
            Some(RefreshChoice::Reuse) => config.with_rotation(Rotation::Reuse),
            None => config,
        }
    }
}
