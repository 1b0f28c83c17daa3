//! `/authorize`: where the answer goes, and the code that it brings.

mod common;

use common::code::{
    CALLBACK, CHALLENGE, aws_grant, aws_query, between, code, error, oauth_grant, query, redirected,
    registration, server,
};
use common::{Http, text};
use serde_json::json;
use sso_oidc_server::{Approval, Capacity, Config, RegistrationKey, Secret, TestServer};

#[test]
fn every_simulated_person_answers_at_once() {
    for approval in [Approval::Auto, Approval::AfterPolls(3)] {
        let server = server(approval);
        let mut http = Http::to(&server);
        let code = code(&http.get(&format!("/authorize?{}", query(&[]))));
        let token = http.form("/oauth/token", &[], &oauth_grant(&code, "public"));
        assert_eq!(token.status, 200, "{approval}: {token:?}");
        assert_eq!(text(&token.json(), "scope"), "openid");
    }
    let denying = server(Approval::Deny);
    let mut http = Http::to(&denying);
    assert_eq!(error(&http.get(&format!("/authorize?{}", query(&[])))), "access_denied");
    let expiring = server(Approval::Expire);
    let mut http = Http::to(&expiring);
    let code = code(&http.get(&format!("/authorize?{}", query(&[]))));
    let expired = http.form("/oauth/token", &[], &oauth_grant(&code, "public"));
    assert_eq!((expired.status, &expired.json()["error"]), (400, &json!("invalid_grant")));
}

#[test]
fn a_fault_of_a_known_client_goes_to_its_redirect_uri() {
    for approval in [Approval::Manual, Approval::Auto, Approval::Deny] {
        let config = Config::default().with_approval(approval);
        let config = config.with_client_for(sso_oidc_server::Client::public("public"), ["openid"]);
        let server = TestServer::with(config).unwrap();
        let mut http = Http::to(&server);
        let mut ask = |changes: &[(&str, &str)]| error(&http.get(&format!("/authorize?{}", query(changes))));
        assert_eq!(ask(&[("code_challenge", ""), ("code_challenge_method", "")]), "invalid_request");
        assert_eq!(ask(&[("code_challenge_method", "plain")]), "invalid_request");
        assert_eq!(ask(&[("code_challenge_method", "")]), "invalid_request", "the default is plain");
        assert_eq!(ask(&[("code_challenge", "short")]), "invalid_request");
        assert_eq!(ask(&[("response_type", "")]), "invalid_request");
        assert_eq!(ask(&[("response_type", "token")]), "unsupported_response_type");
        assert_eq!(ask(&[("scope", "admin")]), "invalid_scope");
        assert_eq!(ask(&[("response_mode", "fragment")]), "invalid_request");
        assert_eq!(ask(&[("response_mode", "form_post")]), "invalid_request");
        assert_eq!(ask(&[("request", "e30.e30.")]), "request_not_supported");
        assert_eq!(ask(&[("request_uri", "https://x.example/r")]), "request_uri_not_supported");
        assert_eq!(ask(&[("prompt", "none")]), "login_required", "it forbids the page");
        assert_eq!(ask(&[("prompt", "none login")]), "invalid_request");
        for again in ["scope=a", "response_mode=query&response_mode=query", "x=1&x=2"] {
            let twice = http.get(&format!("/authorize?{}&{again}", query(&[])));
            assert_eq!(error(&twice), "invalid_request", "{again}");
        }
        let none = http.get(&format!("/authorize?{}", query(&[("prompt", "none")])));
        let head = http.send("HEAD", &format!("/authorize?{}", query(&[("prompt", "none")])), &[], "");
        assert_eq!((error(&none), head.status), ("login_required".to_owned(), 302));
        assert_eq!(server.handle().stats().held.codes, 0);
        assert_eq!(server.requests().pop().unwrap().error.as_deref(), Some("login_required"));
    }
    let server = server(Approval::Auto);
    let mut http = Http::to(&server);
    let mut ask = registration();
    ask["grantTypes"] = json!(["refresh_token"]);
    let client = http.register(&ask);
    let refused = http.get(&format!("/authorize?{}", aws_query(&client)));
    assert_eq!(error(&refused), "unauthorized_client");
}

#[test]
fn what_the_server_does_by_itself_may_be_asked_for_and_what_it_does_not_know_is_ignored() {
    let server = server(Approval::Auto);
    let mut http = Http::to(&server);
    for more in
        ["response_mode=query", "response_mode=&response_mode=", "nonce=n&x=1", "prompt=login%20consent"]
    {
        code(&http.get(&format!("/authorize?{}&{more}", query(&[]))));
    }
}

#[test]
fn without_a_confirmed_redirect_uri_the_browser_stays_and_the_person_reads_why() {
    let server = server(Approval::Auto);
    let mut http = Http::to(&server);
    let client = http.register(&registration());
    let devices = http.client();
    let elsewhere = |uri: &str| query(&[("client_id", &client.id), ("redirect_uri", uri)]);
    for (query, problem, error) in [
        (query(&[("client_id", "unknown")]), "is not registered here", "invalid_client"),
        (query(&[("client_id", &devices.id)]), "has not registered", "invalid_redirect_uri"),
        (query(&[("client_id", "")]), "lacks its client id", "invalid_request"),
        (query(&[("redirect_uri", "")]), "lacks its client id or the address", "invalid_request"),
        (format!("{}&redirect_uri=x", query(&[])), "has one twice", "invalid_request"),
        (format!("{}&client_id=x", query(&[])), "has one twice", "invalid_request"),
        (String::new(), "lacks its client id", "invalid_request"),
        (elsewhere("https://evil.example/"), "has not registered", "invalid_redirect_uri"),
        (elsewhere("http://127.0.0.1:49152/other"), "has not registered", "invalid_redirect_uri"),
        (elsewhere("http://localhost:49152/oauth/callback"), "has not registered", "invalid_redirect_uri"),
        (
            elsewhere("http://127.0.0.1:1@evil.example/oauth/callback"),
            "not registered",
            "invalid_redirect_uri",
        ),
        (elsewhere("http://127.0.0.1:1/\r\nSet-Cookie: x"), "has not registered", "invalid_redirect_uri"),
        (elsewhere("javascript:alert(1)"), "has not registered", "invalid_redirect_uri"),
        (query(&[("redirect_uri", "https://evil.example/")]), "has not registered", "invalid_redirect_uri"),
        (query(&[("client_id", "<script>"), ("state", "<script>")]), "not registered", "invalid_client"),
        (query(&[("client_id", "unknown"), ("response_type", "token")]), "not registered", "invalid_client"),
    ] {
        let page = http.get(&format!("/authorize?{query}"));
        assert_eq!((page.status, page.header("Location")), (400, None), "{query}");
        assert!(
            page.body.contains("role=\"alert\"") && page.body.contains(problem),
            "{query}: {}",
            page.body
        );
        assert!(!page.body.contains("refresh\"") && !page.body.contains("<script"), "{}", page.body);
        assert!(!page.body.contains("evil.example"));
        assert_eq!(server.requests().pop().unwrap().error.as_deref(), Some(error), "{query}");
    }
    assert!(
        http.get(&format!("/authorize?{}", query(&[("client_id", "x")]))).body.contains("--registration-key")
    );
    assert_eq!(server.handle().stats().held.codes, 0);
}

#[test]
fn a_refusal_leads_to_another_machine_only_by_a_click() {
    let server = server(Approval::Manual);
    let mut http = Http::to(&server);
    let uri = "https://program.example/cb";
    let ask = json!({"client_name": "x", "redirect_uris": [uri], "token_endpoint_auth_method": "none"});
    let registered = http.post("/oauth/register", &ask).json();
    let changes =
        [("client_id", text(&registered, "client_id")), ("redirect_uri", uri), ("response_type", "token")];
    let page = http.get(&format!("/authorize?{}", query(&changes)));
    assert_eq!((page.status, page.header("Location")), (400, None), "{page:?}");
    assert!(
        page.body.contains("unsupported_response_type") && !page.body.contains("refresh\""),
        "{}",
        page.body
    );
    assert!(page.body.contains("<a href=\"https://program.example/cb?error="), "{}", page.body);
}

#[test]
fn a_code_is_for_its_client_its_redirect_uri_and_its_verifier() {
    let config = Config::default().with_approval(Approval::Auto);
    let config = config.with_client(sso_oidc_server::Client::public("public"));
    let server = TestServer::with(config.with_client(sso_oidc_server::Client::public("other"))).unwrap();
    let mut http = Http::to(&server);
    let code = code(&http.get(&format!("/authorize?{}", query(&[]))));
    for change in [
        ("client_id", "other"),
        ("redirect_uri", "http://127.0.0.1:49153/oauth/callback"),
        ("redirect_uri", ""),
        ("code_verifier", CHALLENGE),
        ("code_verifier", ""),
        ("code", "unknown"),
    ] {
        let mut grant = oauth_grant(&code, "public");
        grant.iter_mut().filter(|(name, _)| *name == change.0).for_each(|parameter| *parameter = change);
        grant.retain(|(_, value)| !value.is_empty());
        let refused = http.form("/oauth/token", &[], &grant);
        assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("invalid_grant")), "{change:?}");
    }
    let good = http.form("/oauth/token", &[], &oauth_grant(&code, "public"));
    assert_eq!(good.status, 200, "{good:?}");
    let refresh_token = text(&good.json(), "refresh_token").to_owned();
    let refresh =
        [("grant_type", "refresh_token"), ("refresh_token", &*refresh_token), ("client_id", "public")];
    assert_eq!(http.form("/oauth/token", &[], &oauth_grant(&code, "public")).status, 400, "a replay");
    assert_eq!(http.form("/oauth/token", &[], &refresh).status, 400);
}

#[test]
fn a_client_of_rfc_7591_registers_its_redirect_uris_and_signs_in() {
    let server = server(Approval::Auto);
    let mut http = Http::to(&server);
    let callback = "https://app.example/cb?tenant=a";
    let ask = json!({"client_name": "web", "redirect_uris": [callback, CALLBACK], "scope": "openid email"});
    let client = http.post("/oauth/register", &ask);
    assert_eq!(client.status, 201, "{client:?}");
    let client = client.json();
    assert_eq!(client["grant_types"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(client["response_types"], json!(["code"]));
    assert_eq!(client["redirect_uris"], json!([callback, CALLBACK]));
    let (id, secret) = (text(&client, "client_id"), text(&client, "client_secret"));

    let asked = query(&[("client_id", id), ("redirect_uri", callback), ("scope", "")]);
    let response = http.get(&format!("/authorize?{asked}"));
    let location = response.header("Location").unwrap();
    assert!(location.starts_with("https://app.example/cb?tenant=a&code="), "{location}");
    let code = between(location, "&code=", "&").to_owned();
    let mut grant = oauth_grant(&code, id);
    grant[2].1 = callback;
    let without = http.form("/oauth/token", &[], &grant);
    assert_eq!(without.json()["error"], "invalid_client", "it is confidential");
    grant.push(("client_secret", secret));
    let token = http.form("/oauth/token", &[], &grant);
    assert_eq!(token.status, 200, "{token:?}");
    assert_eq!(text(&token.json(), "scope"), "openid email");
}

#[test]
fn both_discovery_documents_name_the_flow_and_the_issuer_of_every_answer() {
    for public_url in [None, Some("https://sso.example")] {
        let mut config = Config::default().with_approval(Approval::Deny);
        config.public_url = public_url.map(str::to_owned);
        let server = TestServer::with(config.with_client(sso_oidc_server::Client::public("public"))).unwrap();
        let mut http = Http::to(&server);
        let answer = redirected(&http.get(&format!("/authorize?{}", query(&[]))));
        let (_, issuer) = answer.last().unwrap();
        for path in ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"] {
            let metadata = http.get(path).json();
            assert_eq!(text(&metadata, "issuer"), issuer);
            assert_eq!(metadata["authorization_endpoint"], format!("{issuer}/authorize"));
            assert_eq!(metadata["response_types_supported"], json!(["code"]));
            assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
            assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
            assert_eq!(
                metadata["grant_types_supported"],
                json!(["authorization_code", common::DEVICE_GRANT, "refresh_token"])
            );
        }
    }
}

#[test]
fn a_registration_for_the_code_grant_names_both_endpoints() {
    let server = server(Approval::Manual);
    let mut http = Http::to(&server);
    let answer = http.post("/client/register", &registration()).json();
    assert_eq!(answer["authorizationEndpoint"], format!("{}/authorize", server.endpoint()));
    assert_eq!(answer["tokenEndpoint"], format!("{}/token", server.endpoint()));
    let answer = http.post("/client/register", &json!({"clientName": "t", "clientType": "public"})).json();
    assert_eq!((answer.get("authorizationEndpoint"), answer.get("tokenEndpoint")), (None, None));
}

#[test]
fn a_full_store_says_so_to_the_client() {
    let config = Config::default().with_approval(Approval::Auto);
    let config = config.with_capacity(Capacity::default().with_codes(1));
    let server = TestServer::with(config.with_client(sso_oidc_server::Client::public("public"))).unwrap();
    let mut http = Http::to(&server);
    let path = format!("/authorize?{}", query(&[]));
    code(&http.get(&path));
    assert_eq!(error(&http.get(&path)), "temporarily_unavailable");
    assert_eq!(server.handle().stats().held.codes, 1);
}

#[test]
fn a_kept_registration_signs_in_at_a_restarted_server() {
    let key = || RegistrationKey::new(Secret::new("k".repeat(43))).unwrap();
    let config = || Config::default().with_approval(Approval::Auto).with_registration_key(key());
    let client = Http::to(&TestServer::with(config()).unwrap()).register(&registration());
    let server = TestServer::with(config()).unwrap();
    let mut http = Http::to(&server);
    let code = code(&http.get(&format!("/authorize?{}", aws_query(&client))));
    assert_eq!(http.post("/token", &aws_grant(&client, &code)).status, 200);
    let bare = TestServer::with(Config::default().with_approval(Approval::Auto)).unwrap();
    assert_eq!(Http::to(&bare).get(&format!("/authorize?{}", aws_query(&client))).status, 400);
}
