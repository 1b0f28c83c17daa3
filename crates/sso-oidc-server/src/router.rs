//! The one table of paths, methods and handlers.

use http::Method;
use http::Response;
use oidc_proto::{Body, Dialect, Fault, FaultCode, Operation};

use crate::openid::keys;
use crate::reply::{self, Spelling};
use crate::state::Context;
use crate::{discovery, page};

/// A path, its methods and their handler.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) methods: &'static [Method],
    pub(crate) handler: Handler,
}

/// The handler of a request.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// The authority handles it, in one of its dialects.
    Operation(Dialect, Operation),
    /// The portal handles it.
    Portal(Operation),
    /// The claims about a person, for an access token.
    UserInfo,
    /// A function returns a document with the endpoints.
    Metadata(fn(&Context<'_>) -> Response<Body>),
    /// A function returns a page.
    Page(fn(&Context<'_>) -> Response<Body>),
    /// Whether the store answers.
    Ready,
    /// The page for a user code.
    Device(Step),
    /// A function returns a page or a redirect, with the error for the log.
    Authorization(Step),
}

/// A step of a person's approval.
#[derive(Clone, Copy)]
pub(crate) enum Step {
    /// The page that asks.
    Ask,
    /// The form with the decision.
    Decide,
}

const GET: &[Method] = &[Method::GET, Method::HEAD];
const GET_ONLY: &[Method] = &[Method::GET];
const POST: &[Method] = &[Method::POST];
const GET_OR_POST: &[Method] = &[Method::GET, Method::HEAD, Method::POST];

/// All routes. The crate documentation has the same table, and a test compares the two.
pub(crate) static ROUTES: &[Route] = &[
    operation("/client/register", Dialect::Aws, Operation::RegisterClient),
    operation("/device_authorization", Dialect::Aws, Operation::StartDeviceAuthorization),
    operation("/token", Dialect::Aws, Operation::CreateToken),
    operation("/oauth/register", Dialect::OAuth, Operation::RegisterClient),
    operation("/oauth/device_authorization", Dialect::OAuth, Operation::StartDeviceAuthorization),
    operation("/oauth/token", Dialect::OAuth, Operation::CreateToken),
    operation("/oauth/revoke", Dialect::OAuth, Operation::RevokeToken),
    operation("/oauth/introspect", Dialect::OAuth, Operation::IntrospectToken),
    Route { path: "/oauth/userinfo", methods: GET_OR_POST, handler: Handler::UserInfo },
    portal("/assignment/accounts", GET_ONLY, Operation::ListAccounts),
    portal("/assignment/roles", GET_ONLY, Operation::ListAccountRoles),
    portal("/federation/credentials", GET_ONLY, Operation::GetRoleCredentials),
    portal("/logout", POST, Operation::Logout),
    Route { path: discovery::OPENID, methods: GET, handler: Handler::Metadata(discovery::openid) },
    Route { path: discovery::OAUTH, methods: GET, handler: Handler::Metadata(discovery::oauth) },
    Route { path: "/authorize", methods: GET, handler: Handler::Authorization(Step::Ask) },
    Route { path: "/authorize", methods: POST, handler: Handler::Authorization(Step::Decide) },
    Route { path: "/jwks.json", methods: GET, handler: Handler::Page(keys::answer) },
    Route { path: "/device", methods: GET, handler: Handler::Device(Step::Ask) },
    Route { path: "/device", methods: POST, handler: Handler::Device(Step::Decide) },
    Route { path: "/start", methods: GET, handler: Handler::Page(page::start) },
    Route { path: "/ready", methods: GET, handler: Handler::Ready },
    Route { path: "/health", methods: GET, handler: Handler::Page(page::health) },
    Route { path: "/", methods: GET, handler: Handler::Page(page::to_device) },
    Route { path: "/style.css", methods: GET, handler: Handler::Page(page::style) },
    Route { path: "/favicon.ico", methods: GET, handler: Handler::Page(page::icon) },
];

const fn operation(path: &'static str, dialect: Dialect, operation: Operation) -> Route {
    Route { path, methods: POST, handler: Handler::Operation(dialect, operation) }
}

const fn portal(path: &'static str, methods: &'static [Method], operation: Operation) -> Route {
    Route { path, methods, handler: Handler::Portal(operation) }
}

/// The reason why no route matches a request.
#[derive(Debug)]
pub(crate) enum NoRoute {
    /// No operation matches; the fault is in its spelling.
    Operation(Spelling, Box<Fault>),
    /// The page does not support the method.
    Page,
}

impl Route {
    /// Returns the operation, if the route has one.
    pub(crate) const fn operation(&self) -> Option<Operation> {
        match self.handler {
            Handler::Operation(_, operation) | Handler::Portal(operation) => Some(operation),
            Handler::UserInfo
            | Handler::Metadata(_)
            | Handler::Page(_)
            | Handler::Ready
            | Handler::Device(_)
            | Handler::Authorization(_) => None,
        }
    }

    /// Returns the spelling of its errors, if they are no pages.
    pub(crate) const fn spelling(&self) -> Option<Spelling> {
        match self.handler {
            Handler::Operation(dialect, _) => Some(Spelling::Dialect(dialect)),
            Handler::Portal(_) => Some(Spelling::Portal),
            Handler::UserInfo => Some(Spelling::Dialect(Dialect::OAuth)),
            Handler::Metadata(_)
            | Handler::Page(_)
            | Handler::Ready
            | Handler::Device(_)
            | Handler::Authorization(_) => None,
        }
    }
}

/// Returns the route of this method and path.
pub(crate) fn route(method: &Method, path: &str) -> Result<&'static Route, NoRoute> {
    if let Some(route) = of_path(path).find(|route| route.methods.contains(method)) {
        return Ok(route);
    }
    if of_path(path).any(|route| route.spelling().is_none()) {
        return Err(NoRoute::Page);
    }
    if of_path(path).next().is_some_and(|route| route.spelling() == Some(Spelling::Portal)) {
        let fault = Fault::new(FaultCode::Other("MethodNotAllowedException".to_owned())).with_status(405);
        return Err(NoRoute::Operation(Spelling::Portal, Box::new(fault)));
    }
    if of_path(path).any(|route| matches!(route.handler, Handler::UserInfo)) {
        let fault = reply::invalid("this endpoint requires GET or POST", 405);
        return Err(NoRoute::Operation(Dialect::OAuth.into(), Box::new(fault)));
    }
    // AWS's paths have no common prefix, so an unknown path gets AWS's error.
    let dialect = if path.starts_with("/oauth/") { Dialect::OAuth } else { Dialect::Aws };
    let error = dialect.operation(method, path).err();
    let error = error.unwrap_or_else(|| Fault::new(FaultCode::InvalidRequest).with_status(404));
    Err(NoRoute::Operation(dialect.into(), Box::new(error)))
}

/// Returns the methods of the path, for the `Allow` header (RFC 9110 §10.2.1).
pub(crate) fn allowed(path: &str) -> String {
    let methods: Vec<&str> = of_path(path).flat_map(|route| route.methods).map(Method::as_str).collect();
    methods.join(", ")
}

/// Returns whether programs use this path, and no person does.
pub(crate) fn is_for_programs(path: &str) -> bool {
    of_path(path).any(|route| match route.handler {
        Handler::Operation(..) | Handler::Portal(_) | Handler::Metadata(_) | Handler::UserInfo => true,
        Handler::Page(_) => path == "/jwks.json",
        Handler::Ready | Handler::Device(_) | Handler::Authorization(_) => false,
    })
}

/// Returns the place of the first route with this path.
pub(crate) fn place(path: &str) -> Option<usize> {
    ROUTES.iter().position(|route| route.path == path)
}

/// Returns the path for the log. Text from a client stays out of it.
pub(crate) fn name(path: &str) -> &'static str {
    of_path(path).next().map_or("unknown", |route| route.path)
}

fn of_path(path: &str) -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().filter(move |route| route.path == path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_documentation_has_the_table_of_routes() {
        let mut documented = BTreeSet::new();
        for row in include_str!("lib.rs").lines().filter_map(|line| line.strip_prefix("//! | `/")) {
            let (paths, rest) = row.split_once(" | ").unwrap();
            let (methods, _) = rest.split_once(" | ").unwrap();
            for path in format!("`/{paths}").split(", ") {
                let path = path.trim_matches('`').to_owned();
                documented.extend(methods.split(", ").map(|method| (path.clone(), method.to_owned())));
            }
        }
        let routes = ROUTES.iter().flat_map(|route| {
            let methods = route.methods.iter().filter(|method| **method != Method::HEAD);
            methods.map(|method| (route.path.to_owned(), method.to_string()))
        });
        assert_eq!(documented, routes.collect());
    }

    #[test]
    fn the_table_has_every_operation_of_both_dialects_at_its_own_path() {
        for route in ROUTES {
            if let Handler::Operation(dialect, operation) = route.handler {
                assert_eq!(dialect.operation(&Method::POST, route.path), Ok(operation), "{}", route.path);
            }
        }
        let count = |dialect| {
            ROUTES.iter().filter(|route| route.spelling() == Some(Spelling::Dialect(dialect))).count()
        };
        assert_eq!(count(Dialect::Aws), Operation::SIGN_IN.len());
        let of_openid = ["revocation", "introspection", "UserInfo"];
        assert_eq!(count(Dialect::OAuth), Operation::SIGN_IN.len() + of_openid.len(), "with {of_openid:?}");
        let is_there = |operation| {
            ROUTES.iter().any(|route| matches!(route.handler, Handler::Portal(known) if known == operation))
        };
        assert!(Operation::PORTAL.iter().all(|operation| is_there(*operation)));
    }

    #[test]
    fn a_path_that_no_route_has_is_not_repeated_in_the_log() {
        assert_eq!(name("/device"), "/device");
        assert_eq!(name("/device/../secret"), "unknown");
    }
}
