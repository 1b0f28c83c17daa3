//! The golden vectors of this folder: what stands on the wire, and what it means.

mod aws;
mod meaning;
mod metadata;
mod oauth;
mod pkce;
mod vector;
