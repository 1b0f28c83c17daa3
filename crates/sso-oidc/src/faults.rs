//! `serve --fault`: a server that misbehaves on purpose.

use clap::Args;
use sso_oidc_server::{Config, Fault, Strike, StrikeError};

/// How the server misbehaves.
#[derive(Args, Debug)]
pub(crate) struct FaultArgs {
    /// Misbehaves in this way, on purpose; `help` lists the ways. May be repeated: at one request the first one counts
    #[arg(long, value_name = "NAME[=BYTES][@OPERATION][:REQUESTS]", value_parser = asked)]
    fault: Vec<Asked>,
}

/// What one `--fault` asks for.
#[derive(Clone, Copy, Debug)]
enum Asked {
    Help,
    Strike(Strike),
}

fn asked(text: &str) -> Result<Asked, String> {
    if text == "help" {
        return Ok(Asked::Help);
    }
    text.parse().map(Asked::Strike).map_err(|error| match error {
        StrikeError::Fault => format!("{error}; `--fault help` lists them"),
        error => error.to_string(),
    })
}

impl FaultArgs {
    /// Whether the ways are to be listed.
    pub(crate) fn want_help(&self) -> bool {
        self.fault.iter().any(|asked| matches!(asked, Asked::Help))
    }

    /// The configuration with these faults.
    pub(crate) fn apply(&self, config: Config) -> Config {
        self.fault.iter().fold(config, |config, asked| match asked {
            Asked::Help => config,
            Asked::Strike(strike) => config.with_fault(*strike),
        })
    }
}

/// What `--fault help` prints.
pub(crate) fn list() -> String {
    let mut text = String::from("--fault NAME[=BYTES][@OPERATION][:REQUESTS]\n\n");
    let width = Fault::ALL.iter().map(|fault| fault.name().len()).max().unwrap_or_default();
    for fault in Fault::ALL {
        text.push_str(&format!("  {:width$}  {}\n", fault.name(), fault.about()));
    }
    let positions: Vec<_> =
        Fault::ALL.iter().filter(|fault| fault.has_position()).map(|fault| fault.name()).collect();
    text.push_str(&format!(
        "
OPERATION is register, authorize or poll; without it the fault strikes all three.
REQUESTS is N, N-M or N-, counted from 1 among those of the operation; without it the fault strikes every time.
BYTES is for {}: after how many bytes of the request or of the answer, head and all.

refuse@authorize and refuse@poll close the port when the operation before has been answered; what is refused cannot
be counted, so no REQUESTS go with it. The server speaks plain HTTP, so certificates are none of its faults.
",
        positions.join(", ")
    ));
    text
}
