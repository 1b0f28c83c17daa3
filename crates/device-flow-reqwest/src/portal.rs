//! The portal API: accounts, roles, and the credentials of a role.
//!
//! `device-flow-ureq` has its like on purpose: each adapter reads on its own.

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
    /// use device_flow_reqwest::oidc_proto::portal::ListAccountsRequest;
    /// # use device_flow_reqwest::{Endpoint, HttpClient, Policy};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// # let token = signed_in.token.access_token;
    /// let request = ListAccountsRequest::default().with_max_results(1);
    /// let page = client.list_accounts(&token, &request).await?;
    /// let next = page.next_token.ok_or("there are two accounts")?;
    /// let page = client.list_accounts(&token, &request.with_next_token(next)).await?;
    /// assert_eq!((page.items.len(), page.next_token), (1, None));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`CallError`]. [`PortalFault::of`](oidc_proto::portal::PortalFault::of) tells what a fault means.
    ///
    /// # Cancel safety
    /// If the future is dropped, nothing has changed at the portal.
    pub async fn list_accounts(
        &self,
        access_token: &Secret,
        request: &ListAccountsRequest,
    ) -> Result<Page<AccountInfo>, CallError> {
        self.portal(access_token, request).await
    }

    /// Calls ListAccounts for all pages.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient, Policy};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// # let token = signed_in.token.access_token;
    /// let accounts = client.all_accounts(&token).await?;
    /// assert_eq!(accounts[0].account_id, "012345678901");
    /// let roles = client.all_account_roles(&token, &accounts[0].account_id).await?;
    /// assert_eq!(roles.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::list_accounts`], if any page fails.
    ///
    /// # Cancel safety
    /// If the future is dropped, nothing has changed at the portal.
    pub async fn all_accounts(&self, access_token: &Secret) -> Result<Vec<AccountInfo>, CallError> {
        let (mut request, mut pages) = (ListAccountsRequest::default(), Pages::default());
        while let Some(token) = pages.add(self.list_accounts(access_token, &request).await?) {
            request = request.with_next_token(token);
        }
        Ok(pages.into_items())
    }

    /// Calls ListAccountRoles, once: a page of the person's roles in an account.
    ///
    /// ```
    /// use device_flow_reqwest::oidc_proto::portal::ListAccountRolesRequest;
    /// # use device_flow_reqwest::{Endpoint, HttpClient, Policy};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// # let token = signed_in.token.access_token;
    /// let request = ListAccountRolesRequest::new("012345678901");
    /// let page = client.list_account_roles(&token, &request).await?;
    /// assert_eq!(page.items[0].role_name, "AdministratorAccess");
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::list_accounts`]. An account that the person lacks is
    /// [`PortalFault::Forbidden`](oidc_proto::portal::PortalFault::Forbidden).
    ///
    /// # Cancel safety
    /// If the future is dropped, nothing has changed at the portal.
    pub async fn list_account_roles(
        &self,
        access_token: &Secret,
        request: &ListAccountRolesRequest,
    ) -> Result<Page<RoleInfo>, CallError> {
        self.portal(access_token, request).await
    }

    /// Calls ListAccountRoles for all pages.
    ///
    /// ```
    /// # use device_flow_reqwest::{Endpoint, HttpClient, Policy};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// # let token = signed_in.token.access_token;
    /// let roles = client.all_account_roles(&token, "012345678901").await?;
    /// assert_eq!(roles.len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::list_account_roles`], if any page fails.
    ///
    /// # Cancel safety
    /// If the future is dropped, nothing has changed at the portal.
    pub async fn all_account_roles(
        &self,
        access_token: &Secret,
        account_id: &str,
    ) -> Result<Vec<RoleInfo>, CallError> {
        let (mut request, mut pages) = (ListAccountRolesRequest::new(account_id), Pages::default());
        while let Some(token) = pages.add(self.list_account_roles(access_token, &request).await?) {
            request = request.with_next_token(token);
        }
        Ok(pages.into_items())
    }

    /// Calls GetRoleCredentials, once: the short-term credentials of a role.
    ///
    /// ```
    /// use device_flow_reqwest::oidc_proto::portal::{GetRoleCredentialsRequest, PortalFault};
    /// use device_flow_reqwest::{CallError, Endpoint, HttpClient, Policy};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// # let token = signed_in.token.access_token;
    /// let reader = GetRoleCredentialsRequest::new("012345678901", "ReadOnlyAccess");
    /// let credentials = client.get_role_credentials(&token, &reader).await?;
    /// assert!(credentials.access_key_id.starts_with("ASIA"));
    /// let lacking = GetRoleCredentialsRequest::new("012345678901", "Owner");
    /// let error = client.get_role_credentials(&token, &lacking).await.unwrap_err();
    /// assert!(matches!(error, CallError::Fault(fault) if PortalFault::of(&fault) == PortalFault::Forbidden));
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::list_accounts`]. A role that the person lacks, and one that does not exist, are
    /// [`PortalFault::Forbidden`](oidc_proto::portal::PortalFault::Forbidden).
    ///
    /// # Cancel safety
    /// If the future is dropped, nothing has changed at the portal.
    pub async fn get_role_credentials(
        &self,
        access_token: &Secret,
        request: &GetRoleCredentialsRequest,
    ) -> Result<RoleCredentials, CallError> {
        self.portal(access_token, request).await
    }

    /// Calls Logout, once: it ends the sign-in at the portal. Role credentials stay valid until they expire.
    ///
    /// ```
    /// use device_flow_reqwest::{Endpoint, HttpClient, Policy};
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let server = sso_oidc_server::TestServer::start();
    /// # let client = HttpClient::new(Endpoint::custom(server.endpoint())?)?;
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let policy = policy.with_first_poll(device_flow_reqwest::FirstPoll::Immediately);
    /// # let signed_in = client.login(policy).run(|prompt| server.approve(&prompt.user_code).unwrap()).await?;
    /// # let token = signed_in.token.access_token;
    /// client.logout(&token).await?;
    /// assert!(client.all_accounts(&token).await.is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Self::list_accounts`]. A sign-in that has ended already is
    /// [`PortalFault::Unauthorized`](oidc_proto::portal::PortalFault::Unauthorized).
    ///
    /// # Cancel safety
    /// If the future is dropped, the sign-in may or may not have ended. Calling it again is harmless.
    pub async fn logout(&self, access_token: &Secret) -> Result<(), CallError> {
        self.portal(access_token, &LogoutRequest::new()).await
    }

    async fn portal<C: PortalCall>(&self, access_token: &Secret, call: &C) -> Result<C::Success, CallError> {
        self.answer(C::OPERATION, call.encode(&self.service, access_token), C::decode).await
    }
}
