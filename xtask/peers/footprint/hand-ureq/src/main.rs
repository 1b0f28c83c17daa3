//! A sign-in by hand over ureq: `ENDPOINT [CLIENT_ID CLIENT_SECRET]`. No deadline, no retry, no second look
//! at an answer, and no sleep between polls. With `TIME_LIMIT` in the environment a request has 40 seconds, and ureq
//! looks up its address in a thread. With `SMALL_BUFFERS`, a connection has 16 KiB for input and 8 KiB for output, in
//! place of ureq's 128 KiB each.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use ureq::tls::{RootCerts, TlsConfig};

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

fn post<T: DeserializeOwned>(agent: &ureq::Agent, address: &str, message: &impl Serialize) -> T {
    let body = serde_json::to_vec(message).expect("strings");
    let answer = agent.post(address).content_type("application/json").send(&body[..]);
    serde_json::from_slice(&answer.expect("an answer").into_body().read_to_vec().expect("a body"))
        .expect("JSON")
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().expect("an endpoint");
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .root_certs(RootCerts::PlatformVerifier)
        .build();
    let small = std::env::var_os("SMALL_BUFFERS").is_some();
    let [input, output] = if small { [16 * 1024, 8 * 1024] } else { [128 * 1024, 128 * 1024] };
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .input_buffer_size(input)
        .output_buffer_size(output)
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(std::env::var_os("TIME_LIMIT").map(|_| Duration::from_secs(40)))
        .tls_config(tls)
        .build()
        .into();
    let client = match arguments.next().zip(arguments.next()) {
        Some((client_id, client_secret)) => Registered { client_id, client_secret },
        None => {
            let register = Register { client_name: "by hand", client_type: "public" };
            post(&agent, &format!("{endpoint}/client/register"), &register)
        }
    };
    let (client_id, client_secret) = (&*client.client_id, &*client.client_secret);
    let authorize = Authorize { client_id, client_secret, start_url: "https://example.awsapps.com/start" };
    let device: Authorized = post(&agent, &format!("{endpoint}/device_authorization"), &authorize);
    let grant_type = "urn:ietf:params:oauth:grant-type:device_code";
    let poll = CreateToken { client_id, client_secret, device_code: &device.device_code, grant_type };
    let address = format!("{endpoint}/token");
    loop {
        let answer: Answer = post(&agent, &address, &poll);
        match answer.error.as_deref() {
            Some("authorization_pending") => {}
            Some(other) => panic!("{other}"),
            None => return assert!(answer.access_token.is_some_and(|token| !token.is_empty())),
        }
    }
}
