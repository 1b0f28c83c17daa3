//! Faults in the members of a JSON body, as some providers write them against the standard.

use serde_json::{Map, Value};

use super::InjectedFault;
use super::message::Message;

/// The header in which AWS names an error.
const ERROR_TYPE: &str = "x-amzn-errortype";

/// Rewrites the members that this fault affects. A body without them stays unchanged.
pub(super) fn rewrite(fault: InjectedFault, message: &mut Message) {
    let Ok(mut members) = serde_json::from_slice::<Map<String, Value>>(&message.body) else { return };
    match fault {
        InjectedFault::OddToken => odd_token(&mut members),
        InjectedFault::CodeElsewhere => {
            if let Some(code) = members.remove("error") {
                members = Map::from_iter([("status".to_owned(), 400.into()), ("message".to_owned(), code)]);
                message.remove(ERROR_TYPE);
            }
        }
        InjectedFault::CodeInCapitals => {
            if let Some(Value::String(code)) = members.get_mut("error") {
                *code = code.to_ascii_uppercase();
                message.remove(ERROR_TYPE);
            }
        }
        _ => return,
    }
    message.body = Value::Object(members).to_string().into_bytes();
    message.measure();
}

fn odd_token(members: &mut Map<String, Value>) {
    for (token, token_type, expires_in) in
        [("accessToken", "tokenType", "expiresIn"), ("access_token", "token_type", "expires_in")]
    {
        if members.contains_key(token) {
            members.insert(token_type.to_owned(), ["Bearer"].as_slice().into());
            members.insert(expires_in.to_owned(), "never".into());
        }
    }
}
