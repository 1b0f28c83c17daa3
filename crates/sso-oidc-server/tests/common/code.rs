//! The authorization code flow: its requests, a browser, and its answers.

use serde_json::{Value, json};
use sso_oidc_server::{Approval, Config, TestServer};

use super::{Client, Http, Response, START_URL, form};

/// RFC 7636, Appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const CALLBACK: &str = "http://127.0.0.1:49152/oauth/callback";

pub fn server(approval: Approval) -> TestServer {
    let config = Config::default().with_approval(approval);
    TestServer::with(config.with_client(sso_oidc_server::Client::public("public"))).unwrap()
}

/// Registers as the AWS CLI does.
pub fn registration() -> Value {
    json!({
        "clientName": "my tool", "clientType": "public", "scopes": ["sso:account:access"],
        "grantTypes": ["authorization_code", "refresh_token"],
        "redirectUris": ["http://127.0.0.1/oauth/callback"],
        "issuerUrl": START_URL,
    })
}

/// Returns the query of the AWS CLI, in its order.
pub fn aws_query(client: &Client) -> String {
    form(&[
        ("response_type", "code"),
        ("client_id", &client.id),
        ("redirect_uri", CALLBACK),
        ("state", "a b&error=x"),
        ("code_challenge_method", "S256"),
        ("scopes", "sso:account:access"),
        ("code_challenge", CHALLENGE),
    ])
}

/// Returns the query of a standard client, with these changes. An empty value removes a parameter.
pub fn query(changes: &[(&str, &str)]) -> String {
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", "public"),
        ("redirect_uri", CALLBACK),
        ("scope", "openid"),
        ("state", "s"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    for change in changes {
        match parameters.iter_mut().find(|(name, _)| *name == change.0) {
            Some(parameter) => *parameter = *change,
            None => parameters.push(*change),
        }
    }
    parameters.retain(|(_, value)| !value.is_empty());
    form(&parameters)
}

/// A browser with one connection and the page's cookie.
pub struct Browser {
    pub http: Http,
    pub cookie: String,
}

impl Browser {
    pub fn at(server: &TestServer) -> Self {
        Self { http: Http::to(server), cookie: String::new() }
    }

    /// Opens the page, and returns its form's token too.
    pub fn look(&mut self, query: &str) -> (Response, String) {
        let path = format!("/authorize?{query}");
        let cookie = self.cookie.clone();
        let headers: &[(&str, &str)] = if cookie.is_empty() { &[] } else { &[("Cookie", &cookie)] };
        let page = self.http.send("GET", &path, headers, "");
        if let Some(cookie) = page.header("Set-Cookie") {
            self.cookie = cookie.split(';').next().unwrap().to_owned();
        }
        let token = between(&page.body, "name=\"csrf\" value=\"", "\"").to_owned();
        (page, token)
    }

    pub fn press(&mut self, query: &str, csrf: &str, action: &str, more: &[(&str, &str)]) -> Response {
        let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
        let cookie = self.cookie.clone();
        if !cookie.is_empty() {
            headers.push(("Cookie", &cookie));
        }
        headers.extend(more);
        let body = format!("csrf={csrf}&action={action}");
        self.http.send("POST", &format!("/authorize?{query}"), &headers, &body)
    }
}

pub fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}"));
    rest.split_once(after).unwrap().0
}

/// Returns the parameters of a client's URL, which must be this one.
#[track_caller]
pub fn parameters(url: &str, target: &str) -> Vec<(String, String)> {
    let (before, query) = url.split_once('?').unwrap();
    assert_eq!(before, target, "{url}");
    let decode = |text: &str| {
        let mut parts = text.split('%');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend(part[2..].bytes());
        }
        String::from_utf8(bytes).unwrap()
    };
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(name, value)| (name.to_owned(), decode(value))).collect()
}

pub fn names(parameters: &[(String, String)]) -> Vec<&str> {
    parameters.iter().map(|(name, _)| name.as_str()).collect()
}

/// Returns the parameters of a redirect to the callback.
#[track_caller]
pub fn redirected(response: &Response) -> Vec<(String, String)> {
    assert_eq!(response.status, 302, "{response:?}");
    assert_eq!(response.header("Set-Cookie"), None);
    assert_eq!(response.header("Cache-Control"), Some("no-store"));
    parameters(response.header("Location").unwrap(), CALLBACK)
}

/// Returns the error of a redirect, with the state of [`query`].
#[track_caller]
pub fn error(response: &Response) -> String {
    let parameters = redirected(response);
    let last = names(&parameters);
    assert!(last.ends_with(&["state", "iss"]) && !last.contains(&"code"), "{last:?}");
    assert_eq!(parameters[0].0, "error");
    parameters[0].1.clone()
}

#[track_caller]
pub fn code(response: &Response) -> String {
    let parameters = redirected(response);
    assert_eq!(names(&parameters), ["code", "state", "iss"]);
    parameters[0].1.clone()
}

/// Returns the URL that the page after the decision goes to.
pub fn refreshed(page: &Response) -> String {
    let url = between(&page.body, "http-equiv=\"refresh\" content=\"0;url=", "\"");
    assert!(!url.replace("&amp;", "").contains('&'), "it is escaped: {url}");
    let url = url.replace("&amp;", "&");
    assert_eq!(between(&page.body, "<a href=\"", "\"").replace("&amp;", "&"), url, "without a refresh too");
    url
}

pub fn aws_grant(client: &Client, code: &str) -> Value {
    json!({
        "clientId": client.id, "clientSecret": client.secret, "grantType": "authorization_code",
        "code": code, "redirectUri": CALLBACK, "codeVerifier": VERIFIER,
    })
}

pub fn oauth_grant<'a>(code: &'a str, client_id: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
        ("client_id", client_id),
    ]
}
