//! What a request asks for, from its method and path.

use http::Method;
use oidc_proto::{Dialect, Fault, Operation};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// One of the service's operations.
    Api(Operation),
    /// The approval page, to look at.
    Device,
    /// The approval page, to decide.
    Decide,
    /// The approval page's style sheet.
    Style,
    /// On to the approval page.
    Root,
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
    Api(Fault),
    /// A page that does not take this method.
    Method,
}

/// The methods that the path takes, for the `Allow` header (RFC 9110 §10.2.1).
pub(crate) fn allowed(path: &str) -> &'static str {
    match path {
        "/device" => "GET, HEAD, POST",
        "/" | "/start" | "/health" | "/style.css" | "/favicon.ico" => "GET, HEAD",
        _ => "POST",
    }
}

/// The route of this method and path.
pub(crate) fn route(method: &Method, path: &str) -> Result<Route, NoRoute> {
    let page = match path {
        "/device" => Route::Device,
        "/style.css" => Route::Style,
        "/" => Route::Root,
        "/start" => Route::Start,
        "/health" => Route::Health,
        "/favicon.ico" => Route::Icon,
        _ => return Dialect::Aws.operation(method, path).map(Route::Api).map_err(NoRoute::Api),
    };
    match (page, method) {
        (page, &Method::GET | &Method::HEAD) => Ok(page),
        (Route::Device, &Method::POST) => Ok(Route::Decide),
        _ => Err(NoRoute::Method),
    }
}
