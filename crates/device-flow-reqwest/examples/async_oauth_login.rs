//! A whole life of a token at any RFC 8628 provider, async: found by its issuer, signed in to, refreshed, revoked.
//!
//! `ISSUER` and `CLIENT_ID` say where and as whom; `CLIENT_SECRET` and `SCOPE` are as the client needs them.
//! With `REFRESH` the token is refreshed once, with `REVOKE` it is revoked in the end. The prompt is on stderr,
//! access tokens are on stdout.
//!
//! The example of `device-flow-ureq` looks alike on purpose: a reader of one crate needs no other.
//!
//! ```console
//! $ ISSUER=http://127.0.0.1:8400 CLIENT_ID=my-tool SCOPE=openid cargo run --example async_oauth_login
//! ```

use std::env;
use std::error::Error;
use std::process::ExitCode;

use device_flow_reqwest::{Client, Endpoint, HttpClient, Policy, RevocationRequest, Secret};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let issuer = Endpoint::custom(&required("ISSUER")?)?;
    let (http, _metadata) = HttpClient::builder(issuer).discover().await?;
    let client = match env::var("CLIENT_SECRET") {
        Ok(secret) => Client::new(required("CLIENT_ID")?, Secret::new(secret)).with_basic_authentication(),
        Err(_) => Client::public(required("CLIENT_ID")?),
    };
    let scope = env::var("SCOPE").unwrap_or_default();
    let policy = Policy::oauth().with_client(client.clone()).with_scopes(scope.split_whitespace());
    let signed_in = match http.login(policy).run(|prompt| eprintln!("{prompt}")).await {
        Ok(signed_in) => signed_in,
        Err(end) => {
            eprintln!("Not signed in: {end}");
            return Ok(ExitCode::FAILURE);
        }
    };
    let mut token = signed_in.token;
    eprintln!("Signed in after {} polls, for {:?}.", signed_in.polls, token.scope.unwrap_or_default());
    println!("{}", token.access_token.expose());
    if let (Some(refresh_token), true) = (token.refresh_token.clone(), env::var_os("REFRESH").is_some()) {
        token = http.refresh(&client, &refresh_token).await?;
        let is_new = token.refresh_token.as_ref() != Some(&refresh_token);
        eprintln!("Refreshed; the refresh token is {}.", if is_new { "a new one" } else { "the old one" });
        println!("{}", token.access_token.expose());
    }
    if let (Some(refresh_token), true) = (token.refresh_token, env::var_os("REVOKE").is_some()) {
        http.revoke(&RevocationRequest::refresh_token(client.clone(), refresh_token.clone())).await?;
        match http.refresh(&client, &refresh_token).await {
            Ok(_) => return Err("a revoked token was good for another".into()),
            Err(refusal) => eprintln!("Revoked; a refresh is answered with {refusal}."),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn required(name: &str) -> Result<String, String> {
    env::var(name).map_err(|_| format!("set {name} in the environment"))
}
