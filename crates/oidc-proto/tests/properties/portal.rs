//! The portal API: one side reads what the other wrote, nothing makes either panic, and nothing prints a secret.

use core::fmt::Debug;

use http::{Response, StatusCode};
use oidc_proto::portal::{
    AccountInfo, GetRoleCredentialsRequest, ListAccountRolesRequest, ListAccountsRequest, LogoutRequest,
    Page, PortalCall, PortalFault, RoleCredentials, RoleInfo, bearer_token, encode_fault,
};
use oidc_proto::{Answer, Endpoint, Secret, Service, UnixSeconds};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;

use crate::cases;
use crate::messages::text;

/// Generates an access token: any value of a header that is no blank.
fn access_token() -> impl Strategy<Value = String> {
    "[!-~]{1,64}"
}

fn account() -> impl Strategy<Value = AccountInfo> {
    (text(), of(text()), of(text())).prop_map(|(id, name, address)| {
        let mut account = AccountInfo::new(id, "");
        (account.account_name, account.email_address) = (name, address);
        account
    })
}

fn role() -> impl Strategy<Value = RoleInfo> {
    (text(), of(text())).prop_map(|(name, account_id)| {
        let mut role = RoleInfo::new("", name);
        role.account_id = account_id;
        role
    })
}

fn page<T: Debug>(item: impl Strategy<Value = T>) -> impl Strategy<Value = Page<T>> {
    (vec(item, 0..5), of(text())).prop_map(|(items, next_token)| Page::new(items, next_token))
}

/// Generates credentials. The wire has milliseconds, so the farthest times are cut.
fn credentials() -> impl Strategy<Value = RoleCredentials> {
    let end = (i64::MIN / 1000..=i64::MAX / 1000).prop_map(UnixSeconds::new);
    let secret = || text().prop_map(Secret::new);
    (text(), secret(), secret(), end)
        .prop_map(|(id, key, token, end)| RoleCredentials::new(id, key, token, end))
}

/// Checks that the server reads the request and the token that the client has encoded, and that neither is printed
/// with the token.
fn server_reads<C: PortalCall + Debug + PartialEq>(call: &C, token: &str) {
    let service = Service::from(Endpoint::custom("https://portal.example").unwrap());
    let sent = call.encode(&service, &Secret::from(token)).unwrap();
    assert_eq!(C::decode_query(sent.uri().query().unwrap_or_default()).as_ref(), Ok(call));
    assert_eq!(bearer_token(sent.headers()), Ok(Secret::from(token)));
    let other = call.encode(&service, &Secret::from("other")).unwrap();
    assert_eq!(format!("{sent:?} {:?}", sent.head()), format!("{other:?} {:?}", other.head()));
}

fn client_reads<C: PortalCall>(success: C::Success) -> Result<(), TestCaseError>
where
    C::Success: Debug + PartialEq,
{
    let read = C::decode(&C::encode_success(&success));
    prop_assert_eq!(read, Answer::Success(success));
    Ok(())
}

/// Checks the refusal of a query, and what the client makes of a response.
fn sane<C: PortalCall + Debug>(query: &str, response: &Response<Vec<u8>>)
where
    C::Success: Debug,
{
    if let Err(fault) = C::decode_query(query) {
        assert_eq!((PortalFault::of(&fault), fault.status), (PortalFault::InvalidRequest, 400));
    }
    match C::decode(response) {
        Answer::Success(_) => assert!(response.status().is_success()),
        Answer::Fault(fault) => assert!(!response.status().is_redirection() && !fault.to_string().is_empty()),
        Answer::Indeterminate(none) => assert_eq!(none.status, response.status().as_u16()),
        Answer::InvalidResponse(invalid) => assert!(invalid.to_string().contains(invalid.member)),
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn the_server_reads_every_request_and_token_as_the_client_wrote_them(
        most in of(1_u32..=100), next in of(text()), account in text(), role in text(), token in access_token(),
    ) {
        let mut accounts = ListAccountsRequest::default();
        (accounts.max_results, accounts.next_token) = (most, next.clone());
        server_reads(&accounts, &token);
        let mut roles = ListAccountRolesRequest::new(&account);
        (roles.max_results, roles.next_token) = (most, next);
        server_reads(&roles, &token);
        server_reads(&GetRoleCredentialsRequest::new(&account, role), &token);
        server_reads(&LogoutRequest::new(), &token);
    }

    #[test]
    fn the_client_reads_every_success_as_the_server_wrote_it(
        accounts in page(account()), roles in page(role()), credentials in credentials(),
    ) {
        client_reads::<ListAccountsRequest>(accounts)?;
        client_reads::<ListAccountRolesRequest>(roles)?;
        client_reads::<GetRoleCredentialsRequest>(credentials)?;
        client_reads::<LogoutRequest>(())?;
    }

    #[test]
    fn the_client_reads_every_refusal_as_the_server_wrote_it(message in text()) {
        for refusal in [
            PortalFault::InvalidRequest, PortalFault::Unauthorized, PortalFault::Forbidden, PortalFault::NotFound,
            PortalFault::TooManyRequests,
        ] {
            let fault = refusal.fault(message.clone());
            let Answer::Fault(read) = ListAccountsRequest::decode(&encode_fault(&fault)) else { panic!("a fault") };
            prop_assert_eq!(PortalFault::of(&read), refusal);
            prop_assert_eq!((read.status, &read.description), (fault.status, &fault.description));
        }
    }

    #[test]
    fn credentials_print_no_secret(credentials in credentials()) {
        let mut hidden = credentials.clone();
        (hidden.secret_access_key, hidden.session_token) = (Secret::from("other"), Secret::from("other"));
        prop_assert_eq!(format!("{credentials:?}"), format!("{hidden:?}"));
    }

    #[test]
    fn nothing_makes_either_side_panic(
        query in "((account_id|role_name|max_result|next_token|x)=[0-9a-f%+=]{0,4}&?){0,4}",
        status in 100_u16..1000, body in vec(any::<u8>(), 0..100), known in prop::sample::select(vec![
            r#"{"accountList":[{"accountId":1}]}"#, r#"{"roleList":[null]}"#, r#"{"roleCredentials":[]}"#,
            r#"{"roleCredentials":{"expiration":1e400}}"#, r#"{"__type":"a#b"}"#, "[]", "null", "",
        ]), is_known: bool,
    ) {
        let mut response = Response::new(if is_known { known.as_bytes().to_vec() } else { body });
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        sane::<ListAccountsRequest>(&query, &response);
        sane::<ListAccountRolesRequest>(&query, &response);
        sane::<GetRoleCredentialsRequest>(&query, &response);
        sane::<LogoutRequest>(&query, &response);
    }
}
