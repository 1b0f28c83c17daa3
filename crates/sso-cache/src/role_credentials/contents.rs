//! The contents of a file with the credentials of a role.

use std::borrow::Cow;
use std::path::Path;

use oidc_proto::portal::RoleCredentials;
use oidc_proto::{Secret, UnixSeconds};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::RoleKey;
use crate::files::{self, Found, MAX_FILE};
use crate::{RoleCredentialsEntry, time};

/// The kind of credentials that a sign-in gives.
pub(super) const SSO: &str = "sso";

/// Returns the contents of a regular file of a sensible size.
pub(super) fn read_file(path: &Path) -> Option<Zeroizing<Vec<u8>>> {
    match files::read(path) {
        Ok(Found::Bytes(bytes)) if bytes.len() as u64 <= MAX_FILE => Some(bytes),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Kind<'a> {
    #[serde(borrow)]
    pub(super) provider_type: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) identity: Option<Cow<'a, str>>,
}

/// The contents of a file.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Contents<'a> {
    #[serde(borrow)]
    pub(super) provider_type: Cow<'a, str>,
    credentials: Members<'a>,
    /// The session or start URL. The AWS CLI neither writes nor reads this member and those after it.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) start_url: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(super) endpoint: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Members<'a> {
    #[serde(borrow)]
    access_key_id: Cow<'a, str>,
    #[serde(borrow)]
    secret_access_key: Cow<'a, str>,
    #[serde(borrow)]
    session_token: Cow<'a, str>,
    #[serde(borrow)]
    expiration: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    account_id: Option<Cow<'a, str>>,
}

pub(super) fn read(bytes: &[u8], key: &RoleKey) -> Option<RoleCredentials> {
    let contents: Contents<'_> = serde_json::from_slice(bytes).ok()?;
    if contents.provider_type != SSO || !key.is_of(&contents) {
        return None;
    }
    let found = contents.credentials;
    let end: UnixSeconds = time::parse(&found.expiration)?;
    let [secret, token] = [found.secret_access_key, found.session_token].map(|text| Secret::from(&*text));
    Some(RoleCredentials::new(found.access_key_id, secret, token, end))
}

/// Returns what a file says of its credentials; `None` if it has none of a sign-in.
pub(crate) fn entry(bytes: &[u8]) -> Option<RoleCredentialsEntry> {
    let contents: Contents<'_> = serde_json::from_slice(bytes).ok()?;
    let expires_at = time::parse(&contents.credentials.expiration)?;
    (contents.provider_type == SSO).then(|| RoleCredentialsEntry {
        identity: contents.identity.map(Cow::into_owned),
        account_id: contents.credentials.account_id.map(Cow::into_owned),
        expires_at,
    })
}

pub(super) fn write(key: &RoleKey, credentials: &RoleCredentials) -> Zeroizing<Vec<u8>> {
    let contents = Contents {
        provider_type: SSO.into(),
        credentials: Members {
            access_key_id: credentials.access_key_id.as_str().into(),
            secret_access_key: credentials.secret_access_key.expose().into(),
            session_token: credentials.session_token.expose().into(),
            expiration: time::format_time(credentials.expiration).into(),
            account_id: Some(key.account_id.as_str().into()),
        },
        identity: Some(key.identity.as_str().into()),
        start_url: key.start_url.as_deref().map(Cow::Borrowed),
        endpoint: key.endpoint.as_deref().map(Cow::Borrowed),
    };
    // Large enough not to grow, which would leave copies of secrets.
    let mut bytes = Zeroizing::new(Vec::with_capacity(16_384));
    let done = serde_json::to_writer(&mut *bytes, &contents);
    debug_assert!(done.is_ok(), "texts always serialize");
    bytes
}

#[cfg(test)]
mod tests {
    use oidc_proto::Endpoint;

    use super::*;
    use crate::Identity;

    #[test]
    fn a_file_is_named_as_by_botocore() {
        // hashlib.sha1(json.dumps({...}, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
        for (identity, hash) in [
            (Identity::SessionName("équipe \"a\"".to_owned()), "ac90ea5a954061088c7aa75d11ed7c678eca2d2e"),
            (
                Identity::StartUrl("https://d-92671207e4.awsapps.com/start".to_owned()),
                "d70c38ce53ed4bc282143d5a94b598aa7ecb75aa",
            ),
        ] {
            let key = RoleKey::new(&identity, "012345678901", "Power/User");
            assert_eq!(key.file_name(), format!("{hash}.json"), "{identity:?}");
        }
    }

    const OF_THE_AWS_CLI: &str = r#"{"ProviderType": "sso", "Credentials": {"AccessKeyId": "A",
        "SecretAccessKey": "s\u00e9", "SessionToken": "t", "Expiration": "2008-09-23T12:43:20UTC",
        "AccountId": "012345678901"}}"#;

    fn key() -> RoleKey {
        RoleKey::new(&Identity::SessionName("corp".to_owned()), "012345678901", "ReadOnly")
    }

    #[test]
    fn a_file_of_the_aws_cli_is_read_and_any_other_counts_as_absent() {
        let text = OF_THE_AWS_CLI;
        let found = read(text.as_bytes(), &key()).unwrap();
        assert_eq!((found.access_key_id.as_str(), found.secret_access_key.expose()), ("A", "sé"));
        assert_eq!(found.expiration, UnixSeconds::new(1_222_173_800));
        for other in [
            text.replace("\"sso\"", "\"assume-role\""),
            text.replace("SessionToken", "Other"),
            text.replace("2008-09-23T12:43:20UTC", "soon"),
            text.replace("}}", "}"),
            String::new(),
        ] {
            assert_eq!(read(other.as_bytes(), &key()), None, "{other}");
        }
    }

    #[test]
    fn credentials_of_another_portal_or_endpoint_count_as_absent() {
        let at = |url: &str| key().with_endpoint(&Endpoint::custom(url).unwrap());
        let [one, other] = ["https://one.example/start", "https://other.example/start"];
        let end = UnixSeconds::new(1_900_000_000);
        let credentials = RoleCredentials::new("A", Secret::from("s"), Secret::from("t"), end);
        for (wanted, found, is_taken) in [
            (key(), key(), true),
            (key().with_start_url(one), key().with_start_url(one), true),
            (key().with_start_url(one), key().with_start_url(other), false),
            (key().with_start_url(one), key(), true),
            (at("http://127.0.0.1:1"), at("http://127.0.0.1:1"), true),
            (at("http://127.0.0.1:1"), at("http://127.0.0.1:2"), false),
            (at("http://127.0.0.1:1"), key(), false),
            (key(), at("http://127.0.0.1:1"), false),
        ] {
            let read = read(&write(&found, &credentials), &wanted);
            assert_eq!(read, is_taken.then(|| credentials.clone()), "{wanted:?} in {found:?}");
        }
        // Credentials that the AWS CLI got from AWS must not get into a test.
        assert_eq!(read(OF_THE_AWS_CLI.as_bytes(), &at("http://127.0.0.1:1")), None);
    }
}
