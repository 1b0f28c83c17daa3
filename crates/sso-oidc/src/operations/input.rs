//! The input of an operation, from flags, `--cli-input-json` and the environment, in this order.

use std::collections::BTreeMap;
use std::path::Path;

use oidc_proto::{Client, Operation, Secret};
use serde_json::Value;

use super::skeleton::{Kind, input_members};
use super::{ClientArgs, InputArgs};
use crate::environment::Environment;
use crate::exit::Failure;
use crate::sources::Sources;

/// Collects the members of one request. It records the missing ones, to report all at once.
pub(super) struct Input<'a> {
    operation: Operation,
    json: BTreeMap<String, Value>,
    environment: &'a Environment,
    sources: Sources,
    missing: Vec<&'static str>,
}

impl<'a> Input<'a> {
    /// Reads and checks the JSON input of this operation.
    ///
    /// # Errors
    /// The text is not a JSON object, or has an unknown member or one of another type. The failure never quotes a
    /// value, which may be secret.
    pub(super) fn read(
        operation: Operation,
        args: &InputArgs,
        environment: &'a Environment,
    ) -> Result<Self, Failure> {
        let sources = Sources::new(environment);
        let json = match args.cli_input_json.as_deref() {
            None => BTreeMap::new(),
            Some("-") => parse(operation, &sources.stdin("--cli-input-json")?)?,
            Some(argument) => parse(operation, &sources.text("--cli-input-json", argument)?)?,
        };
        Ok(Self { operation, json, environment, sources, missing: Vec::new() })
    }

    /// Returns an optional text. An empty text counts as absent, because a skeleton has empty members.
    pub(super) fn text(&self, member: &'static str, flag: Option<&str>) -> Result<Option<String>, Failure> {
        let text = match flag {
            Some(argument) => Some(self.sources.text(&flag_name(member), argument)?),
            None => self.json_text(member),
        };
        Ok(text.filter(|text| !text.is_empty()))
    }

    /// Returns a required text.
    pub(super) fn required_text(
        &mut self,
        member: &'static str,
        flag: Option<&str>,
    ) -> Result<String, Failure> {
        let text = self.text(member, flag)?;
        Ok(self.required(member, text).unwrap_or_default())
    }

    /// Returns an optional secret: from the flag, its file, the JSON, or the variable `SSO_OIDC_…`.
    pub(super) fn secret(
        &self,
        member: &'static str,
        flag: Option<&str>,
        file: Option<&Path>,
    ) -> Result<Option<Secret>, Failure> {
        let name = flag_name(member);
        if let Some(argument) = flag {
            return self.sources.secret(&name, argument).map(Some);
        }
        if let Some(path) = file {
            return self.sources.secret_file(&format!("{name}-file"), path).map(Some);
        }
        let text = self.json_text(member).filter(|text| !text.is_empty());
        Ok(text.or_else(|| self.environment.get(&variable_name(member)).map(str::to_owned)).map(Secret::from))
    }

    /// Returns a required secret.
    pub(super) fn required_secret(
        &mut self,
        member: &'static str,
        flag: Option<&str>,
        file: Option<&Path>,
    ) -> Result<Secret, Failure> {
        let secret = self.secret(member, flag, file)?;
        Ok(self.required(member, secret).unwrap_or_else(|| Secret::from("")))
    }

    /// Returns a list. A flag takes words (`a b`), a JSON list, or, with `commas`, a comma-separated list. URLs may
    /// contain commas, so lists of URLs are not split at them.
    pub(super) fn list(
        &self,
        member: &'static str,
        flag: &[String],
        commas: bool,
    ) -> Result<Vec<String>, Failure> {
        let name = flag_name(member);
        let items = match flag {
            [] => match self.json.get(member) {
                Some(Value::Array(items)) => {
                    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
                }
                _ => Vec::new(),
            },
            [one] if one.starts_with('[') || one.starts_with("file://") => {
                let text = self.sources.text(&name, one)?;
                serde_json::from_str(&text).map_err(|error| {
                    Failure::usage(format_args!(
                        "the value of {name} is not a JSON list of strings: {}",
                        place(&error)
                    ))
                })?
            }
            words if commas => words.iter().flat_map(|word| word.split(',')).map(str::to_owned).collect(),
            words => words.to_vec(),
        };
        Ok(items.into_iter().map(|item| item.trim().to_owned()).filter(|item| !item.is_empty()).collect())
    }

    /// Returns the client.
    pub(super) fn client(&mut self, args: &ClientArgs) -> Result<Client, Failure> {
        let id = self.required_text("clientId", args.client_id.as_deref())?;
        let file = args.client_secret_file.as_deref();
        let secret = self.required_secret("clientSecret", args.client_secret.as_deref(), file)?;
        Ok(Client::new(id, secret))
    }

    /// Rejects a member that the request cannot use, instead of ignoring it silently.
    pub(super) fn refuse(&self, member: &'static str, given: bool, why: &str) -> Result<(), Failure> {
        if given || self.json_text(member).is_some_and(|text| !text.is_empty()) {
            return Err(Failure::usage(format_args!("{} does not go with {why}", flag_name(member))));
        }
        Ok(())
    }

    /// Checks that no required member is missing.
    ///
    /// # Errors
    /// Members are missing. The failure names each by its flag.
    pub(super) fn finish(self) -> Result<(), Failure> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let flags: Vec<String> = self.missing.iter().map(|member| flag_name(member)).collect();
        Err(Failure::usage(format_args!("the following arguments are required: {}", flags.join(", "))))
    }

    fn required<T>(&mut self, member: &'static str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.missing.push(member);
        }
        value
    }

    fn json_text(&self, member: &str) -> Option<String> {
        debug_assert!(input_members(self.operation).iter().any(|(name, _)| *name == member));
        self.json.get(member).and_then(Value::as_str).map(str::to_owned)
    }
}

fn parse(operation: Operation, text: &str) -> Result<BTreeMap<String, Value>, Failure> {
    let bad = |why: &str| Failure::usage(format_args!("Error parsing --cli-input-json: {why}"));
    let value: Value = serde_json::from_str(text).map_err(|error| bad(&place(&error)))?;
    let Value::Object(members) = value else { return Err(bad("it is not a JSON object")) };
    let known = input_members(operation);
    for (name, value) in &members {
        let Some((_, kind)) = known.iter().find(|(known, _)| known == name) else {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            let why = format!("unknown member \"{name}\", must be one of: {}", names.join(", "));
            return Err(bad(&why));
        };
        let fits = match (kind, value) {
            (_, Value::Null) | (Kind::Text, Value::String(_)) => true,
            (Kind::List, Value::Array(items)) => items.iter().all(Value::is_string),
            _ => false,
        };
        if !fits {
            let wanted = if *kind == Kind::Text { "a string" } else { "a list of strings" };
            return Err(bad(&format!("member \"{name}\" must be {wanted}")));
        }
    }
    Ok(members.into_iter().collect())
}

/// Describes the place of a JSON error without a quotation, which might hold secrets.
fn place(error: &serde_json::Error) -> String {
    format!("invalid JSON at line {}, column {}", error.line(), error.column())
}

/// `clientId` → `--client-id`.
fn flag_name(member: &str) -> String {
    format!("--{}", separated(member, '-'))
}

/// `clientSecret` → `SSO_OIDC_CLIENT_SECRET`.
fn variable_name(member: &str) -> String {
    format!("SSO_OIDC_{}", separated(member, '_').to_uppercase())
}

fn separated(member: &str, separator: char) -> String {
    let mut name = String::with_capacity(member.len() + 4);
    for c in member.chars() {
        if c.is_ascii_uppercase() {
            name.push(separator);
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exit::Exit;

    #[test]
    fn flags_and_variables_are_named_after_the_members() {
        assert_eq!(flag_name("entitledApplicationArn"), "--entitled-application-arn");
        assert_eq!(flag_name("redirectUris"), "--redirect-uris");
        assert_eq!(variable_name("codeVerifier"), "SSO_OIDC_CODE_VERIFIER");
    }

    #[test]
    fn json_with_unknown_members_or_other_types_is_refused() {
        let refused = |text: &str| {
            let failure = parse(Operation::RegisterClient, text).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            format!("{failure:?}")
        };
        assert!(refused(r#"{"bogus":1}"#).contains("bogus"));
        let wrong = refused(r#"{"clientName":12345}"#);
        assert!(wrong.contains("clientName") && !wrong.contains("12345"), "{wrong}");
        assert!(refused(r#"{"scopes":["a",1]}"#).contains("scopes"));
        assert!(refused("[1]").contains("object"));
        let cut = refused(r#"{"clientName":"hunter2"#);
        assert!(cut.contains("line 1") && !cut.contains("hunter2"), "{cut}");
        assert_eq!(parse(Operation::RegisterClient, r#"{"issuerUrl":null}"#).unwrap().len(), 1);
    }
}
