//! Proxies: variables that reqwest does not see, and the response of a proxy.
//!
//! reqwest reads the environment itself. It takes the first variable of a pair even if it is empty, so `HTTPS_PROXY=`
//! hides `https_proxy`. Only in that case this module chooses the proxies.

use core::error::Error;

use http::StatusCode;
use reqwest::{NoProxy, Proxy};

/// The pairs in which one variable can hide the other.
const PAIRS: [[&str; 2]; 4] = [
    ["HTTPS_PROXY", "https_proxy"],
    ["HTTP_PROXY", "http_proxy"],
    ["ALL_PROXY", "all_proxy"],
    ["NO_PROXY", "no_proxy"],
];

/// Returns the proxies of the environment, if one variable hides another. `variable` reads the environment.
///
/// # Errors
/// A value is not a proxy URL.
pub(crate) fn hidden(
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Vec<Proxy>>, reqwest::Error> {
    let filled = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
    let is_hidden = |[capital, small]: [&str; 2]| {
        variable(capital).is_some_and(|value| value.trim().is_empty()) && filled(small).is_some()
    };
    if !PAIRS.into_iter().any(is_hidden) {
        return Ok(None);
    }
    let [https, http, all, no] = PAIRS.map(|pair| pair.into_iter().find_map(filled));
    // In a CGI program, HTTP_PROXY may come from a request's `Proxy` header (httpoxy).
    let http = http.filter(|_| variable("REQUEST_METHOD").is_none());
    let exceptions = no.as_deref().and_then(NoProxy::from_string);
    let proxies = [https.map(Proxy::https), http.map(Proxy::http), all.map(Proxy::all)];
    let proxies = proxies.into_iter().flatten();
    proxies.map(|proxy| Ok(proxy?.no_proxy(exceptions.clone()))).collect::<Result<_, _>>().map(Some)
}

/// Returns the status of a proxy's response to CONNECT, if this error is from a proxy. The inner `None` means no
/// response, or an unknown status: of the refusals, only a 407 is known.
///
/// The error's type is private to hyper-util, so this reads its text. A test checks it with reqwest itself.
pub(crate) fn answer(error: &(dyn Error + 'static)) -> Option<Option<StatusCode>> {
    let causes = core::iter::successors(Some(error), |&error| error.source());
    let text = causes.map(ToString::to_string).find(|text| text.starts_with("tunnel error: "))?;
    let wants_login = text == "tunnel error: proxy authorization required";
    Some(wants_login.then_some(StatusCode::PROXY_AUTHENTICATION_REQUIRED))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(variables: &[(&str, &str)]) -> Option<String> {
        let find =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        hidden(find).unwrap().map(|proxies| format!("{proxies:?}"))
    }

    #[test]
    fn an_empty_variable_does_not_hide_its_twin_in_lower_case() {
        let shown =
            found(&[("HTTPS_PROXY", ""), ("https_proxy", "http://b:2"), ("no_proxy", "x.example")]).unwrap();
        assert!(shown.contains("Domain(\"b\")") && shown.contains("x.example"), "{shown}");
        assert!(
            found(&[("NO_PROXY", " "), ("no_proxy", "x"), ("ALL_PROXY", "http://c:3")])
                .unwrap()
                .contains("Domain(\"c\")")
        );
        let cgi = [
            ("ALL_PROXY", ""),
            ("all_proxy", "http://c:3"),
            ("HTTP_PROXY", "http://evil:1"),
            ("REQUEST_METHOD", "GET"),
        ];
        assert!(!found(&cgi).unwrap().contains("evil"));
    }

    #[test]
    fn otherwise_reqwest_reads_the_environment_itself() {
        assert_eq!(found(&[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://b:2")]), None);
        assert_eq!(found(&[("HTTPS_PROXY", "")]), None);
        assert_eq!(found(&[]), None);
    }
}
