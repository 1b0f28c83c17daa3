//! What a request asks for, from its method and path.

use http::Method;
use oidc_proto::{Dialect, Fault, Operation};

use crate::discovery::{self, Standard};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// One of the service's operations, in one of its dialects.
    Api(Dialect, Operation),
    /// What the server says of itself, in the words of one of the two standards for that.
    Metadata(Standard),
    /// The approval page, to look at.
    Device,
    /// The approval page, to decide.
    Decide,
    /// The approval page's style sheet.
    Style,
    /// On to the approval page.
    Root,
    /// The authorization endpoint that there is not yet.
    Authorize,
    /// An empty set of keys.
    Keys,
    /// The start page.
    Start,
    /// Whether the server is up.
    Health,
    /// The icon that browsers ask for unasked.
    Icon,
}

/// Why there is no route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoRoute {
    /// The API's own word.
    Api(Dialect, Box<Fault>),
    /// A page that does not take this method.
    Method,
}

/// The methods that the path takes, for the `Allow` header (RFC 9110 §10.2.1).
pub(crate) fn allowed(path: &str) -> &'static str {
    match path {
        "/device" | "/authorize" => "GET, HEAD, POST",
        "/" | "/jwks.json" | "/start" | "/health" | "/style.css" | "/favicon.ico" => "GET, HEAD",
        path if discovery::PATHS.contains(&path) => "GET, HEAD",
        _ => "POST",
    }
}

/// The route of this method and path.
pub(crate) fn route(method: &Method, path: &str) -> Result<Route, NoRoute> {
    let page = match path {
        "/device" => Route::Device,
        "/style.css" => Route::Style,
        "/" => Route::Root,
        "/authorize" => Route::Authorize,
        "/jwks.json" => Route::Keys,
        "/start" => Route::Start,
        "/health" => Route::Health,
        "/favicon.ico" => Route::Icon,
        path if path == discovery::OPENID => Route::Metadata(Standard::OpenId),
        path if path == discovery::OAUTH => Route::Metadata(Standard::OAuth),
        _ => {
            // AWS's paths have no common beginning, so an unknown path is answered as they would.
            let dialect = if path.starts_with("/oauth/") { Dialect::OAuth } else { Dialect::Aws };
            return match dialect.operation(method, path) {
                Ok(operation) => Ok(Route::Api(dialect, operation)),
                Err(fault) => Err(NoRoute::Api(dialect, Box::new(fault))),
            };
        }
    };
    match (page, method) {
        (page, &Method::GET | &Method::HEAD) => Ok(page),
        (Route::Device, &Method::POST) => Ok(Route::Decide),
        (Route::Authorize, &Method::POST) => Ok(Route::Authorize),
        _ => Err(NoRoute::Method),
    }
}
