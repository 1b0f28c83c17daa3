//! The smallest program around the server. It listens on a free loopback port until it is killed, and a
//! person approves.
//!
//! Run `cargo run -p sso-oidc-server --example serve`, then open the printed address in a browser.

use sso_oidc_server::{Config, Server};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), sso_oidc_server::ServeError> {
    let server = Server::bind(Config::default()).await?;
    println!("listening on {}", server.endpoint());
    server.serve(std::future::pending()).await;
    Ok(())
}
