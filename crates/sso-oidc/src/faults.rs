//! `--fault`: a server that misbehaves on purpose.

use clap::Args;
use sso_oidc_server::{Config, FaultRule, FaultRuleError, InjectedFault};

use crate::exit::Failure;

/// How the server misbehaves.
#[derive(Args, Debug)]
pub(crate) struct FaultArgs {
    /// Let the server misbehave in this way, on purpose; `help` lists the ways. May be repeated: at one request the first
    /// one counts
    #[arg(long, value_name = "NAME[=BYTES][@OPERATION][:REQUESTS]", value_parser = asked)]
    fault: Vec<Asked>,
}

/// What one `--fault` asks for.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Help,
    FaultRule(FaultRule),
}

fn asked(text: &str) -> Result<Asked, String> {
    if text == "help" {
        return Ok(Asked::Help);
    }
    text.parse().map(Asked::FaultRule).map_err(|error| match error {
        FaultRuleError::InjectedFault => format!("{error}; `--fault help` lists them"),
        error => error.to_string(),
    })
}

impl FaultArgs {
    /// Whether the ways are to be listed.
    pub(crate) fn want_help(&self) -> bool {
        self.fault.iter().any(|asked| matches!(asked, Asked::Help))
    }

    /// The configuration with these faults. Those of the certificate need a CA that is made.
    pub(crate) fn apply(&self, config: Config, makes_ca: bool) -> Result<Config, Failure> {
        self.fault.iter().try_fold(config, |config, asked| match asked {
            Asked::Help => Ok(config),
            Asked::FaultRule(rule) if rule.fault().needs_tls() && !makes_ca => {
                let fault = rule.fault();
                let failure =
                    Failure::usage(format_args!("the fault {fault} needs a CA that signs as it is told"));
                Err(failure.with_hint("--tls makes one, without --tls-certificate"))
            }
            Asked::FaultRule(rule) => Ok(config.with_fault(*rule)),
        })
    }
}

/// What `--fault help` prints.
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
OPERATION is register, authorize or poll; without it the fault applies to all three. It may be revoke or discover, too: a
provider's revocation (RFC 7009) and metadata (RFC 8414).
REQUESTS is N, N-M or N-, counted from 1 among those of the operation; without it the fault applies every time.
BYTES is for {}: after how many bytes of the request or of the answer, head and all.

refuse@authorize, @poll and @revoke close the port when the operation before has been answered; what is refused cannot
be counted, so no REQUESTS go with it.

{} are faults of the certificate, and need --tls. They apply to connections: with OPERATION
those that are for it (one of the three), if one sign-in at a time is made, and REQUESTS counts them. Each has one request.
",
        positions.join(", "),
        certificates.join(", ")
    ));
    text
}
