//! `cache path`, `cache list` and `cache gc`.

mod common;

use std::path::PathBuf;
use std::time::Duration;

use common::{Program, START_URL, after};
use oidc_proto::portal::RoleCredentials;
use oidc_proto::{Secret, UnixSeconds};
use serde_json::{Value, json};
use sso_cache::{Cache, Identity, RegistrationKey, RoleCredentialsCache, RoleKey};

const CONFIG: &str = "\
[sso-session corp]
sso_start_url = https://d-1234567890.awsapps.com/start
sso_region = eu-west-1
[profile work]
sso_session = corp
";

fn corp() -> Identity {
    Identity::SessionName("corp".to_owned())
}

/// A program with a cache that has both directories.
struct Fixture {
    program: Program,
    cache: Cache,
}

impl Fixture {
    fn new() -> Self {
        let program = Program::new().config(CONFIG);
        let cache = Cache::at(Cache::default_dir(program.home.path()));
        std::fs::create_dir_all(cache.dir()).unwrap();
        std::fs::create_dir_all(cache.private_dir()).unwrap();
        Self { program, cache }
    }

    fn run(&self, arguments: &[&str]) -> common::Run {
        let run = self.program.run(&[&["cache"], arguments].concat());
        assert!(!run.stdout.contains("SECRET") && !run.stderr.contains("SECRET"), "{run:?}");
        run
    }

    /// Writes a file for its owner only.
    fn write(&self, path: PathBuf, content: &Value) -> PathBuf {
        std::fs::write(&path, content.to_string()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        path
    }

    fn token(&self, session: &str, seconds: i64, refreshable: Option<i64>) -> PathBuf {
        let mut token = json!({
            "startUrl": START_URL, "accessToken": "SECRET-1", "expiresAt": after(seconds),
            "clientId": "client-id-of-corp", "clientSecret": "SECRET-2",
        });
        if let Some(seconds) = refreshable {
            token["refreshToken"] = "SECRET-3".into();
            token["registrationExpiresAt"] = after(seconds).into();
        }
        self.write(self.cache.token_path(&Identity::SessionName(session.to_owned())), &token)
    }

    fn registration(&self, region: &str, seconds: i64) -> PathBuf {
        let mut key = RegistrationKey::new(START_URL, region);
        key.session_name = Some("corp".to_owned());
        let content = json!({"clientId": "short", "clientSecret": "SECRET-4", "expiresAt": after(seconds)});
        self.write(self.cache.registration_path(&key), &content)
    }
}

#[test]
fn the_path_is_the_directory_or_the_token_file_of_a_session() {
    let fixture = Fixture::new();
    let path = |arguments: &[&str]| fixture.run(&[&["path"], arguments].concat()).ok();
    let (dir, corp) = (fixture.cache.dir(), fixture.cache.token_path(&corp()));
    assert_eq!(path(&[]), format!("{}\n", dir.display()));
    assert_eq!(path(&["--sso-session", "corp"]), format!("{}\n", corp.display()));
    assert_eq!(path(&["--profile", "work"]), format!("{}\n", corp.display()));
    let portal = fixture.cache.token_path(&Identity::StartUrl(START_URL.to_owned()));
    assert_eq!(path(&["--start-url", START_URL]), format!("{}\n", portal.display()));
    assert_eq!(path(&["--query", "path", "--output", "text"]), format!("{}\n", dir.display()));
    assert!(fixture.run(&["path", "--sso-session", "core"]).fails(253).contains("core"));
    assert!(fixture.run(&["nope"]).fails(252).contains("nope"));
    assert!(fixture.run(&[]).fails(252).contains("Usage"));
}

#[test]
fn the_list_has_each_file_with_what_it_holds_and_no_secret() {
    let fixture = Fixture::new();
    let token = fixture.token("corp", 3600, None);
    let registration = fixture.registration("eu-west-1", 86_400);
    let corrupt = fixture.cache.token_path(&Identity::SessionName("other".to_owned()));
    std::fs::write(&corrupt, "{").unwrap();
    let theirs = fixture.write(fixture.cache.dir().join("kiro-auth-token.json"), &json!("SECRET-5"));
    let lock = fixture.cache.private_dir().join(format!("{}.lock", corp().file_name()));
    std::fs::write(&lock, "").unwrap();
    let document = fixture.run(&["list", "--output", "json"]).json();
    let of = |file: &PathBuf| {
        let files = document["files"].as_array().unwrap();
        files.iter().find(|found| found["file"] == file.to_str().unwrap()).unwrap().clone()
    };
    let kinds = [&corrupt, &theirs, &lock].map(|file| of(file)["kind"].as_str().unwrap().to_owned());
    assert_eq!(kinds, ["corrupt", "other", "lock"]);
    assert!(of(&corrupt)["problem"].as_str().unwrap().contains("it is not JSON"));
    let mut found = of(&token);
    let length = std::fs::metadata(&token).unwrap().len();
    assert!(found["expiresAt"].as_str().unwrap().ends_with('Z'));
    found.as_object_mut().unwrap().retain(|name, _| name != "expiresAt" && name != "mode");
    let expected = json!({
        "file": token, "kind": "token", "sessionName": "corp", "startUrl": START_URL, "clientId": "client-i…",
        "size": length,
    });
    assert_eq!(found, expected);
    let found = of(&registration);
    assert_eq!((&found["kind"], &found["sessionName"]), (&json!("registration"), &json!("corp")));
    assert_eq!(found["clientId"], "short");
    assert_eq!(document["files"].as_array().unwrap().len(), 5);

    let lines = fixture.run(&["list"]).ok();
    assert_eq!(lines.lines().count(), 6, "{lines}");
    assert!(lines.starts_with("Kind  ") && lines.contains("1 h (2"), "{lines}");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_read_is_a_problem_in_the_list() {
    use std::os::unix::fs::PermissionsExt as _;
    let fixture = Fixture::new();
    let token = fixture.token("corp", 3600, None);
    let problem = || fixture.run(&["list", "--query", "files[0].[mode,problem]"]).json();
    assert_eq!(problem(), json!(["0600", null]));
    std::fs::set_permissions(&token, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(problem(), json!(["0644", "other users may read it, or write to it"]));
}

#[test]
fn an_empty_cache_has_no_lines() {
    let run = Program::new().run(&["cache", "list"]);
    assert!(run.stderr.contains("the cache is empty"), "{run:?}");
    assert_eq!(run.ok(), "");
    let run = Program::new().run(&["cache", "gc"]);
    assert_eq!(run.stderr, "Removed 0 files, 0 bytes.\n");
    assert_eq!(run.ok(), "");
}

#[test]
fn gc_removes_what_is_of_no_more_use_and_nothing_else() {
    let fixture = Fixture::new();
    let expired = [fixture.token("gone", -1, None), fixture.token("late", -1, Some(-1))];
    let lapsed = fixture.registration("eu-west-1", -1);
    let temporary = fixture.cache.private_dir().join(format!(".{}.x.tmp", corp().file_name()));
    std::fs::write(&temporary, "SECRET-6").unwrap();
    let old = std::time::SystemTime::now() - Duration::from_secs(120);
    std::fs::File::options().write(true).open(&temporary).unwrap().set_modified(old).unwrap();
    let kept = [
        fixture.token("corp", -1, Some(3600)),
        fixture.token("good", 60, None),
        fixture.registration("eu-west-2", 60),
        fixture.write(
            fixture.cache.dir().join("botocore-client-id-us-east-1.json"),
            &json!({"expiresAt": after(-1)}),
        ),
        fixture
            .write(fixture.cache.token_path(&Identity::SessionName("theirs".to_owned())), &json!({"a": 1})),
        fixture.write(fixture.cache.token_path(&Identity::SessionName("torn".to_owned())), &json!("{")),
        fixture
            .write(fixture.cache.private_dir().join(format!("{}.corrupt", corp().file_name())), &json!("{")),
    ];
    let garbage: Vec<_> = expired.iter().chain([&lapsed, &temporary]).collect();
    let size: u64 = garbage.iter().map(|file| std::fs::metadata(file).unwrap().len()).sum();

    let run = fixture.run(&["gc", "--dry-run"]);
    assert_eq!(run.stderr, format!("Would remove 4 files, {size} bytes.\n"));
    assert_eq!(run.ok().lines().count(), 5);
    assert!(garbage.iter().all(|file| file.exists()));

    let document = fixture.run(&["gc", "--output", "json"]).json();
    assert_eq!((&document["dryRun"], &document["size"]), (&json!(false), &json!(size)));
    let mut reasons: Vec<_> =
        document["removed"].as_array().unwrap().iter().map(|file| file["reason"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["expiredRegistration", "expiredToken", "expiredToken", "temporary"]);
    assert!(!garbage.iter().any(|file| file.exists()));
    assert!(kept.iter().all(|file| file.exists()));
    assert_eq!(fixture.run(&["gc"]).stderr, "Removed 0 files, 0 bytes.\n");
}

#[test]
fn gc_leaves_a_token_that_another_process_has_locked() {
    let fixture = Fixture::new();
    let token = fixture.token("corp", -1, None);
    let guard = fixture.cache.lock(&corp(), Duration::ZERO).unwrap();
    let run = fixture.run(&["gc"]);
    assert!(run.stderr.contains("the token is left for the next time"), "{run:?}");
    assert_eq!(run.ok(), "");
    assert!(token.exists());
    drop(guard);
    assert!(fixture.run(&["gc"]).ok().contains("token expired"));
    assert!(!token.exists());
}

#[test]
fn the_credentials_of_roles_are_listed_without_secrets_and_removed_once_expired() {
    let fixture = Fixture::new();
    let roles = RoleCredentialsCache::at(RoleCredentialsCache::default_dir(fixture.program.home.path()));
    let now = UnixSeconds::from(std::time::SystemTime::now()).get();
    let mut files = Vec::new();
    for (role, seconds) in [("Expired", -60), ("Valid", 3_600)] {
        let key = RoleKey::new(&corp(), "012345678901", role);
        let [secret, token] = ["SECRET-KEY", "SECRET-TOKEN"].map(Secret::from);
        let end = UnixSeconds::new(now + seconds);
        roles.save(&key, &RoleCredentials::new("ASIAEXAMPLE", secret, token, end)).unwrap();
        files.push(roles.dir().join(key.file_name()));
    }
    // The AWS CLI's own, for an assumed role.
    let assumed = roles.dir().join("0123456789abcdef0123456789abcdef01234567.json");
    let credentials = json!({"AccessKeyId": "SECRET", "Expiration": "2020-01-01T00:00:00Z"});
    std::fs::write(&assumed, json!({"Credentials": credentials}).to_string()).unwrap();

    let list = || -> Value {
        let query = "files[].[kind, sessionName, accountId, expiresAt != `null`]";
        fixture.run(&["list", "--output", "json", "--query", query]).json()
    };
    let role = json!(["roleCredentials", "corp", "012345678901", true]);
    let other = json!(["other", null, null, false]);
    let mut kinds = list().as_array().unwrap().clone();
    kinds.sort_by_key(ToString::to_string);
    assert_eq!(kinds, [other, role.clone(), role]);

    let said = fixture.run(&["gc", "--dry-run"]).ok();
    assert!(said.contains("credentials of a role expired"), "{said}");
    assert!(files.iter().all(|file| file.exists()));
    fixture.run(&["gc"]).ok();
    assert_eq!((files[0].exists(), files[1].exists(), assumed.exists()), (false, true, true));
}
