//! The golden vectors of this folder: wire messages and their meaning.

mod aws;
mod meaning;
mod metadata;
mod oauth;
mod pkce;
mod vector;
