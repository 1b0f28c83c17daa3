//! The server's endpoints, and the clients.

use http::Uri;
use oidc_proto::oauth::{Metadata, Provider};
use oidc_proto::{Answer, Client, EndpointError, Operation, RegisterClientRequest, Service};
use serde_json::{Map, Value};

use super::{Run, Target, requests};
use crate::Step;
use crate::transcript::is_metadata;

/// The beginning of the path that RFC 8414 §3.1 asks for.
const OWN: &str = "/.well-known/oauth-authorization-server";

impl Run<'_> {
    /// # Errors
    /// There are no endpoints to check, or there is no client.
    pub(super) fn find_target(&mut self) -> Result<Target, String> {
        let (service, lists_s256) = match self.plan.endpoints() {
            Some(endpoints) => {
                self.leave_out(&[Step::Metadata], "the endpoints were given");
                (endpoints.into(), false)
            }
            None => {
                let metadata = self.fetch_metadata()?;
                let mut methods = list(&metadata, "code_challenge_methods_supported");
                let device = self.plan.device_authorization.as_deref();
                (service(&metadata, device)?, methods.any(|method| method == "S256"))
            }
        };
        let client = match self.plan.client.clone() {
            Some(client) => {
                self.leave_out(&[Step::Registration], "the client was given");
                client
            }
            None => self.register(&service, Step::Registration)?,
        };
        self.transcript.client = Some(client.clone());
        let other = match self.plan.other.clone() {
            Some(other) => {
                self.leave_out(&[Step::OtherRegistration], "the second client was given");
                Ok(other)
            }
            None => self.register(&service, Step::OtherRegistration),
        };
        Ok(Target { service, client, other, pkce: self.plan.pkce || lists_s256 })
    }

    /// Tries the well-known addresses, that of RFC 8414 first.
    fn fetch_metadata(&mut self) -> Result<Map<String, Value>, String> {
        let mut addresses =
            Metadata::well_known(&self.plan.issuer).map_err(|error: EndpointError| error.to_string())?;
        addresses.sort_by_key(|address: &Uri| !address.path().starts_with(OWN));
        for address in addresses {
            let Some(exchange) = self.send(&requests::get(Step::Metadata, address)) else { break };
            if let Ok(answer) = &exchange.answer
                && is_metadata(answer)
                && let Some(metadata) = answer.json()
            {
                return Ok(metadata.clone());
            }
        }
        Err("there is no metadata, and so no endpoint to check".to_owned())
    }

    /// Registers a public client.
    ///
    /// # Errors
    /// The server does not allow that.
    fn register(&mut self, service: &Service, step: Step) -> Result<Client, String> {
        if let Some(why) = requests::lacks(service, Operation::RegisterClient) {
            let why = format!("no client was given, and {why}");
            self.leave_out(&[step], &why);
            return Err(why);
        }
        let request = requests::registration(service, step, &self.plan.scope);
        let exchange = request.and_then(|request| self.send(&request));
        let answer = exchange.as_ref().and_then(|exchange| exchange.answer.as_ref().ok());
        let Some(answer) = answer else { return Err(format!("{step} got no response")) };
        match service.decode::<RegisterClientRequest, _>(&answer.response) {
            Answer::Success(registration) => Ok(registration.client),
            _ => Err(format!(
                "no client was given, and the server refused to register one: {}",
                answer.summary()
            )),
        }
    }
}

/// Returns the endpoints of the metadata, with the device authorization endpoint that was given. One that cannot be
/// used is left out.
///
/// # Errors
/// One of the two endpoints of the device grant cannot be used.
fn service(metadata: &Map<String, Value>, device: Option<&str>) -> Result<Service, String> {
    let url = |name: &str| metadata.get(name).and_then(Value::as_str);
    let needed = |name: &str| url(name).ok_or_else(|| format!("the metadata has no {name}"));
    let device = device.map_or_else(|| needed("device_authorization_endpoint"), Ok)?;
    let token = needed("token_endpoint")?;
    let mut provider = Provider::new(device, token).map_err(|error| error.to_string())?;
    if let Some(with) =
        url("registration_endpoint").and_then(|url| provider.clone().with_registration(url).ok())
    {
        provider = with;
    }
    if let Some(with) = url("revocation_endpoint").and_then(|url| provider.clone().with_revocation(url).ok())
    {
        provider = with;
    }
    Ok(provider.into())
}

/// Returns the texts of a list in the metadata.
fn list<'a>(metadata: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a str> {
    metadata.get(name).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
