//! The successes of the portal API.
//!
//! The two lists look alike on purpose: each has the members of its own shape in AWS's API model.

use alloc::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::Decoded;
use crate::json::{starts_with, to_vec};
use crate::member::{Number, Text};
use crate::words::without_mark;
use crate::{InvalidResponse, InvalidResponseKind, Operation, Secret, UnixSeconds};

/// A success on the wire. No other crate can name this trait, so [`PortalCall`](super::PortalCall) is sealed.
#[expect(unnameable_types, reason = "it closes `PortalCall` to other crates")]
pub trait Success: Sized {
    /// Decodes a body.
    fn read(body: &[u8]) -> Decoded<Self>;
    /// Encodes the body.
    fn write(&self) -> Vec<u8>;
}

/// A page of a list, and the token of the next page.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// The items, in the service's order.
    pub items: Vec<T>,
    /// `nextToken`; the last page has none.
    pub next_token: Option<String>,
}

impl<T> Page<T> {
    /// Creates a page. The last one has no token.
    #[must_use]
    pub const fn new(items: Vec<T>, next_token: Option<String>) -> Self {
        Self { items, next_token }
    }
}

/// All pages of a list, one after the other.
///
/// ```
/// use oidc_proto::portal::{Page, Pages};
/// let mut pages = Pages::default();
/// assert_eq!(pages.add(Page::new(vec!["a", "b"], Some("2".to_owned()))).as_deref(), Some("2"));
/// assert_eq!(pages.add(Page::new(vec!["c"], None)), None);
/// assert_eq!(pages.into_items(), ["a", "b", "c"]);
/// ```
#[derive(Clone, Debug)]
pub struct Pages<T> {
    items: Vec<T>,
    tokens: BTreeSet<String>,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self { items: Vec::new(), tokens: BTreeSet::new() }
    }
}

impl<T> Pages<T> {
    /// Adds a page, and returns the token of the next one. A token that occurs twice ends the list, because
    /// following it would never end.
    pub fn add(&mut self, page: Page<T>) -> Option<String> {
        self.items.extend(page.items);
        page.next_token.filter(|token| self.tokens.insert(token.clone()))
    }

    /// Returns the items of all pages.
    #[must_use]
    pub fn into_items(self) -> Vec<T> {
        self.items
    }
}

/// An account that the person has a role in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AccountInfo {
    /// `accountId`: twelve digits, a text because of leading zeros.
    pub account_id: String,
    /// `accountName`, if the service has one.
    pub account_name: Option<String>,
    /// `emailAddress` of the account's root user, if the service has one.
    pub email_address: Option<String>,
}

impl AccountInfo {
    /// Creates an account with a name.
    ///
    /// ```
    /// use oidc_proto::portal::AccountInfo;
    /// let account = AccountInfo::new("012345678901", "Sandbox").with_email_address("sandbox@example.com");
    /// assert_eq!(account.email_address.as_deref(), Some("sandbox@example.com"));
    /// ```
    #[must_use]
    pub fn new(account_id: impl Into<String>, account_name: impl Into<String>) -> Self {
        Self { account_id: account_id.into(), account_name: Some(account_name.into()), email_address: None }
    }

    /// Returns the same account with the address of its root user.
    #[must_use]
    pub fn with_email_address(mut self, address: impl Into<String>) -> Self {
        self.email_address = Some(address.into());
        self
    }
}

/// A role that the person has in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleInfo {
    /// `roleName`: the permission set's name.
    pub role_name: String,
    /// `accountId` of the account; some servers omit it.
    pub account_id: Option<String>,
}

impl RoleInfo {
    /// Creates a role of an account.
    #[must_use]
    pub fn new(account_id: impl Into<String>, role_name: impl Into<String>) -> Self {
        Self { role_name: role_name.into(), account_id: Some(account_id.into()) }
    }
}

/// The short-term credentials of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RoleCredentials {
    /// `accessKeyId`. It is an identifier, and appears in AWS's logs.
    pub access_key_id: String,
    /// `secretAccessKey`.
    pub secret_access_key: Secret,
    /// `sessionToken`.
    pub session_token: Secret,
    /// `expiration`. The service writes milliseconds; a fraction of a second is cut off.
    pub expiration: UnixSeconds,
}

impl RoleCredentials {
    /// Creates credentials that are valid until this time.
    ///
    /// ```
    /// use oidc_proto::portal::RoleCredentials;
    /// use oidc_proto::{Secret, UnixSeconds};
    /// let end = UnixSeconds::new(1_800_000_000);
    /// let credentials = RoleCredentials::new("ASIAEXAMPLE", Secret::from("key"), Secret::from("token"), end);
    /// assert!(!format!("{credentials:?}").contains("key\""));
    /// ```
    #[must_use]
    pub fn new(
        access_key_id: impl Into<String>,
        secret_access_key: Secret,
        session_token: Secret,
        expiration: UnixSeconds,
    ) -> Self {
        Self { access_key_id: access_key_id.into(), secret_access_key, session_token, expiration }
    }
}

/// Parses a JSON object. serde's derived reader also accepts an array of the members' values.
fn object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> serde_json::Result<T> {
    let body = without_mark(body);
    if starts_with(body, b'[') {
        return Err(serde::de::Error::custom("an array"));
    }
    serde_json::from_slice(body)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct AccountListMembers<'a> {
    #[serde(borrow)]
    account_list: Option<Vec<AccountMembers<'a>>>,
    #[serde(borrow)]
    next_token: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AccountMembers<'a> {
    #[serde(borrow)]
    account_id: Text<'a>,
    #[serde(borrow)]
    account_name: Text<'a>,
    #[serde(borrow)]
    email_address: Text<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountListBody<'a> {
    account_list: Vec<AccountBody<'a>>,
    next_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AccountBody<'a> {
    account_id: &'a str,
    account_name: Option<&'a str>,
    email_address: Option<&'a str>,
}

impl Success for Page<AccountInfo> {
    fn read(body: &[u8]) -> Decoded<Self> {
        let members: AccountListMembers<'_> = object(body)?;
        let account = |of: AccountMembers<'_>| {
            Ok(AccountInfo {
                account_id: of.account_id.required(Operation::ListAccounts, "accountId")?,
                account_name: of.account_name.into_non_empty(),
                email_address: of.email_address.into_non_empty(),
            })
        };
        let items = members.account_list.unwrap_or_default().into_iter().map(account);
        let items: Result<_, InvalidResponse> = items.collect();
        Ok(items.map(|items| Self { items, next_token: members.next_token.into_non_empty() }))
    }

    fn write(&self) -> Vec<u8> {
        let account_list = self.items.iter().map(|account| AccountBody {
            account_id: &account.account_id,
            account_name: account.account_name.as_deref(),
            email_address: account.email_address.as_deref(),
        });
        let next_token = self.next_token.as_deref();
        to_vec(&AccountListBody { account_list: account_list.collect(), next_token })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RoleListMembers<'a> {
    #[serde(borrow)]
    role_list: Option<Vec<RoleMembers<'a>>>,
    #[serde(borrow)]
    next_token: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RoleMembers<'a> {
    #[serde(borrow)]
    role_name: Text<'a>,
    #[serde(borrow)]
    account_id: Text<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleListBody<'a> {
    role_list: Vec<RoleBody<'a>>,
    next_token: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RoleBody<'a> {
    role_name: &'a str,
    account_id: Option<&'a str>,
}

impl Success for Page<RoleInfo> {
    fn read(body: &[u8]) -> Decoded<Self> {
        let members: RoleListMembers<'_> = object(body)?;
        let role = |of: RoleMembers<'_>| {
            Ok(RoleInfo {
                role_name: of.role_name.required(Operation::ListAccountRoles, "roleName")?,
                account_id: of.account_id.into_non_empty(),
            })
        };
        let items = members.role_list.unwrap_or_default().into_iter().map(role);
        let items: Result<_, InvalidResponse> = items.collect();
        Ok(items.map(|items| Self { items, next_token: members.next_token.into_non_empty() }))
    }

    fn write(&self) -> Vec<u8> {
        let role_list = self
            .items
            .iter()
            .map(|role| RoleBody { role_name: &role.role_name, account_id: role.account_id.as_deref() });
        to_vec(&RoleListBody { role_list: role_list.collect(), next_token: self.next_token.as_deref() })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CredentialsResponseMembers<'a> {
    #[serde(borrow)]
    role_credentials: Option<CredentialsMembers<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct CredentialsMembers<'a> {
    #[serde(borrow)]
    access_key_id: Text<'a>,
    #[serde(borrow)]
    secret_access_key: Text<'a>,
    #[serde(borrow)]
    session_token: Text<'a>,
    expiration: Number,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CredentialsResponseBody<'a> {
    role_credentials: CredentialsBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct CredentialsBody<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    session_token: &'a str,
    expiration: i64,
}

impl Success for RoleCredentials {
    fn read(body: &[u8]) -> Decoded<Self> {
        const OP: Operation = Operation::GetRoleCredentials;
        let members: CredentialsResponseMembers<'_> = object(body)?;
        let Some(of) = members.role_credentials else {
            return Ok(Err(InvalidResponse::new(OP, "roleCredentials", InvalidResponseKind::Missing)));
        };
        let read = || {
            Ok(Self {
                access_key_id: of.access_key_id.required(OP, "accessKeyId")?,
                secret_access_key: Secret::new(of.secret_access_key.required(OP, "secretAccessKey")?),
                session_token: Secret::new(of.session_token.required(OP, "sessionToken")?),
                expiration: milliseconds(of.expiration, OP, "expiration")?,
            })
        };
        Ok(read())
    }

    fn write(&self) -> Vec<u8> {
        to_vec(&CredentialsResponseBody {
            role_credentials: CredentialsBody {
                access_key_id: &self.access_key_id,
                secret_access_key: self.secret_access_key.expose(),
                session_token: self.session_token.expose(),
                expiration: self.expiration.get().saturating_mul(1000),
            },
        })
    }
}

/// Returns a required time in milliseconds since the epoch, cut to whole seconds.
fn milliseconds(number: Number, of: Operation, member: &'static str) -> Result<UnixSeconds, InvalidResponse> {
    let kind = match number {
        Number::Value(milliseconds) | Number::Above(milliseconds) => {
            return Ok(UnixSeconds::new(milliseconds.div_euclid(1000)));
        }
        Number::Absent => InvalidResponseKind::Missing,
        Number::Wrong => InvalidResponseKind::WrongType,
    };
    Err(InvalidResponse::new(of, member, kind))
}

/// Logout has an empty body. A client ignores any other.
impl Success for () {
    fn read(_: &[u8]) -> Decoded<Self> {
        Ok(Ok(()))
    }

    fn write(&self) -> Vec<u8> {
        Vec::new()
    }
}
