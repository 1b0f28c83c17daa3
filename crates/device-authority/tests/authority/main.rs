//! The authority's decisions at virtual time, operation by operation; against a reference, in random
//! histories and in every short one.

mod access;
mod approval;
mod authorize;
mod code_grant;
mod common;
mod device_grant;
mod explore;
mod guess;
mod history;
mod id_token;
mod introspection;
mod memory;
mod model;
mod oauth;
mod pace;
mod person;
mod pkce;
mod proof;
mod refresh;
mod register;
mod start;
