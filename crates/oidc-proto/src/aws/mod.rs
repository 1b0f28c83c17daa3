//! AWS's dialect. Sources: the API model of `sso-oidc`, version 2019-06-10, and captured exchanges.

pub(crate) mod answer;
mod fault;
pub(crate) mod request;

pub(crate) use fault::encode_fault;
