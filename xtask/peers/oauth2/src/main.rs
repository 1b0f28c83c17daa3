//! A program that signs in with the `oauth2` crate, as a test of our server. What it shows goes to standard
//! error. What it does and gets goes to standard output, a word and its value a line.
//!
//! `ISSUER` and `CLIENT_ID` say where and as whom; `CLIENT_SECRET` and `SCOPE` are as one likes; with
//! `IMPATIENT` it does not sleep between its polls. `FLOW=code` is the authorization code flow at a server that
//! decides by itself.

use std::env;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use oauth2::basic::BasicClient;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, DeviceAuthorizationUrl, PkceCodeChallenge,
    RedirectUrl, RequestTokenError, Scope, StandardDeviceAuthorizationResponse, TokenResponse, TokenUrl,
    reqwest, url::Url,
};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let issuer = env::var("ISSUER")?;
    let scopes = env::var("SCOPE").unwrap_or_default();
    let is_impatient = env::var_os("IMPATIENT").is_some();
    let mut client = BasicClient::new(ClientId::new(env::var("CLIENT_ID")?))
        .set_auth_uri(AuthUrl::new(format!("{issuer}/authorize"))?)
        .set_redirect_uri(RedirectUrl::new("http://127.0.0.1:49152/callback".to_owned())?)
        .set_token_uri(TokenUrl::new(format!("{issuer}/oauth/token"))?)
        .set_device_authorization_url(DeviceAuthorizationUrl::new(format!(
            "{issuer}/oauth/device_authorization"
        ))?);
    if let Ok(secret) = env::var("CLIENT_SECRET") {
        client = client.set_client_secret(ClientSecret::new(secret));
    }
    // As its documentation asks for: a redirect of a token endpoint is nothing to follow.
    let http = reqwest::blocking::Client::builder().redirect(reqwest::redirect::Policy::none()).build()?;

    let scopes = scopes.split_whitespace().map(|scope| Scope::new(scope.to_owned()));
    let token = if env::var("FLOW").is_ok_and(|flow| flow == "code") {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let request = client.authorize_url(CsrfToken::new_random).add_scopes(scopes);
        let (url, state) = request.set_pkce_challenge(challenge).url();
        let answer = http.get(url).send()?;
        let location = Url::parse(answer.headers().get("location").ok_or("no redirect")?.to_str()?)?;
        let parameter = |name: &str| {
            location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        };
        if parameter("state").as_ref() != Some(state.secret()) {
            return Err("the answer is for another request".into());
        }
        if let Some(error) = parameter("error") {
            println!("error {error}");
            return Ok(ExitCode::FAILURE);
        }
        let code = AuthorizationCode::new(parameter("code").ok_or("no code")?);
        match client.exchange_code(code).set_pkce_verifier(verifier).request(&http) {
            Ok(token) => token,
            Err(RequestTokenError::ServerResponse(answer)) => {
                println!("error {}", answer.error());
                return Ok(ExitCode::FAILURE);
            }
            Err(other) => return Err(other.into()),
        }
    } else {
        let device: StandardDeviceAuthorizationResponse =
            match client.exchange_device_code().add_scopes(scopes).request(&http) {
                Ok(device) => device,
                Err(RequestTokenError::ServerResponse(answer)) => {
                    println!("refused {}", answer.error());
                    return Ok(ExitCode::FAILURE);
                }
                Err(other) => return Err(other.into()),
            };
        let complete = device.verification_uri_complete().ok_or("no verification_uri_complete")?;
        eprintln!("open {}", complete.secret());
        let sleep = |time: Duration| {
            println!("sleep {}", time.as_secs());
            if !is_impatient {
                std::thread::sleep(time);
            }
        };
        match client.exchange_device_access_token(&device).request(&http, sleep, None) {
            Ok(token) => token,
            Err(RequestTokenError::ServerResponse(answer)) => {
                println!("error {}", answer.error());
                return Ok(ExitCode::FAILURE);
            }
            Err(other) => return Err(other.into()),
        }
    };
    show("token", &token);
    if let Some(refresh_token) = token.refresh_token() {
        let fresh = client.exchange_refresh_token(refresh_token).request(&http)?;
        show("refreshed", &fresh);
        let rotated = fresh.refresh_token().is_some_and(|fresh| fresh.secret() != refresh_token.secret());
        println!("rotated {rotated}");
        match client.exchange_refresh_token(refresh_token).request(&http) {
            Err(RequestTokenError::ServerResponse(answer)) => println!("again {}", answer.error()),
            other => println!("again {other:?}"),
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(what: &str, token: &impl TokenResponse) {
    println!("{what} {}", token.access_token().secret());
    let scopes = token.scopes().map(|scopes| scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>());
    println!("scope {}", scopes.unwrap_or_default().join(" "));
    println!("life {}", token.expires_in().unwrap_or_default().as_secs());
}
