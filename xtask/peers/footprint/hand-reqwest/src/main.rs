//! A sign-in by hand over reqwest: `ENDPOINT [CLIENT_ID CLIENT_SECRET]`. No deadline, no retry, no second look at an
//! answer, and no sleep between polls. The root certificates are compiled in; with `SYSTEM_ROOTS` in the
//! environment they are the system's, which reqwest loads when a client is made. With `FEW_EXTRAS`, reqwest looks for
//! no proxy, and ends no idle connection.

use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use rustls::{ClientConfig, RootCertStore};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Register {
    client_name: &'static str,
    client_type: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    client_id: String,
    client_secret: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Authorize<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    start_url: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorized {
    device_code: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CreateToken<'a> {
    client_id: &'a str,
    client_secret: &'a str,
    device_code: &'a str,
    grant_type: &'static str,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    access_token: Option<String>,
    error: Option<String>,
}

async fn post<T: DeserializeOwned>(http: &reqwest::Client, address: &str, message: &impl Serialize) -> T {
    let body = serde_json::to_vec(message).expect("strings");
    let json = HeaderValue::from_static("application/json");
    let answer = http.post(address).header(CONTENT_TYPE, json).body(body).send().await.expect("an answer");
    serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
}

fn http() -> reqwest::Client {
    let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    if std::env::var_os("FEW_EXTRAS").is_some() {
        builder = builder.no_proxy().http1_only().pool_idle_timeout(None);
    }
    let provider = rustls::crypto::ring::default_provider();
    if std::env::var_os("SYSTEM_ROOTS").is_some() {
        provider.install_default().expect("no other provider");
        return builder.build().expect("a client");
    }
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions();
    let tls = tls.expect("ring knows them").with_root_certificates(roots).with_no_client_auth();
    builder.tls_backend_preconfigured(tls).build().expect("a client")
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(sign_in());
}

async fn sign_in() {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().expect("an endpoint");
    let http = http();
    let client = match arguments.next().zip(arguments.next()) {
        Some((client_id, client_secret)) => Registered { client_id, client_secret },
        None => {
            let register = Register { client_name: "by hand", client_type: "public" };
            post(&http, &format!("{endpoint}/client/register"), &register).await
        }
    };
    let (client_id, client_secret) = (&*client.client_id, &*client.client_secret);
    let authorize = Authorize { client_id, client_secret, start_url: "https://example.awsapps.com/start" };
    let device: Authorized = post(&http, &format!("{endpoint}/device_authorization"), &authorize).await;
    let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    let poll = CreateToken { client_id, client_secret, device_code: &device.device_code, grant_type };
    let address = format!("{endpoint}/token");
    loop {
        let answer: Answer = post(&http, &address, &poll).await;
        match answer.error.as_deref() {
            Some("authorization_pending") => {}
            Some(other) => panic!("{other}"),
            None => return assert!(answer.access_token.is_some_and(|token| !token.is_empty())),
        }
    }
}
