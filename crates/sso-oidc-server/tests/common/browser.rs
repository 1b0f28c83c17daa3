//! A browser at the page for a user code, without JavaScript.

use sso_oidc_server::TestServer;

use super::{Client, Device, Http, Response};

/// A browser with one connection and the page's cookie.
pub struct Browser {
    pub http: Http,
    pub cookie: Option<String>,
}

impl Browser {
    pub fn at(server: &TestServer) -> Self {
        Self { http: Http::to(server), cookie: None }
    }

    pub fn look(&mut self, user_code: &str) -> Response {
        let path = format!("/device?user_code={user_code}");
        let cookie = self.cookie.clone().unwrap_or_default();
        let headers: &[(&str, &str)] = if cookie.is_empty() { &[] } else { &[("Cookie", &cookie)] };
        let response = self.http.send("GET", &path, headers, "");
        if let Some(cookie) = response.header("Set-Cookie") {
            self.cookie = cookie.split(';').next().map(str::to_owned);
        }
        response
    }

    pub fn press(&mut self, user_code: &str, csrf: &str, action: &str, more: &[(&str, &str)]) -> Response {
        let cookie = self.cookie.clone().unwrap_or_default();
        let mut headers = vec![("Content-Type", "application/x-www-form-urlencoded")];
        if !cookie.is_empty() {
            headers.push(("Cookie", &cookie));
        }
        headers.extend(more);
        let body = format!("user_code={user_code}&csrf={csrf}&action={action}");
        self.http.send("POST", "/device", &headers, &body)
    }
}

/// Returns the value of the page's hidden field.
pub fn csrf(page: &Response) -> String {
    let marker = "name=\"csrf\" value=\"";
    let from = page.body.find(marker).unwrap_or_else(|| panic!("no csrf: {}", page.body)) + marker.len();
    page.body[from..].split('"').next().unwrap().to_owned()
}

/// Returns a device that waits for a decision, and its client.
pub fn waiting(server: &TestServer) -> (Http, Client, Device) {
    let mut http = Http::to(server);
    let client = http.client();
    let device = http.start(&client);
    (http, client, device)
}
