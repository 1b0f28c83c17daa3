//! Scripts: sign-ins whose course is laid down beforehand, poll by poll.

mod notation;
pub(crate) mod play;
mod run;

use core::str::FromStr;
use core::time::Duration;

use device_authority::{ServerPolicy, UserCode};
use oidc_proto::Secret;

pub(crate) use self::run::Run;
#[cfg(feature = "faults")]
use crate::InjectedFault;

/// A script for a server: the course of sign-ins, in TOML. Its notation is in the crate's documentation.
///
/// ```
/// use sso_oidc_server::{Config, Script, TestServer};
///
/// let script: Script = r#"
///     [[sign_in]]
///     client = "my-tool"
///     user_code = "BCDF-GHJK"
///     polls = [{ answer = "pending", times = 2 }, "slow_down", "token"]
/// "#
/// .parse()?;
/// let server = TestServer::with(Config::default().with_script(script))?;
///
/// let error = "[[sign_in]]\npolls = [\"maybe\"]".parse::<Script>().unwrap_err().to_string();
/// assert!(error.contains("line 2") && error.contains("slow_down"), "{error}");
/// # drop(server);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    sign_ins: Vec<SignIn>,
}

/// The reason why a text is no script. It names the line, and what is allowed there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScriptError(String);

/// One sign-in of a script.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct SignIn {
    /// The name or id of the client; `None` means any.
    client: Option<String>,
    start_url: Option<String>,
    chosen: Chosen,
    expires_in: Option<Duration>,
    interval: Option<Duration>,
    token_expires_in: Option<Duration>,
    polls: Vec<Step>,
}

/// The chosen codes and tokens of a sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct Chosen {
    pub(crate) user_code: Option<UserCode>,
    pub(crate) device_code: Option<Secret>,
    pub(crate) access_token: Option<Secret>,
    pub(crate) refresh_token: Option<Secret>,
}

/// A step: some polls in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The response; `None` means that of the server's rules.
    pub(crate) answer: Option<Answer>,
    #[cfg(feature = "faults")]
    pub(crate) fault: Option<InjectedFault>,
    /// The time before the response.
    pub(crate) delay: Duration,
    times: u32,
}

/// The scripted response to a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Pending,
    SlowDown,
    Deny,
    Expire,
    Token,
}

impl FromStr for Script {
    type Err = ScriptError;

    fn from_str(text: &str) -> Result<Self, ScriptError> {
        notation::parse(text).map(|sign_ins| Self { sign_ins })
    }
}

impl Script {
    fn steps(&self) -> impl Iterator<Item = &Step> {
        self.sign_ins.iter().flat_map(|sign_in| &sign_in.polls)
    }

    /// Returns whether a step waits.
    pub(crate) fn waits(&self) -> bool {
        self.steps().any(|step| !step.delay.is_zero())
    }

    /// Returns the faults of all steps.
    #[cfg(feature = "faults")]
    pub(crate) fn faults(&self) -> impl Iterator<Item = InjectedFault> {
        self.steps().filter_map(|step| step.fault)
    }
}

impl SignIn {
    fn matches(&self, id: &str, name: Option<&str>, start_url: Option<&str>) -> bool {
        let is_client = self.client.as_deref().is_none_or(|client| client == id || Some(client) == name);
        is_client && (self.start_url.is_none() || self.start_url.as_deref() == start_url)
    }

    /// Returns the policy of this sign-in's codes and tokens.
    fn policy(&self, policy: &ServerPolicy) -> ServerPolicy {
        let mut policy = policy.clone();
        policy.device_ttl = self.expires_in.unwrap_or(policy.device_ttl);
        policy.interval = self.interval.unwrap_or(policy.interval);
        if let Some(ttl) = self.token_expires_in {
            policy.long_access_ttl = ttl;
            policy.short_access_ttl = ttl;
        }
        policy
    }

    /// Returns the step of a poll, counted from 0. The last step is repeated.
    fn step(&self, poll: u32) -> Option<Step> {
        let mut end = 0_u32;
        let of_poll = self.polls.iter().find(|step| {
            end = end.saturating_add(step.times);
            poll < end
        });
        of_poll.or_else(|| self.polls.last()).copied()
    }
}
