//! A session in the token file, for the tests of `token` and `refresh`.

use sso_cache::{Cache, Identity};
use sso_oidc_server::{Approval, Config, FaultRule, Rotation, TestServer};

use super::{Program, START_URL, Stub, fault, with};
use oidc_proto::Operation;

pub const TOKEN: [&str; 5] = ["token", "--start-url", START_URL, "--region", "eu-west-1"];
pub const REFRESH: [&str; 5] = ["refresh", "--start-url", START_URL, "--region", "eu-west-1"];

pub fn server(rotation: Rotation) -> TestServer {
    let config = Config::default().with_approval(Approval::Auto).with_remembered_requests(100_000);
    TestServer::with(config.with_rotation(rotation)).unwrap()
}

/// Returns a server that approves each device and has this fault.
pub fn server_with(fault: Option<&str>) -> TestServer {
    let config = Config::default().with_approval(Approval::Auto);
    let config = match fault {
        Some(fault) => config.with_fault(fault.parse::<FaultRule>().unwrap()),
        None => config,
    };
    TestServer::with(config).unwrap()
}

/// Returns the number of requests for a token.
pub fn asked(server: &TestServer) -> usize {
    server.requests().iter().filter(|request| request.operation == Some(Operation::CreateToken)).count()
}

/// Returns a program that is signed in.
pub fn signed_in(server: &TestServer) -> Program {
    let program = Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", server.endpoint());
    program.run(&with(&["--scopes", "sso:account:access"])).ok();
    program
}

/// Sets the expiry of the stored token to this many seconds from now.
pub fn expire_in(program: &Program, seconds: i64) {
    let cache = cache(program);
    let mut token = cache.token(&identity()).unwrap().unwrap();
    let now = oidc_proto::UnixSeconds::from(std::time::SystemTime::now());
    token.expires_at = oidc_proto::UnixSeconds::new(now.get() + seconds);
    cache.save_token(&identity(), &token).unwrap();
}

pub fn cache(program: &Program) -> Cache {
    Cache::at(Cache::default_dir(program.home.path()))
}

pub fn identity() -> Identity {
    Identity::StartUrl(START_URL.to_owned())
}

/// Returns a program with an expired token of this server of prepared responses.
pub fn expired_at(stub: &Stub) -> Program {
    let program =
        Program::new().var("AWS_ENDPOINT_URL_SSO_OIDC", &stub.endpoint).var("AWS_MAX_ATTEMPTS", "1");
    let directory = program.home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(
        cache(&program).token_path(&identity()),
        token("old", "2020-01-01T00:00:00Z", &stub.endpoint),
    )
    .unwrap();
    program
}

/// Returns the text of a token file, with a member that another tool has added.
pub fn token(name: &str, expires_at: &str, endpoint: &str) -> String {
    serde_json::json!({
        "startUrl": START_URL, "region": "eu-west-1", "accessToken": format!("access-{name}"),
        "expiresAt": expires_at, "clientId": "id", "clientSecret": "secret",
        "registrationExpiresAt": "2999-01-01T00:00:00Z", "refreshToken": format!("refresh-{name}"),
        "endpointUrl": endpoint, "theirs": "kept",
    })
    .to_string()
}

pub const NEW: &str =
    r#"{"accessToken":"access-new","expiresIn":3600,"refreshToken":"refresh-new","tokenType":"Bearer"}"#;

pub fn invalid_grant() -> String {
    fault(400, "InvalidGrantException", "invalid_grant", "Invalid refresh token provided")
}
