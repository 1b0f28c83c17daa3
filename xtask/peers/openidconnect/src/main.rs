//! What the `openidconnect` crate makes of a server's discovery. `ISSUER` says where. What it read goes to
//! standard output, a word and its value a line. It fetches the keys, too, as it always does.

use std::env;
use std::error::Error;

use openidconnect::core::CoreProviderMetadata;
use openidconnect::{IssuerUrl, reqwest};

fn main() -> Result<(), Box<dyn Error>> {
    let issuer = IssuerUrl::new(env::var("ISSUER")?)?;
    let http = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;
    let metadata = CoreProviderMetadata::discover(&issuer, &http)?;
    println!("issuer {}", metadata.issuer().as_str());
    println!("authorization_endpoint {}", metadata.authorization_endpoint().as_str());
    println!("token_endpoint {}", metadata.token_endpoint().ok_or("no token endpoint")?.as_str());
    println!("keys {}", metadata.jwks().keys().len());
    Ok(())
}
