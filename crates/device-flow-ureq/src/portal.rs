//! The portal API: accounts, roles, and the credentials of a role.
//!
//! `device-flow-reqwest` has its like on purpose: each adapter reads on its own.

use device_flow::CallError;
use oidc_proto::Secret;
use oidc_proto::portal::{
    AccountInfo, GetRoleCredentialsRequest, ListAccountRolesRequest, ListAccountsRequest, LogoutRequest,
    Page, Pages, PortalCall, RoleCredentials, RoleInfo,
};

use crate::HttpClient;

/// The operations of the portal, for a client of the portal's endpoint:
/// [`Endpoint::regional`](crate::Endpoint::regional) with [`Api::Portal`](oidc_proto::Api::Portal). Each sends one
/// request for a page, and retries nothing. The token is the access token of a sign-in.
impl HttpClient {
    /// Calls ListAccounts, once: a page of the accounts that the person has a role in.
    ///
    /// ```
    /// use device_flow_ureq::oidc_proto::portal::ListAccountsRequest;
    /// # use device_flow_ureq::{Endpoint, HttpClient, Policy};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// # let token = signed_in.token.access_token;
    /// let request = ListAccountsRequest::default().with_max_results(1);
    /// let page = client.list_accounts(&token, &request)?;
    /// let next = page.next_token.ok_or("there are two accounts")?;
    /// let page = client.list_accounts(&token, &request.with_next_token(next))?;
    /// assert_eq!((page.items.len(), page.next_token), (1, None));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CallError`]. [`PortalFault::of`](oidc_proto::portal::PortalFault::of) tells what a fault means.
    pub fn list_accounts(
        &self,
        access_token: &Secret,
        request: &ListAccountsRequest,
    ) -> Result<Page<AccountInfo>, CallError> {
        self.portal(access_token, request)
    }

    /// Calls ListAccounts for all pages.
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, HttpClient, Policy};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// # let token = signed_in.token.access_token;
    /// let accounts = client.all_accounts(&token)?;
    /// assert_eq!(accounts[0].account_id, "012345678901");
    /// let roles = client.all_account_roles(&token, &accounts[0].account_id)?;
    /// assert_eq!(roles.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::list_accounts`], if any page fails.
    pub fn all_accounts(&self, access_token: &Secret) -> Result<Vec<AccountInfo>, CallError> {
        let (mut request, mut pages) = (ListAccountsRequest::default(), Pages::default());
        while let Some(token) = pages.add(self.list_accounts(access_token, &request)?) {
            request = request.with_next_token(token);
        }
        Ok(pages.into_items())
    }

    /// Calls ListAccountRoles, once: a page of the person's roles in an account.
    ///
    /// ```
    /// use device_flow_ureq::oidc_proto::portal::ListAccountRolesRequest;
    /// # use device_flow_ureq::{Endpoint, HttpClient, Policy};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// # let token = signed_in.token.access_token;
    /// let request = ListAccountRolesRequest::new("012345678901");
    /// let page = client.list_account_roles(&token, &request)?;
    /// assert_eq!(page.items[0].role_name, "AdministratorAccess");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::list_accounts`]. An account that the person lacks is
    /// [`PortalFault::Forbidden`](oidc_proto::portal::PortalFault::Forbidden).
    pub fn list_account_roles(
        &self,
        access_token: &Secret,
        request: &ListAccountRolesRequest,
    ) -> Result<Page<RoleInfo>, CallError> {
        self.portal(access_token, request)
    }

    /// Calls ListAccountRoles for all pages.
    ///
    /// ```
    /// # use device_flow_ureq::{Endpoint, HttpClient, Policy};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// # let token = signed_in.token.access_token;
    /// let roles = client.all_account_roles(&token, "012345678901")?;
    /// assert_eq!(roles.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::list_account_roles`], if any page fails.
    pub fn all_account_roles(
        &self,
        access_token: &Secret,
        account_id: &str,
    ) -> Result<Vec<RoleInfo>, CallError> {
        let (mut request, mut pages) = (ListAccountRolesRequest::new(account_id), Pages::default());
        while let Some(token) = pages.add(self.list_account_roles(access_token, &request)?) {
            request = request.with_next_token(token);
        }
        Ok(pages.into_items())
    }

    /// Calls GetRoleCredentials, once: the short-term credentials of a role.
    ///
    /// ```
    /// use device_flow_ureq::oidc_proto::portal::{GetRoleCredentialsRequest, PortalFault};
    /// use device_flow_ureq::{CallError, Endpoint, HttpClient, Policy};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// # let token = signed_in.token.access_token;
    /// let reader = GetRoleCredentialsRequest::new("012345678901", "ReadOnlyAccess");
    /// let credentials = client.get_role_credentials(&token, &reader)?;
    /// assert!(credentials.access_key_id.starts_with("ASIA"));
    /// let lacking = GetRoleCredentialsRequest::new("012345678901", "Owner");
    /// let error = client.get_role_credentials(&token, &lacking).unwrap_err();
    /// assert!(matches!(error, CallError::Fault(fault) if PortalFault::of(&fault) == PortalFault::Forbidden));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::list_accounts`]. A role that the person lacks, and one that does not exist, are
    /// [`PortalFault::Forbidden`](oidc_proto::portal::PortalFault::Forbidden).
    pub fn get_role_credentials(
        &self,
        access_token: &Secret,
        request: &GetRoleCredentialsRequest,
    ) -> Result<RoleCredentials, CallError> {
        self.portal(access_token, request)
    }

    /// Calls Logout, once: it ends the sign-in at the portal. Role credentials stay valid until they expire.
    ///
    /// ```
    /// use device_flow_ureq::{Endpoint, HttpClient, Policy};
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_ureq::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap())?;
    /// # let token = signed_in.token.access_token;
    /// client.logout(&token)?;
    /// assert!(client.all_accounts(&token).is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::list_accounts`]. A sign-in that has ended already is
    /// [`PortalFault::Unauthorized`](oidc_proto::portal::PortalFault::Unauthorized).
    pub fn logout(&self, access_token: &Secret) -> Result<(), CallError> {
        self.portal(access_token, &LogoutRequest::new())
    }

    fn portal<C: PortalCall>(&self, access_token: &Secret, call: &C) -> Result<C::Success, CallError> {
        self.answer(C::OPERATION, call.encode(&self.service, access_token), C::decode)
    }
}
