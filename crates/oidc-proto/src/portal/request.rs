//! The requests of the portal API and their queries.

use form_urlencoded::Serializer;

use super::response::{AccountInfo, Page, RoleCredentials, RoleInfo};
use super::{PortalCall, PortalFault};
use crate::{Fault, Operation};

/// The most items that a page may have (`MaxResultType` of the API model).
const MOST_RESULTS: u32 = 100;

/// A request as a query. No other crate can name this trait, so [`PortalCall`] is sealed.
#[expect(unnameable_types, reason = "it closes `PortalCall` to other crates")]
pub trait Query: Sized {
    /// The type of a success.
    type Success;
    /// Encodes the query, in the order of the API model.
    fn query(&self) -> String;
    /// Decodes the query, or returns the fault to send.
    fn from_query(query: &str) -> Result<Self, Fault>;
}

/// The ListAccounts request: a page of the accounts that the person has a role in.
///
/// ```
/// use oidc_proto::portal::ListAccountsRequest;
/// let request = ListAccountsRequest::default().with_max_results(10).with_next_token("page-2");
/// assert_eq!((request.max_results, request.next_token.as_deref()), (Some(10), Some("page-2")));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListAccountsRequest {
    /// `max_result`: the most items of a page, from 1 to 100.
    pub max_results: Option<u32>,
    /// `next_token` of the page before. The first page has none.
    pub next_token: Option<String>,
}

/// The ListAccountRoles request: a page of the roles that the person has in an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListAccountRolesRequest {
    /// `account_id`: twelve digits.
    pub account_id: String,
    /// `max_result`: the most items of a page, from 1 to 100.
    pub max_results: Option<u32>,
    /// `next_token` of the page before. The first page has none.
    pub next_token: Option<String>,
}

/// The GetRoleCredentials request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GetRoleCredentialsRequest {
    /// `role_name`: the permission set's name.
    pub role_name: String,
    /// `account_id`: twelve digits.
    pub account_id: String,
}

/// The Logout request: it ends the sign-in at the portal. Role credentials stay valid until they expire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogoutRequest {}

impl ListAccountsRequest {
    /// Returns the same request for pages of this size, from 1 to 100.
    #[must_use]
    pub const fn with_max_results(mut self, max_results: u32) -> Self {
        self.max_results = Some(max_results);
        self
    }

    /// Returns the same request for the page after the one with this token.
    #[must_use]
    pub fn with_next_token(mut self, next_token: impl Into<String>) -> Self {
        self.next_token = Some(next_token.into());
        self
    }
}

impl ListAccountRolesRequest {
    /// Creates a request for the first page of an account's roles.
    #[must_use]
    pub fn new(account_id: impl Into<String>) -> Self {
        Self { account_id: account_id.into(), max_results: None, next_token: None }
    }

    /// Returns the same request for pages of this size, from 1 to 100.
    #[must_use]
    pub const fn with_max_results(mut self, max_results: u32) -> Self {
        self.max_results = Some(max_results);
        self
    }

    /// Returns the same request for the page after the one with this token.
    ///
    /// ```
    /// use oidc_proto::portal::ListAccountRolesRequest;
    /// let request = ListAccountRolesRequest::new("012345678901").with_max_results(10).with_next_token("page-2");
    /// assert_eq!(request.account_id, "012345678901");
    /// ```
    #[must_use]
    pub fn with_next_token(mut self, next_token: impl Into<String>) -> Self {
        self.next_token = Some(next_token.into());
        self
    }
}

impl GetRoleCredentialsRequest {
    /// Creates a request for the credentials of this role in this account.
    #[must_use]
    pub fn new(account_id: impl Into<String>, role_name: impl Into<String>) -> Self {
        Self { role_name: role_name.into(), account_id: account_id.into() }
    }
}

impl LogoutRequest {
    /// Creates the request.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

impl Query for ListAccountsRequest {
    type Success = Page<AccountInfo>;

    fn query(&self) -> String {
        encoded(&page_pairs(self.max_results, self.next_token.as_deref()))
    }

    fn from_query(query: &str) -> Result<Self, Fault> {
        let parameters = Parameters::of(query);
        Ok(Self { max_results: parameters.max_results()?, next_token: parameters.get("next_token") })
    }
}

impl Query for ListAccountRolesRequest {
    type Success = Page<RoleInfo>;

    fn query(&self) -> String {
        let mut pairs = page_pairs(self.max_results, self.next_token.as_deref());
        pairs.push(("account_id", self.account_id.clone()));
        encoded(&pairs)
    }

    fn from_query(query: &str) -> Result<Self, Fault> {
        let parameters = Parameters::of(query);
        Ok(Self {
            account_id: parameters.required("account_id")?,
            max_results: parameters.max_results()?,
            next_token: parameters.get("next_token"),
        })
    }
}

impl Query for GetRoleCredentialsRequest {
    type Success = RoleCredentials;

    fn query(&self) -> String {
        encoded(&[("role_name", self.role_name.clone()), ("account_id", self.account_id.clone())])
    }

    fn from_query(query: &str) -> Result<Self, Fault> {
        let parameters = Parameters::of(query);
        Ok(Self {
            role_name: parameters.required("role_name")?,
            account_id: parameters.required("account_id")?,
        })
    }
}

impl Query for LogoutRequest {
    type Success = ();

    fn query(&self) -> String {
        String::new()
    }

    fn from_query(_: &str) -> Result<Self, Fault> {
        Ok(Self {})
    }
}

impl PortalCall for ListAccountsRequest {
    const OPERATION: Operation = Operation::ListAccounts;
}

impl PortalCall for ListAccountRolesRequest {
    const OPERATION: Operation = Operation::ListAccountRoles;
}

impl PortalCall for GetRoleCredentialsRequest {
    const OPERATION: Operation = Operation::GetRoleCredentials;
}

impl PortalCall for LogoutRequest {
    const OPERATION: Operation = Operation::Logout;
}

fn page_pairs(max_results: Option<u32>, next_token: Option<&str>) -> Vec<(&'static str, String)> {
    let next_token = next_token.map(|token| ("next_token", token.to_owned()));
    let max_results = max_results.map(|most| ("max_result", most.to_string()));
    next_token.into_iter().chain(max_results).collect()
}

fn encoded(pairs: &[(&'static str, String)]) -> String {
    // Some servers read a plus sign in a query as itself.
    Serializer::new(String::new()).extend_pairs(pairs).finish().replace('+', "%20")
}

/// The parameters of a query. The first of a name counts.
struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(query: &str) -> Self {
        Self(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
    }

    fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(key, _)| key == name)?;
        (!value.is_empty()).then(|| value.clone())
    }

    fn required(&self, name: &str) -> Result<String, Fault> {
        self.get(name).ok_or_else(|| PortalFault::InvalidRequest.fault(format!("{name} is required")))
    }

    fn max_results(&self) -> Result<Option<u32>, Fault> {
        let Some(text) = self.get("max_result") else { return Ok(None) };
        match text.parse() {
            Ok(most) if (1..=MOST_RESULTS).contains(&most) => Ok(Some(most)),
            _ => {
                Err(PortalFault::InvalidRequest.fault(format!("max_result must be from 1 to {MOST_RESULTS}")))
            }
        }
    }
}
