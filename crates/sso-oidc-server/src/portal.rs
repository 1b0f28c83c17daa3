//! The portal API: the accounts and roles of a signed-in person, and the credentials of a role.

use device_authority::StoreError;
use http::Response;
use oidc_proto::portal::{
    GetRoleCredentialsRequest, ListAccountRolesRequest, ListAccountsRequest, LogoutRequest, Page, PortalCall,
    PortalFault, RoleCredentials, RoleInfo, bearer_token,
};
use oidc_proto::{Body, Fault, Operation, Secret, UnixSeconds};

use crate::entropy::entropy;
use crate::reply::{Reply, Spelling};
use crate::state::Context;
use crate::{Account, Role};

/// The items of a page, unless the request asks for fewer.
const PAGE: u32 = 20;

/// Returns the reply to an operation.
pub(crate) async fn answer(context: &Context<'_>, operation: Operation) -> Reply {
    match perform(context, operation).await {
        Ok(response) => response.into(),
        Err(fault) => Reply::fault(Spelling::Portal, fault),
    }
}

async fn perform(context: &Context<'_>, operation: Operation) -> Result<Response<Body>, Fault> {
    let Context { state, now, .. } = *context;
    let query = context.head.uri.query().unwrap_or_default();
    let token = state.real(bearer_token(&context.head.headers)?);
    if operation == Operation::Logout {
        state.stored(state.store().logout(&token, now)).await.map_err(unavailable)??;
        return Ok(LogoutRequest::encode_success(&()));
    }
    let sign_in = state.stored(state.store().recognize_token(&token, now)).await.map_err(unavailable)??;
    let mut accounts = state.accounts.iter().filter(|account| account.is_for(sign_in.start_url.as_deref()));
    match operation {
        Operation::ListAccounts => {
            let request = ListAccountsRequest::decode_query(query)?;
            let all = accounts.map(Account::info).collect();
            let page = page(all, request.max_results, request.next_token.as_deref())?;
            Ok(ListAccountsRequest::encode_success(&page))
        }
        Operation::ListAccountRoles => {
            let request = ListAccountRolesRequest::decode_query(query)?;
            let account = accounts.find(|account| account.id == request.account_id).ok_or_else(no_access)?;
            let all = account.roles.iter().map(|role| RoleInfo::new(&*account.id, &*role.name)).collect();
            let page = page(all, request.max_results, request.next_token.as_deref())?;
            Ok(ListAccountRolesRequest::encode_success(&page))
        }
        Operation::GetRoleCredentials => {
            let request = GetRoleCredentialsRequest::decode_query(query)?;
            let account = accounts.find(|account| account.id == request.account_id);
            let role =
                account.and_then(|account| account.roles.iter().find(|role| role.name == request.role_name));
            let credentials = credentials(role.ok_or_else(no_access)?, context)?;
            Ok(GetRoleCredentialsRequest::encode_success(&credentials))
        }
        _ => Err(PortalFault::NotFound.fault("The portal does not have this operation")),
    }
}

/// The portal's fault for a store that does not answer. The log has the reason.
fn unavailable(error: StoreError) -> Fault {
    tracing::error!(%error, "an operation of the portal failed");
    PortalFault::Other.fault("The server cannot reach its store at the moment; try again later")
}

/// The service's fault for an account or a role that the person lacks, or that does not exist.
fn no_access() -> Fault {
    PortalFault::Forbidden.fault("No access")
}

/// Returns a page of these items. Its token is the number of items before the next page.
fn page<T>(all: Vec<T>, most: Option<u32>, token: Option<&str>) -> Result<Page<T>, Fault> {
    let start = match token.map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) if start > 0 && start < all.len() => start,
        Some(_) => return Err(PortalFault::InvalidRequest.fault("next_token is not of this list")),
    };
    let end = start.saturating_add(most.unwrap_or(PAGE) as usize);
    let next_token = (end < all.len()).then(|| end.to_string());
    Ok(Page::new(all.into_iter().skip(start).take(end - start).collect(), next_token))
}

/// Returns new credentials of this role. They look like AWS's, and no service accepts them.
fn credentials(role: &Role, context: &Context<'_>) -> Result<RoleCredentials, Fault> {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let end = context.now.after(role.lifetime).since_epoch().as_secs();
    Ok(RoleCredentials::new(
        format!("ASIA{}", random::<16>(LETTERS)?),
        Secret::new(random::<40>(BASE64)?),
        Secret::new(random::<320>(BASE64)?),
        UnixSeconds::new(i64::try_from(end).unwrap_or(i64::MAX)),
    ))
}

/// Returns a random text of these letters, whose number is a power of two.
fn random<const N: usize>(letters: &[u8]) -> Result<String, Fault> {
    let mut bytes = [0; N];
    entropy(&mut bytes).map_err(|_| PortalFault::Other.fault("The system provides no random numbers"))?;
    Ok(bytes.iter().map(|byte| char::from(letters[usize::from(*byte) % letters.len()])).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pages_of_a_list_have_each_item_once_whatever_their_size() {
        for items in [0, 1, 7, 20, 21, 45] {
            for most in [None, Some(1), Some(7), Some(100)] {
                let (mut seen, mut token) = (Vec::new(), None);
                for _ in 0..=items {
                    let page = page((0..items).collect(), most, token.as_deref()).unwrap();
                    assert!(page.items.len() <= most.unwrap_or(PAGE) as usize);
                    seen.extend(page.items);
                    token = page.next_token;
                    if token.is_none() {
                        break;
                    }
                }
                assert_eq!((seen, token), ((0..items).collect::<Vec<_>>(), None), "{items} {most:?}");
            }
        }
    }

    #[test]
    fn a_token_of_another_list_is_an_invalid_request() {
        for token in ["0", "3", "x", "-1", "99999999999999999999"] {
            let fault = page(vec![1, 2, 3], None, Some(token)).unwrap_err();
            assert_eq!(PortalFault::of(&fault), PortalFault::InvalidRequest, "{token}");
        }
    }
}
