//! The vectors of AWS's dialect.

use http::Method;
use oidc_proto::{Dialect, FaultCode, Operation};
use serde_json::Value;

use crate::meaning;
use crate::vector::{body, check, file, response};

fn check_responses(name: &str) {
    let file = file(name);
    check(name, &file["vectors"], |vector| {
        let operation = vector["operation"].as_str().or_else(|| file["operation"].as_str()).unwrap();
        meaning::response(Dialect::Aws, operation, &response(vector))
    });
}

#[test]
fn responses_to_register_client_mean_what_the_vectors_say() {
    check_responses("register_client.json");
}

#[test]
fn responses_to_start_device_authorization_mean_what_the_vectors_say() {
    check_responses("start_device_authorization.json");
}

#[test]
fn responses_to_create_token_mean_what_the_vectors_say() {
    check_responses("create_token.json");
}

#[test]
fn faults_mean_what_the_vectors_say() {
    check_responses("faults.json");
}

#[test]
fn responses_that_are_no_verdict_mean_what_the_vectors_say() {
    check_responses("indeterminate.json");
}

#[test]
fn every_modelled_exception_is_read_in_every_way_it_travels() {
    let file = file("exceptions.json");
    let (exceptions, ways) = (file["exceptions"].as_array().unwrap(), file["ways"].as_array().unwrap());
    assert_eq!(exceptions.len(), FaultCode::known().count());
    for exception in exceptions {
        let (name, error) = (exception["exception"].as_str().unwrap(), exception["error"].as_str().unwrap());
        for way in ways {
            let filled = way.to_string().replace("EXCEPTION", name).replace("ERROR", error);
            let mut vector: Value = serde_json::from_str(&filled).unwrap();
            vector["status"] = exception["status"].clone();
            // In `error` the wrong region looks like any invalid request.
            let read_as = match name {
                "InvalidRequestRegionException" if way["by_error"] == true => "InvalidRequestException",
                name => name,
            };
            for operation in Operation::SIGN_IN.iter().copied() {
                let meaning = meaning::response(Dialect::Aws, operation.name(), &response(&vector));
                let fault = &meaning["fault"];
                assert_eq!(fault["exception"], read_as, "{name} {}: {meaning}", way["name"]);
                assert_eq!(fault["code"], error, "{name} {}", way["name"]);
                assert_eq!(fault["status"], exception["status"], "{name} {}", way["name"]);
            }
        }
    }
}

#[test]
fn requests_are_read_or_refused_as_the_vectors_say() {
    let file = file("requests.json");
    check("requests.json", &file["vectors"], |vector| {
        let method: Method = vector["method"].as_str().unwrap().parse().unwrap();
        let read = Dialect::Aws
            .operation(&method, vector["path"].as_str().unwrap())
            .and_then(|operation| Dialect::Aws.decode_request(operation, &body(vector)));
        match read {
            Ok(read) => meaning::request(Dialect::Aws, read),
            Err(refusal) => {
                let text = format!("{refusal} {refusal:?}");
                assert!(!text.contains("SECRET"), "{text}");
                meaning::fault(&refusal)
            }
        }
    });
}
