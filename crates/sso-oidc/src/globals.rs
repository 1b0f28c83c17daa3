//! The global flags, before or after the command's name.

use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use crate::output::Format;

/// The global flags.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// The region of the Identity Center instance [env: AWS_REGION, AWS_DEFAULT_REGION; profile: region,
    /// sso_region; or in the start URL]
    #[arg(long, global = true, value_name = "REGION")]
    pub(crate) region: Option<String>,

    /// Send requests to this URL instead of the region's endpoint [env: AWS_ENDPOINT_URL_SSO_OIDC, AWS_ENDPOINT_URL;
    /// profile: services, endpoint_url]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,

    /// The profile of ~/.aws/config and ~/.aws/credentials to read settings from [env: AWS_PROFILE,
    /// AWS_DEFAULT_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,

    /// The format of results [default: json] [env: AWS_DEFAULT_OUTPUT; profile: output]
    #[arg(
        long,
        global = true,
        value_name = "json|text|table|yaml|yaml-stream|ndjson|off",
        hide_possible_values = true
    )]
    pub(crate) output: Option<Format>,

    /// A JMESPath expression that selects parts of the result. It is checked before the first request. If it still
    /// fails, the whole result is printed, secrets included, because the service gives it only once
    #[arg(long, global = true, value_name = "JMESPATH", allow_hyphen_values = true)]
    pub(crate) query: Option<String>,

    /// Ask for no choice on a terminal
    #[arg(long, global = true)]
    pub(crate) no_input: bool,

    /// Accept any TLS certificate. Machines on the network path can then read the secrets
    #[arg(long, global = true)]
    pub(crate) no_verify_ssl: bool,

    /// The CA certificates to trust: a PEM file, or a directory of PEM files [env: AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE;
    /// profile: ca_bundle]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_bundle: Option<PathBuf>,

    /// Seconds to wait for a connection; 0 means no limit [default: 60]
    #[arg(long, global = true, value_name = "SECONDS")]
    pub(crate) cli_connect_timeout: Option<u32>,

    /// Seconds to wait for a response; 0 means no limit [default: 60]
    #[arg(long, global = true, value_name = "SECONDS")]
    pub(crate) cli_read_timeout: Option<u32>,

    /// Log each step on standard error; secrets are never logged
    #[arg(long, global = true)]
    pub(crate) debug: bool,

    /// Allow an http:// endpoint that is not on this machine. Secrets then travel unencrypted
    #[arg(long, global = true)]
    pub(crate) allow_insecure_http: bool,

    /// Colour in tables and messages; auto means on a terminal, unless NO_COLOR is set
    #[arg(
        long,
        global = true,
        value_name = "auto|always|never",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) color: ColorChoice,

    /// Accepted for scripts written for the AWS CLI. Requests are never signed, and output is never paged.
    #[arg(
        long = "no-sign-request",
        aliases = ["no-cli-pager", "no-paginate", "no-cli-auto-prompt"],
        global = true,
        hide = true,
        action = ArgAction::Count
    )]
    pub(crate) ignored: u8,

    /// Accepted for scripts written for the AWS CLI. No value is binary, and errors have one format.
    #[arg(
        long = "cli-binary-format",
        alias = "cli-error-format",
        global = true,
        hide = true,
        value_name = "FORMAT",
        action = ArgAction::Append
    )]
    pub(crate) ignored_formats: Vec<String>,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    #[value(alias = "on")]
    Always,
    /// Never.
    #[value(alias = "off")]
    Never,
}
