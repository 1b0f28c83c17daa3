//! Both adapters over real sockets: against the project's server, and against one that misbehaves.

mod brought;
mod foreign;
mod in_process;
mod oauth;
mod proxied;
mod reqwest;
mod scenarios;
mod tls;
mod ureq;
