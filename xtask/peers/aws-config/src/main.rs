//! One process of the AWS SDK for Rust: its token provider, for the sso-session, the start URL and the
//! region that are the arguments.
//!
//! It says when it is ready, and waits for its standard input to close, so that all begin together.

use std::io::{self, Read as _};

use aws_config::Region;
use aws_config::sso::SsoTokenProvider;
use aws_credential_types::provider::token::ProvideToken as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut argument = |name| arguments.next().ok_or(name);
    let (session, start_url, region) = (argument("session")?, argument("start URL")?, argument("region")?);
    let config = aws_config::from_env()
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new(region.clone()))
        .load()
        .await;
    let provider = SsoTokenProvider::builder()
        .configure(&config)
        .session_name(session)
        .start_url(start_url)
        .region(Region::new(region))
        .build()
        .await;
    println!("ready");
    io::stdin().read_to_string(&mut String::new())?;
    println!("{}", provider.provide_token().await?.token());
    Ok(())
}
