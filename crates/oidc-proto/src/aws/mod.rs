//! AWS's dialect. Facts from the API model of `sso-oidc`, version 2019-06-10, and from captured exchanges.

pub(crate) mod answer;
mod fault;
pub(crate) mod request;

pub(crate) use fault::encode_fault;
