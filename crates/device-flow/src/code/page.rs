//! The page that ends the matter in the browser.

use core::fmt::Write as _;

use super::callback::Callback;
use super::flow::CodeFlow;
use super::head::Incoming;
use crate::Outcome;

/// The headers of every page: no script, no foreign resource, no copy in a cache, and no address
/// with a code in a `Referer`.
const HEADERS: &str = "content-type: text/html; charset=utf-8\r\n\
    content-security-policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'\r\n\
    cache-control: no-store\r\n\
    referrer-policy: no-referrer\r\n\
    x-content-type-options: nosniff\r\n\
    connection: close\r\n";

const STYLE: &str = "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}\
    h1{font-size:1.4rem}";

impl CodeFlow {
    /// Returns the whole HTTP response for a request at the redirect URI.
    ///
    /// Call it for an accepted response once the flow has ended, so that the page tells the result. It has no
    /// text of the service and no secret.
    ///
    /// ```
    /// # use device_flow::{Callback, CodeFlow, CodeSecrets, Policy, RedirectUri, Tick};
    /// # use oidc_proto::{Endpoint, Secret};
    /// # let secrets = CodeSecrets::new(Secret::from("verifier"), "challenge", Secret::from("state"));
    /// # let policy = Policy::aws("https://d-1234567890.awsapps.com/start");
    /// # let service = Endpoint::for_region("eu-west-1")?;
    /// let mut flow = CodeFlow::new(service, policy, None, RedirectUri::loopback(8400), secrets, Tick::ZERO);
    /// assert!(flow.page(Callback::NotFound).starts_with("HTTP/1.1 404 "));
    /// flow.cancel();
    /// assert!(flow.page(Callback::Accepted).contains("The sign-in was cancelled"));
    /// # Ok::<(), oidc_proto::EndpointError>(())
    /// ```
    #[must_use]
    pub fn page(&self, callback: Callback) -> String {
        match callback {
            Callback::Accepted => match self.outcome() {
                None => page(
                    "200 OK",
                    "The sign-in continues",
                    "The program is fetching the token. You may close this page.",
                ),
                Some(Ok(_)) => {
                    page("200 OK", "You are signed in", "You may close this page and return to the program.")
                }
                Some(Err(outcome)) => page("200 OK", "You are not signed in", &sentence(outcome)),
            },
            Callback::NotFound => page(
                "404 Not Found",
                "Not found",
                "This address belongs to a sign-in of a program on this machine.",
            ),
            Callback::Unrelated => page(
                "400 Bad Request",
                "This is not the response to the current sign-in",
                "It may belong to an earlier one. Continue on the page that the program has opened last.",
            ),
            Callback::Late => page(
                "410 Gone",
                "There is nothing to do here",
                "The sign-in has its response already, or waits for none. The program shows more.",
            ),
        }
    }
}

impl Incoming {
    /// Returns the whole HTTP response to a request that is no GET, or `None` for one that is or may become one.
    ///
    /// ```
    /// use device_flow::Incoming;
    /// assert!(Incoming::OtherMethod.page().is_some_and(|page| page.starts_with("HTTP/1.1 405 ")));
    /// assert_eq!(Incoming::Incomplete.page(), None);
    /// ```
    #[must_use]
    pub fn page(&self) -> Option<String> {
        match self {
            Self::OtherMethod => Some(page(
                "405 Method Not Allowed\r\nallow: GET",
                "Not allowed",
                "This address takes only GET.",
            )),
            Self::Invalid => {
                Some(page("400 Bad Request", "Not understood", "This is no request of a browser."))
            }
            Self::Incomplete | Self::Get(_) => None,
        }
    }
}

/// Returns what happened and what to do, without a text of the service.
fn sentence(outcome: &Outcome) -> String {
    let summary = outcome.summary();
    let mut letters = summary.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}. The program shows the details. You may close this page.", letters.as_str())
}

fn page(status: &str, title: &str, text: &str) -> String {
    let body = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n</main>\n</body>\n</html>\n"
    );
    let mut response = format!("HTTP/1.1 {status}\r\n{HEADERS}content-length: {}\r\n\r\n", body.len());
    let _ = response.write_str(&body);
    response
}
