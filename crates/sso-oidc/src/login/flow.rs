//! The choice of the flow: a browser on this machine, or a device code.

use std::fmt;
use std::path::Path;

use clap::{Args, ValueEnum};
use device_flow::RedirectUri;

use crate::environment::Environment;
use crate::signin::BrowserChoice;

/// The flags of the flow.
#[derive(Args, Debug, Clone)]
pub(crate) struct FlowArgs {
    /// Sign in with a code from a browser on this machine (code) or with a device code (device). auto uses a browser if
    /// there is one here [session: sso_use_device_code] [default: auto]
    #[arg(long, value_name = "auto|device|code", hide_possible_values = true)]
    flow: Option<FlowArg>,

    /// The same as --flow device, as in the AWS CLI
    #[arg(long, conflicts_with = "flow")]
    use_device_code: bool,

    /// Listen for the browser on this port, for a browser behind a port forwarding (docker -p does not reach
    /// 127.0.0.1 inside a container)
    #[arg(long, value_name = "PORT", conflicts_with = "use_device_code", value_parser = clap::value_parser!(u16).range(1..))]
    redirect_port: Option<u16>,

    /// The redirect URI that the client of --client-id is registered with: http://127.0.0.1 or
    /// http://localhost, with an optional port and path
    #[arg(long, value_name = "URI", requires = "client_id", conflicts_with = "redirect_port", value_parser = RedirectUri::parse)]
    redirect_uri: Option<RedirectUri>,
}

/// The values of `--flow`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FlowArg {
    /// As the environment suggests.
    Auto,
    /// The device flow.
    Device,
    /// The authorization code flow.
    Code,
}

/// The chosen flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// The device flow, for this reason unless the user asked for it.
    Device(Option<Reason>),
    /// The authorization code flow.
    Code,
}

/// The reason for a device code where `auto` decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// This text says why no browser comes back here.
    NoBrowser(&'static str),
    /// The portal has no session in the config file.
    NoSession,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoBrowser(reason) => reason,
            Self::NoSession => "the portal has no [sso-session] and no scopes",
        })
    }
}

/// What the choice depends on beside the flags.
pub(super) struct Circumstances<'a> {
    pub(super) environment: &'a Environment,
    pub(super) no_browser: bool,
    /// `sso_use_device_code` of the session.
    pub(super) configured: Option<bool>,
    /// Why the code flow does not fit this sign-in, if it does not.
    pub(super) against: Option<Reason>,
}

impl FlowArgs {
    /// Chooses the flow at a provider. auto is the device flow where the provider has it: a client that was registered
    /// for that may have no redirect URI.
    pub(super) fn choose_at_provider(&self, has_devices: bool) -> Flow {
        match (self.flow, self.use_device_code) {
            (Some(FlowArg::Device), _) | (_, true) => Flow::Device(None),
            (Some(FlowArg::Code), _) => Flow::Code,
            (Some(FlowArg::Auto) | None, _) if has_devices && !self.wants_listener() => Flow::Device(None),
            (Some(FlowArg::Auto) | None, _) => Flow::Code,
        }
    }

    const fn wants_listener(&self) -> bool {
        self.redirect_port.is_some() || self.redirect_uri.is_some()
    }

    /// Returns whether the port is the user's choice.
    pub(super) fn has_port(&self) -> bool {
        self.redirect_uri().port() != 0
    }

    /// Returns where to listen. Port 0 means any.
    pub(super) fn redirect_uri(&self) -> RedirectUri {
        let port = self.redirect_port.unwrap_or_default();
        self.redirect_uri.clone().unwrap_or_else(|| RedirectUri::loopback(port))
    }

    /// Chooses the flow. The flags win over the configuration, and the configuration over the environment.
    pub(super) fn choose(&self, circumstances: &Circumstances<'_>) -> Flow {
        match (self.flow, self.use_device_code, circumstances.configured) {
            (Some(FlowArg::Device), _, _) | (_, true, _) => Flow::Device(None),
            (Some(FlowArg::Code), _, _) => Flow::Code,
            // A port is of use to the code flow only.
            (None, _, _) if self.wants_listener() => Flow::Code,
            (None, _, Some(true)) => Flow::Device(None),
            (None, _, Some(false)) => Flow::Code,
            (Some(FlowArg::Auto) | None, _, _) => automatic(circumstances, &is_container),
        }
    }
}

fn automatic(circumstances: &Circumstances<'_>, is_container: &dyn Fn() -> bool) -> Flow {
    let Circumstances { environment, no_browser, against, .. } = circumstances;
    if let Some(reason) = against {
        return Flow::Device(Some(*reason));
    }
    if *no_browser {
        return Flow::Device(Some(Reason::NoBrowser("--no-browser opens none here")));
    }
    match BrowserChoice::of(environment, false) {
        BrowserChoice::None(reason) => Flow::Device(reason.map(Reason::NoBrowser)),
        // `BROWSER` may name a command that opens a browser on another machine.
        _ if environment.first(&["SSH_CONNECTION", "SSH_TTY"]).is_some() => {
            Flow::Device(Some(Reason::NoBrowser("this is a remote shell")))
        }
        _ if is_container() => Flow::Device(Some(Reason::NoBrowser("this is a container"))),
        _ => Flow::Code,
    }
}

/// Returns whether a container runtime has left its mark. A browser outside cannot reach its loopback address.
fn is_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESKTOP: [(&str, &str); 2] = [("BROWSER", "firefox"), ("DISPLAY", ":0")];

    fn args(flow: Option<FlowArg>, use_device_code: bool, redirect_port: Option<u16>) -> FlowArgs {
        FlowArgs { flow, use_device_code, redirect_port, redirect_uri: None }
    }

    fn auto(variables: [(&str, &str); 2], no_browser: bool, is_container: bool) -> Flow {
        let environment = Environment::from(variables);
        let circumstances =
            Circumstances { environment: &environment, no_browser, configured: None, against: None };
        automatic(&circumstances, &|| is_container)
    }

    #[test]
    fn auto_takes_a_browser_where_one_can_come_back() {
        assert_eq!(auto(DESKTOP, false, false), Flow::Code);
        let device = |reason| Flow::Device(Some(Reason::NoBrowser(reason)));
        assert_eq!(auto(DESKTOP, true, false), device("--no-browser opens none here"));
        assert_eq!(auto(DESKTOP, false, true), device("this is a container"));
        let remote = [("BROWSER", "firefox"), ("SSH_TTY", "/dev/pts/1")];
        assert_eq!(auto(remote, false, false), device("this is a remote shell"));
        assert_eq!(auto([("CI", "true"), ("DISPLAY", ":0")], false, false), device("this is a CI job"));
        if cfg!(all(unix, not(target_os = "macos"))) {
            assert_eq!(
                auto([("LANG", "C"), ("A", "a")], false, false),
                device("this machine has no display")
            );
        }
    }

    #[test]
    fn a_provider_with_devices_gets_a_device_code_unless_the_user_wants_a_browser() {
        let none = args(None, false, None);
        assert_eq!(none.choose_at_provider(true), Flow::Device(None));
        assert_eq!(none.choose_at_provider(false), Flow::Code);
        assert_eq!(args(Some(FlowArg::Code), false, None).choose_at_provider(true), Flow::Code);
        assert_eq!(args(None, false, Some(8400)).choose_at_provider(true), Flow::Code);
        assert_eq!(args(Some(FlowArg::Device), false, None).choose_at_provider(false), Flow::Device(None));
        assert_eq!(args(None, true, None).choose_at_provider(false), Flow::Device(None));
    }

    #[test]
    fn flags_win_over_the_configuration_and_that_over_the_environment() {
        let environment = Environment::from(DESKTOP);
        let choose = |args: FlowArgs, configured, against| {
            args.choose(&Circumstances { environment: &environment, no_browser: true, configured, against })
        };
        let none = args(None, false, None);
        assert_eq!(choose(none.clone(), Some(true), None), Flow::Device(None));
        assert_eq!(choose(none.clone(), Some(false), None), Flow::Code);
        let legacy = Some(Reason::NoSession);
        assert_eq!(choose(none, None, legacy), Flow::Device(legacy));
        assert_eq!(choose(args(None, true, None), Some(false), None), Flow::Device(None));
        assert_eq!(choose(args(Some(FlowArg::Code), false, None), Some(true), legacy), Flow::Code);
        assert_eq!(choose(args(Some(FlowArg::Device), false, None), Some(false), None), Flow::Device(None));
        assert_eq!(choose(args(None, false, Some(8400)), Some(true), None), Flow::Code);
        assert!(matches!(
            choose(args(Some(FlowArg::Auto), false, None), Some(false), legacy),
            Flow::Device(_)
        ));
    }
}
