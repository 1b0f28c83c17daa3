//! A server that signs users in to AWS IAM Identity Center, a thousand at a time, and survives its own restart.
//!
//! ```console
//! $ export START_URL=https://d-1234567890.awsapps.com/start DIRECTORY=sign-ins
//! $ REGION=eu-west-1 cargo run
//! $ ENDPOINT=http://127.0.0.1:8400 cargo run
//! $ curl -X POST http://127.0.0.1:8080/sign-in
//! ```
//!
//! `POST /sign-in` returns an id, and a code to approve. `GET /sign-in/{id}` returns the state of that sign-in, and
//! `DELETE /sign-in/{id}` cancels it. `LISTEN` is the address, by default `127.0.0.1:8080`. Ctrl-C and SIGTERM end
//! the server within half a minute, a second one at once. The next server resumes the sign-ins of the same directory.
//!
//! Out of scope: the server does not authenticate its own clients, and does not limit their number.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use device_flow_reqwest::{Endpoint, HttpClient, Policy};
use example_web::{SignIns, router};
use tokio::net::TcpListener;
use tokio::time::timeout;

const USAGE: &str = "usage: START_URL=… DIRECTORY=… REGION=…|ENDPOINT=… [LISTEN=…] example-web";

/// The timeout of one request to AWS. A sign-in stops only after the response.
const REQUEST: Duration = Duration::from_secs(20);

/// The time limit of a shutdown. Kubernetes waits for 30 seconds.
const END: Duration = Duration::from_secs(25);

#[tokio::main]
async fn main() -> ExitCode {
    let (sign_ins, listener) = match configured().await {
        Ok(configured) => configured,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let router = router(Arc::clone(&sign_ins));
    let ending = sign_ins.ending.clone().cancelled_owned();
    let server = tokio::spawn(axum::serve(listener, router).with_graceful_shutdown(ending).into_future());
    told_to_end().await;
    sign_ins.ending.cancel();
    let ended = async {
        _ = server.await;
        sign_ins.ended().await;
    };
    let in_time = tokio::select! {
        ended = timeout(END, ended) => ended.is_ok(),
        () = told_to_end() => false,
    };
    if in_time {
        return ExitCode::SUCCESS;
    }
    eprintln!("Not all requests have ended. A sign-in that was cut off goes on from its file.");
    ExitCode::FAILURE
}

/// Reads the settings from the environment.
async fn configured() -> Result<(Arc<SignIns>, TcpListener), Box<dyn Error>> {
    let variable = |name| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let endpoint = match variable("ENDPOINT") {
        Ok(url) => Endpoint::custom(&url)?,
        Err(_) => Endpoint::for_region(&variable("REGION")?)?,
    };
    let client =
        HttpClient::builder(endpoint).user_agent("example-web/0.1").request_timeout(REQUEST).build()?;
    let policy = Policy::aws(variable("START_URL")?).with_client_name("example-web");
    let directory = variable("DIRECTORY")?;
    let listen = variable("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(&listen).await.map_err(|error| format!("{listen}: {error}"))?;
    let sign_ins = SignIns::open(client, policy, directory.as_ref()).await;
    let sign_ins = sign_ins.map_err(|error| format!("{directory}: {error}"))?;
    eprintln!("Listening on http://{}.", listener.local_addr()?);
    Ok((sign_ins, listener))
}

async fn told_to_end() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};

        let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM can be handled");
        tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = terminate.recv() => {} }
    }
    #[cfg(not(unix))]
    let _ = tokio::signal::ctrl_c().await;
}
