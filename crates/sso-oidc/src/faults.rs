//! `--fault`: the faults that the test server injects.

use std::time::Duration;

use clap::Args;
use sso_oidc_server::{Config, FaultRule, FaultRuleError, InjectedFault};

use crate::duration;
use crate::exit::Failure;

/// The `--fault` flag.
#[derive(Args, Debug)]
pub(crate) struct FaultArgs {
    /// Inject this fault into the server; `help` lists all faults. May be repeated; the first fault that matches a
    /// request applies
    #[arg(long, value_name = "NAME[=BYTES][@OPERATION][:REQUESTS]", value_parser = asked)]
    fault: Vec<Asked>,

    /// The Retry-After of the faults that send one, in whole seconds
    #[arg(long, value_name = "DURATION", default_value = "11s", value_parser = duration::lifetime)]
    retry_after: Duration,
}

/// The value of one `--fault`.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Help,
    FaultRule(FaultRule),
}

fn asked(text: &str) -> Result<Asked, String> {
    if text == "help" {
        return Ok(Asked::Help);
    }
    rule(text).map(Asked::FaultRule)
}

/// Parses the fault of a flag.
///
/// # Errors
/// The text is no fault. The message says how to find one.
pub(crate) fn rule(text: &str) -> Result<FaultRule, String> {
    text.parse().map_err(|error| match error {
        FaultRuleError::InjectedFault => format!("{error}; `sso-oidc serve --fault help` lists them"),
        error => error.to_string(),
    })
}

impl FaultArgs {
    /// Returns whether to print the list of faults.
    pub(crate) fn want_help(&self) -> bool {
        self.fault.iter().any(|asked| matches!(asked, Asked::Help))
    }

    /// Adds these faults to the configuration. Certificate faults need a generated CA.
    ///
    /// # Errors
    /// A certificate fault without a generated CA.
    pub(crate) fn apply(&self, config: Config, makes_ca: bool) -> Result<Config, Failure> {
        self.fault.iter().try_fold(config.with_retry_after(self.retry_after), |config, asked| match asked {
            Asked::Help => Ok(config),
            Asked::FaultRule(rule) if rule.fault().needs_tls() && !makes_ca => {
                let fault = rule.fault();
                let failure = Failure::usage(format_args!(
                    "the fault {fault} needs a generated CA to sign its certificate"
                ));
                Err(failure.with_hint("pass --tls, without --tls-certificate"))
            }
            Asked::FaultRule(rule) => Ok(config.with_fault(*rule)),
        })
    }
}

/// Returns the text of `--fault help`.
pub(crate) fn list() -> String {
    let mut text = String::from("--fault NAME[=BYTES][@OPERATION][:REQUESTS]\n\n");
    let width = InjectedFault::ALL.iter().map(|fault| fault.name().len()).max().unwrap_or_default();
    for fault in InjectedFault::ALL {
        text.push_str(&format!("  {:width$}  {}\n", fault.name(), fault.about()));
    }
    let named = |which: fn(InjectedFault) -> bool| -> Vec<_> {
        InjectedFault::ALL.iter().filter(|fault| which(**fault)).map(|fault| fault.name()).collect()
    };
    let (positions, certificates) = (named(InjectedFault::has_position), named(InjectedFault::needs_tls));
    text.push_str(&format!(
        "
OPERATION is register, authorize or poll; the default is all three. It may also be revoke (RFC 7009), introspect
(RFC 7662) or discover (RFC 8414), which only OAuth clients call, or one of the portal's: accounts, roles, credentials,
logout. It may be page, the browser's requests for /authorize: the look at the page, and the decision.
REQUESTS is N, N-M or N-, counted from 1 for each operation; the default is every request.
BYTES applies to {}: the fault acts after this many bytes of the request or of the
response, headers included.

slow-down, expired, access-denied, invalid-client, invalid-grant and server-error are answers of the protocol. They act
only at operations that have them, and before anything is done. A code or token that is expired, denied or rejected stays
so.

refuse@authorize, @poll, @revoke and @introspect close the port after the response to the operation before, @page after
the registration, and the portal's after the token. Refused requests cannot be counted, so refuse takes no REQUESTS.

{} are certificate faults, and need --tls.
They act on connections, before the request is known, and each connection then carries one request. With OPERATION
(register, authorize or poll) they act on its connections, if only one sign-in runs at a time. REQUESTS counts connections.
",
        positions.join(", "),
        certificates.join(", ")
    ));
    text
}
