//! The token and registration cache that AWS's tools share, and the config file they read.
#![warn(
    clippy::exhaustive_enums,
    clippy::exhaustive_structs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
#![cfg_attr(
    test,
    allow(clippy::indexing_slicing, reason = "a test that indexes past the end should fail loudly")
)]

mod config;
mod identity;

pub use config::{Config, LoadError, Problem, Profile, SettingsError, SsoSettings, SyntaxError};
pub use identity::Identity;
