//! Both adapters over real sockets, against the project's server and against a faulty stub.

mod brought;
mod foreign;
mod in_process;
mod oauth;
mod portal;
mod proxied;
mod renewed;
mod reqwest;
mod scenarios;
mod tls;
mod ureq;
