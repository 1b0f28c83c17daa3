//! `serve --control`: the control API, and its token.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use sso_oidc_server::{Config, Control, Secret};

use super::address;
use crate::exit::Failure;
use crate::registration_key;

/// The flags of the control API.
#[derive(Args, Debug)]
pub(super) struct ControlArgs {
    /// Serve the control API at this address: another process approves, moves the clock and reads the requests. A port
    /// alone is one of 127.0.0.1, and port 0 means a free one
    #[arg(long, value_name = "[ADDRESS:]PORT", value_parser = address)]
    control: Option<SocketAddr>,

    /// A file with the bearer token of the control API. Without it the token is random, and printed at the start
    #[arg(long, value_name = "FILE", requires = "control")]
    control_token_file: Option<PathBuf>,
}

/// The token of the control API.
pub(super) struct Token {
    pub(super) secret: Secret,
    /// Whether the caller does not have it.
    pub(super) is_new: bool,
}

impl Token {
    /// Returns the lines that tell the caller where the control API is. A token from a file is not repeated.
    pub(super) fn lines(&self, endpoint: &str) -> String {
        let token =
            if self.is_new { format!("control token {}\n", self.secret.expose()) } else { String::new() };
        format!("control at {endpoint}\n{token}")
    }
}

impl ControlArgs {
    /// Adds the control API to the configuration, if it is wanted. Returns its token.
    ///
    /// # Errors
    /// The file of the token cannot be read, or the system has no randomness.
    pub(super) fn apply(&self, config: Config) -> Result<(Config, Option<Token>), Failure> {
        let Some(listen) = self.control else { return Ok((config, None)) };
        let token = match &self.control_token_file {
            Some(path) => {
                let text = registration_key::read(path, "control token").map_err(|error| {
                    Failure::other(format_args!("cannot read the control token {}: {error}", path.display()))
                })?;
                Token { secret: Secret::from(text.expose().trim_end()), is_new: false }
            }
            None => {
                let made = registration_key::random();
                let failed = |error| Failure::other(format_args!("cannot make a control token: {error}"));
                Token { secret: made.map_err(failed)?, is_new: true }
            }
        };
        let control = Control::new(token.secret.clone()).with_listen(listen);
        if !listen.ip().is_loopback() {
            tracing::warn!("the control API is plain HTTP, and other machines can reach it");
        }
        Ok((config.with_control(control), Some(token)))
    }
}
