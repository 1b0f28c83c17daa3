//! The authorization request: where its answer may go, its checks and their order, and the decision.

use core::time::Duration;
use device_authority::{
    AuthorizationError, Capacity, ClientRecord, CodeStatus, Memory, NoEntropy, RegistrationKey, Selector,
    ServerPolicy, UserDecision,
};
use oidc_proto::{
    AuthorizationRequest, Client, FaultCode, Parameter, RegisterClientRequest, Secret, grant_type,
};

use crate::common::{Bench, CALLBACK, code_registration, code_request, fault};

fn bench() -> Bench {
    Bench::new(ServerPolicy::default())
}

/// Returns the error code of the redirect.
#[track_caller]
fn redirected<T: core::fmt::Debug>(result: Result<T, AuthorizationError>) -> String {
    match result.unwrap_err() {
        AuthorizationError::Redirect(fault) => fault.code.error().to_owned(),
        other => panic!("no redirect: {other}"),
    }
}

fn review(bench: &Bench, request: &AuthorizationRequest) -> Result<(), AuthorizationError> {
    bench.store.review_authorization(&bench.policy, request, bench.now).map(|_| ())
}

/// Returns the request of this client for an answer at this URI.
fn at(uri: &str, client: &Client) -> AuthorizationRequest {
    let mut request = code_request(client);
    uri.clone_into(&mut request.redirect_uri);
    request
}

/// Returns whether a client with this registered redirect URI may get its answer at the other one.
fn is_allowed(registered: &str, asked: &str) -> bool {
    let mut bench = bench();
    let mut client = ClientRecord::preconfigured(Client::public("c"), None);
    client.grant_types = vec![grant_type::AUTHORIZATION_CODE.to_owned()];
    client.redirect_uris = vec![registered.to_owned()];
    client.any_loopback_redirect = false;
    bench.store.add_client(client);
    let request = at(asked, &Client::public("c"));
    match review(&bench, &request) {
        Ok(()) => true,
        Err(AuthorizationError::UnknownRedirectUri) => false,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn on_this_machine_any_port_matches_and_nothing_else_may_differ() {
    for (registered, asked) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1/cb"),
        ("http://127.0.0.1:8400/cb", "http://127.0.0.1:65535/cb"),
        ("http://127.0.0.1:8400/cb?a=1", "http://127.0.0.1/cb?a=1"),
        ("http://127.0.0.1", "http://127.0.0.1:1/"),
        ("http://127.0.0.1/", "http://127.0.0.1:1"),
        ("http://[::1]/cb", "http://[::1]:1/cb"),
        ("http://localhost/cb", "http://localhost:1/cb"),
        ("https://app.example/cb?a=1", "https://app.example/cb?a=1"),
        ("https://127.0.0.1:8443/cb", "https://127.0.0.1:8443/cb"),
    ] {
        assert!(is_allowed(registered, asked), "{registered} {asked}");
    }
    for (registered, asked) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/other"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb/"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/CB"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/x/../cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb?x=1"),
        ("http://127.0.0.1/cb?a=1", "http://127.0.0.1:1/cb"),
        ("http://127.0.0.1/cb", "http://localhost:1/cb"),
        ("http://127.0.0.1/cb", "http://[::1]:1/cb"),
        ("http://localhost/cb", "http://127.0.0.1:1/cb"),
        ("http://127.0.0.1/cb", "https://127.0.0.1:1/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:0/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:65536/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1@evil.example/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.example/cb"),
        ("http://127.0.0.1/cb", "http://evil.example/cb"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1/cb#x"),
        ("http://127.0.0.1/cb", "http://127.0.0.1:1\\@evil.example/cb"),
        ("http://127.0.0.1/cb", ""),
        ("https://app.example/cb", "https://app.example:8443/cb"),
        ("https://app.example/cb", "https://app.example:443/cb"),
        ("https://app.example/cb", "https://app.example/cb/"),
        ("https://app.example/cb", "https://app.example/cb?x=1"),
        ("https://app.example/cb", "https://App.example/cb"),
        ("https://app.example/", "https://app.example"),
        ("https://app.example/cb", "https://sub.app.example/cb"),
        ("https://app.example/cb", "http://app.example/cb"),
        ("https://127.0.0.1:8443/cb", "https://127.0.0.1:1/cb"),
        ("https://127.0.0.1/cb", "http://127.0.0.1:1/cb"),
        // A record of a later version, or made by hand, is not trusted further than its form.
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("http://app.example/cb#x", "http://app.example/cb#x"),
    ] {
        assert!(!is_allowed(registered, asked), "{registered} {asked}");
    }
}

#[test]
fn a_preconfigured_client_may_use_any_address_of_this_machine_and_no_other() {
    let mut bench = bench();
    let client = Client::public("my-tool");
    bench.store.add_client(ClientRecord::preconfigured(client.clone(), None));
    for uri in ["http://127.0.0.1:1/a?b", "http://[::1]:2", "http://localhost:3/x"] {
        assert_eq!(review(&bench, &at(uri, &client)), Ok(()), "{uri}");
    }
    for uri in ["https://app.example/", "http://app.example/", "https://127.0.0.1/", "http://127.0.0.1.x/"] {
        assert_eq!(review(&bench, &at(uri, &client)), Err(AuthorizationError::UnknownRedirectUri), "{uri}");
    }
}

#[test]
fn the_checks_come_in_their_order_and_only_the_last_three_reach_the_client() {
    let mut bench = bench();
    let mut ask = code_registration().with_scopes(["read"]);
    ask.grant_types = vec![grant_type::DEVICE_CODE.to_owned()];
    let wrong_grant = bench.register(&ask).unwrap().client;
    let right = bench.register(&code_registration().with_scopes(["read"])).unwrap().client;
    // Everything about it is wrong; each step puts one thing right.
    let mut request =
        AuthorizationRequest::new("unknown", "http://127.0.0.1:1/elsewhere").with_scope(["write"]);
    assert_eq!(review(&bench, &request), Err(AuthorizationError::UnknownClient));
    request.client_id.clone_from(&wrong_grant.id);
    assert_eq!(review(&bench, &request), Err(AuthorizationError::UnknownRedirectUri));
    CALLBACK.clone_into(&mut request.redirect_uri);
    assert_eq!(redirected(review(&bench, &request)), "unauthorized_client");
    request.client_id.clone_from(&right.id);
    assert_eq!(redirected(review(&bench, &request)), "invalid_request", "no challenge");
    request.code_challenge = code_request(&right).code_challenge;
    assert_eq!(redirected(review(&bench, &request)), "invalid_scope");
    request.scope = vec!["read".to_owned()];
    let seen = bench.store.review_authorization(&bench.policy, &request, bench.now).unwrap();
    assert_eq!(
        (seen.client_name.as_str(), seen.scopes, seen.destination.as_str()),
        ("tool", vec!["read".to_owned()], "127.0.0.1:49152")
    );
}

#[test]
fn a_decision_makes_the_same_checks_as_the_review() {
    let mut bench = bench();
    let client = bench.code_client();
    let elsewhere = at("https://evil.example/", &client);
    let mut unproven = code_request(&client);
    unproven.code_challenge = None;
    let unknown = code_request(&Client::public("x"));
    for decision in [UserDecision::APPROVE, UserDecision::Deny, UserDecision::Expire] {
        assert_eq!(bench.authorize(&elsewhere, decision), Err(AuthorizationError::UnknownRedirectUri));
        assert_eq!(redirected(bench.authorize(&unproven, decision)), "invalid_request");
        assert_eq!(bench.authorize(&unknown, decision), Err(AuthorizationError::UnknownClient));
    }
    assert_eq!(bench.store.counts().codes, 0);
}

#[test]
fn an_approval_issues_a_code_with_everything_that_its_redemption_must_repeat() {
    let mut bench = bench();
    let client = bench.code_client();
    let request = code_request(&client).with_scope(["sso:account:access"]);
    let code = bench.authorize(&request, UserDecision::APPROVE).unwrap();
    assert!(code.expose().len() >= 43, "256 bits and more");
    let record = bench.store.code(Selector::of(&code).unwrap()).unwrap();
    assert_eq!((&record.client_id, record.redirect_uri.as_str()), (&client.id, CALLBACK));
    assert_eq!(Some(&*record.code_challenge), request.code_challenge.as_deref());
    assert_eq!((&record.scope, record.status), (&request.scope, CodeStatus::Unused));
    let minute = Duration::from_secs(60);
    assert_eq!((record.issued_at, record.expires_at), (bench.now, bench.now.after(minute)));
    assert_eq!(record.forget_at, bench.now.after(minute + Duration::from_secs(600)));
    assert!(!format!("{record:?}").contains(code.expose()));
    assert_ne!(bench.authorize(&request, UserDecision::APPROVE).unwrap(), code);
}

#[test]
fn a_denial_reaches_the_client_and_leaves_no_code() {
    let mut bench = bench();
    let client = bench.code_client();
    assert_eq!(redirected(bench.authorize(&code_request(&client), UserDecision::Deny)), "access_denied");
    assert_eq!(bench.store.counts().codes, 0);
}

#[test]
fn a_request_that_forbids_a_page_hears_login_required_after_every_other_fault() {
    let mut bench = bench();
    let client = bench.code_client();
    let prompt = |value: &str| {
        let parameter = Parameter::new("prompt", value).unwrap();
        code_request(&client).with_parameters([parameter])
    };
    assert_eq!(redirected(review(&bench, &prompt("none"))), "login_required");
    for decision in [UserDecision::APPROVE, UserDecision::Deny, UserDecision::Expire] {
        assert_eq!(redirected(bench.authorize(&prompt("none"), decision)), "login_required");
    }
    assert_eq!(bench.store.counts().codes, 0);
    for other in ["login", "consent", "select_account login", "None", "nonesuch"] {
        assert_eq!(review(&bench, &prompt(other)), Ok(()), "{other}");
    }
    assert_eq!(redirected(review(&bench, &prompt("none").with_scope(["admin"]))), "invalid_scope");
    let mut elsewhere = prompt("none");
    "https://evil.example/".clone_into(&mut elsewhere.redirect_uri);
    assert_eq!(review(&bench, &elsewhere), Err(AuthorizationError::UnknownRedirectUri));
}

#[test]
fn without_entropy_the_client_hears_server_error() {
    let mut bench = bench();
    let request = code_request(&bench.code_client());
    let mut none = |_: &mut [u8]| Err(NoEntropy::new());
    let refused = bench.store.authorize(&bench.policy, &request, UserDecision::APPROVE, bench.now, &mut none);
    assert_eq!(redirected(refused), "server_error");
    assert_eq!(bench.store.counts().codes, 0);
}

#[test]
fn a_client_whose_registration_has_expired_is_not_redirected_to() {
    let mut bench = bench();
    let request = code_request(&bench.code_client());
    bench.wait(7_775_999.0);
    assert_eq!(review(&bench, &request), Ok(()));
    bench.wait(1.0);
    assert_eq!(review(&bench, &request), Err(AuthorizationError::UnknownClient));
}

#[test]
fn a_client_that_registered_for_devices_gets_no_code() {
    let mut bench = bench();
    let client = bench.scoped_client();
    assert_eq!(review(&bench, &code_request(&client)), Err(AuthorizationError::UnknownRedirectUri));
}

#[test]
fn an_invalid_request_is_reported_to_the_client_only_if_it_names_one_of_its_addresses() {
    let mut bench = bench();
    let client = bench.code_client();
    let refused = |query: &str| {
        let invalid = AuthorizationRequest::decode(query).unwrap_err();
        (bench.store.refuse_authorization(&bench.policy, &invalid, bench.now), invalid.fault)
    };
    let (id, good) = (&client.id, "redirect_uri=http://127.0.0.1:49152/oauth/callback");
    let (error, fault) = refused(&format!("response_type=token&client_id={id}&{good}"));
    assert_eq!(error, AuthorizationError::Redirect(fault));
    let (error, _) = refused(&format!("response_type=token&client_id=x&{good}"));
    assert_eq!(error, AuthorizationError::UnknownClient);
    let (error, _) =
        refused(&format!("response_type=token&client_id={id}&redirect_uri=https://evil.example/"));
    assert_eq!(error, AuthorizationError::UnknownRedirectUri);
    for query in [
        format!("response_type=code&client_id={id}"),
        format!("response_type=code&{good}"),
        format!("response_type=code&client_id={id}&{good}&{good}"),
        format!("response_type=code&client_id={id}&client_id={id}&{good}"),
    ] {
        let (error, fault) = refused(&query);
        assert_eq!(error, AuthorizationError::Incomplete(fault), "{query}");
    }
}

#[test]
fn a_full_store_keeps_codes_that_can_still_be_used_and_says_so() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_codes(2));
    let client = bench.code_client();
    let (first, second) = (bench.code(&client), bench.code(&client));
    let full = |bench: &mut Bench| {
        redirected(bench.authorize(&code_request(&client), UserDecision::APPROVE))
            == "temporarily_unavailable"
    };
    assert!(full(&mut bench));
    assert!(bench.redeem(&client, &first).is_ok() && bench.redeem(&client, &second).is_ok());
    let third = bench.code(&client);
    let _fourth = bench.code(&client);
    assert!(full(&mut bench));
    bench.wait(60.0);
    assert_eq!(fault(bench.redeem(&client, &third)), FaultCode::InvalidGrant);
    let _fifth = bench.code(&client);
    assert_eq!(bench.store.counts().codes, 2);
}

#[test]
fn codes_are_forgotten_in_time() {
    let mut bench = bench();
    let client = bench.code_client();
    for _ in 0..120 {
        bench.code(&client);
        bench.wait(60.0);
    }
    assert_eq!(bench.store.counts().codes, 11, "a minute of life and ten of memory");
}

#[test]
fn a_client_with_a_live_code_keeps_its_registration() {
    let mut bench = Bench::with_capacity(ServerPolicy::default(), Capacity::default().with_clients(1));
    let client = bench.code_client();
    bench.code(&client);
    assert_eq!(fault(bench.register(&RegisterClientRequest::new("tool"))), FaultCode::SlowDown);
    bench.wait(60.0);
    assert!(bench.register(&RegisterClientRequest::new("tool")).is_ok());
}

fn restarted(policy: ServerPolicy, ask: &RegisterClientRequest) -> (Bench, Client) {
    let mut bench = Bench::new(policy);
    let client = bench.register(ask).unwrap().client;
    bench.store = Memory::new(Capacity::default());
    (bench, client)
}

#[test]
fn a_client_that_proves_its_registration_signs_in_with_a_code_after_a_restart() {
    let key = RegistrationKey::new(Secret::new("k".repeat(43))).unwrap();
    let policy = ServerPolicy::default().with_registration_key(key);
    let ask = code_registration().with_scopes(["read"]);
    let (mut bench, client) = restarted(policy.clone(), &ask);
    let code = bench.code(&client);
    let token = bench.redeem(&client, &code).unwrap();
    assert_eq!(token.scope, Some(vec!["read".to_owned()]));
    assert!(bench.refresh(&client, &token.refresh_token.unwrap()).is_ok());

    // The browser's request proves nothing, so the registration is checked once it is known.
    let (mut bench, client) = restarted(policy.clone(), &ask);
    let other_scope = code_request(&client).with_scope(["write"]);
    let code = bench.authorize(&other_scope, UserDecision::APPROVE).unwrap();
    assert_eq!(fault(bench.redeem(&client, &code)), FaultCode::InvalidScope);
    let (mut bench, client) =
        restarted(policy.clone(), &RegisterClientRequest::new("tool").with_scopes(["read"]));
    let code = bench.code(&client);
    assert_eq!(fault(bench.redeem(&client, &code)), FaultCode::UnauthorizedClient);
    let mut elsewhere = ask;
    elsewhere.redirect_uris = vec!["http://127.0.0.1/other".to_owned()];
    let (mut bench, client) = restarted(policy, &elsewhere);
    let code = bench.code(&client);
    assert_eq!(fault(bench.redeem(&client, &code)), FaultCode::InvalidGrant);
    assert_eq!(fault(bench.redeem(&Client::public(client.id), &code)), FaultCode::InvalidClient);
}

#[test]
fn an_unknown_client_is_presumed_only_where_it_can_be_recognized_and_for_this_machine() {
    let (bench, client) = restarted(ServerPolicy::default(), &code_registration());
    assert_eq!(review(&bench, &code_request(&client)), Err(AuthorizationError::UnknownClient));
    let believing = ServerPolicy::default().with_unknown_clients_accepted();
    let (mut bench, client) = restarted(believing, &code_registration());
    let code = bench.code(&client);
    assert!(bench.redeem(&client, &code).is_ok());
    let elsewhere = at("https://app.example/", &client);
    assert_eq!(review(&bench, &elsewhere), Err(AuthorizationError::UnknownRedirectUri));
    for id in ["", "a b", "é", &"x".repeat(257)] {
        let odd = code_request(&Client::public(id));
        assert_eq!(review(&bench, &odd), Err(AuthorizationError::UnknownClient), "{id}");
    }
    // A client that has expired here is not unknown.
    let client = bench.code_client();
    bench.wait(7_776_000.0);
    assert_eq!(review(&bench, &code_request(&client)), Err(AuthorizationError::UnknownClient));
}
