//! A sign-in through the AWS SDK: `ENDPOINT [CLIENT_ID CLIENT_SECRET]`. It has the three calls and no loop,
//! so the loop is here, without a sleep.

use aws_sdk_ssooidc::config::{BehaviorVersion, Region};
use aws_sdk_ssooidc::{Client, Config};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(sign_in());
}

async fn sign_in() {
    let mut arguments = std::env::args().skip(1);
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(arguments.next().expect("an endpoint"))
        .build();
    let client = Client::from_conf(config);
    let (id, secret) = match arguments.next().zip(arguments.next()) {
        Some(given) => given,
        None => {
            let call = client.register_client().client_name("the SDK").client_type("public");
            let registered = call.send().await.expect("a registration");
            (registered.client_id.expect("an id"), registered.client_secret.expect("a secret"))
        }
    };
    let call = client.start_device_authorization().client_id(&id).client_secret(&secret);
    let device = call.start_url("https://example.awsapps.com/start").send().await.expect("an authorization");
    let code = device.device_code.expect("a device code");
    loop {
        let call = client.create_token().client_id(&id).client_secret(&secret).device_code(&code);
        match call.grant_type("urn:ietf:params:oauth:grant-type:device_code").send().await {
            Ok(token) => return assert!(token.access_token.is_some_and(|token| !token.is_empty())),
            Err(error) => {
                let error = error.as_service_error().expect("an answer of the service");
                assert!(error.is_authorization_pending_exception(), "{error}");
            }
        }
    }
}
