//! In place of `events` where the feature `tracing` is off: drivers log nothing.

use core::error::Error;

use oidc_proto::Request;

use crate::{DeviceFlow, Exchange, Phase, Status, Tick, UserPrompt};

pub(crate) const fn sending(_: &Request, _: Option<Phase>, _: u32) {}
pub(crate) const fn exchanged(_: &Exchange<'_>, _: Option<Phase>, _: Option<&(dyn Error + 'static)>) {}
pub(crate) const fn prompting(_: &UserPrompt, _: Phase) {}
pub(crate) const fn waiting(_: &Status<'_>) {}
pub(crate) const fn ended(_: &DeviceFlow, _: Tick) {}
pub(crate) const fn fetching(_: &http::Uri) {}
