//! Says who calls AWS, as `aws sts get-caller-identity` does, and signs its user in if that is needed.
//!
//! ```console
//! $ AWS_PROFILE=work cargo run
//! ```

use std::error::Error;
use std::process::ExitCode;

use aws_config::{BehaviorVersion, ConfigLoader};
use aws_sdk_sts::error::DisplayErrorContext;
use sso_oidc_credentials::{SsoProvider, SsoProviderBuilder};

#[cfg(test)]
mod tests;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let provider = SsoProvider::builder().on_prompt(|prompt| eprintln!("{prompt}"));
    match caller(provider, aws_config::defaults(BehaviorVersion::latest())).await {
        Ok(caller) => {
            println!("{caller}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", DisplayErrorContext(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Returns the caller's ARN and user id.
async fn caller(provider: SsoProviderBuilder, config: ConfigLoader) -> Result<String, Box<dyn Error>> {
    let provider = provider.client_name("example-aws-sdk-sign-in").build();
    // The SDK gives a provider some seconds to load credentials, and a person takes longer.
    provider.sign_in().await?;
    let config = config.credentials_provider(provider).load().await;
    let caller = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await?;
    Ok(format!("{} {}", caller.arn().unwrap_or_default(), caller.user_id().unwrap_or_default()))
}
