//! The cache directory, as other processes and AWS's tools see it.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use oidc_proto::{Client, Registration, Secret, Token, UnixSeconds};
use sso_cache::{Cache, CacheError, CachedRegistration, CachedToken, Corruption, Identity, RegistrationKey};
use tempfile::TempDir;

fn cache() -> (TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(Cache::default_dir(dir.path()));
    (dir, cache)
}

fn admin() -> Identity {
    Identity::SessionName("admin".to_owned())
}

fn registration() -> Registration {
    Registration::new(Client::new("id", Secret::from("client-secret")))
        .with_expiry(UnixSeconds::new(2_000_000_000))
}

fn token(access: &str) -> CachedToken {
    let answer = Token::bearer(Secret::from(access), Duration::from_secs(3600))
        .with_refresh_token(Secret::from("refresh"));
    CachedToken::new(&answer, UnixSeconds::new(1_640_464_200), Some(registration()))
        .for_portal("https://d-abc123.awsapps.com/start", "us-west-2")
}

#[test]
fn a_cache_that_does_not_exist_is_empty_and_reading_it_creates_nothing() {
    let (_dir, cache) = cache();
    assert_eq!(cache.token(&admin()).unwrap(), None);
    assert_eq!(cache.registration(&RegistrationKey::new("u", "r")).unwrap(), None);
    assert!(!cache.remove_token(&admin()).unwrap());
    assert!(!cache.dir().exists());
}

#[test]
fn what_was_saved_is_loaded_and_what_was_removed_is_gone() {
    let (_dir, cache) = cache();
    cache.save_token(&admin(), &token("a")).unwrap();
    assert_eq!(cache.token(&admin()).unwrap(), Some(token("a")));
    assert_eq!(cache.token(&Identity::SessionName("other".to_owned())).unwrap(), None);
    assert!(cache.dir().join("d033e22ae348aeb5660fc2140aec35850c4da997.json").is_file());

    let key = RegistrationKey::new("https://d-abc123.awsapps.com/start", "us-west-2");
    let kept = CachedRegistration::new(registration()).with_scopes(Some(vec!["s".to_owned()]));
    cache.save_registration(&key, &kept).unwrap();
    assert_eq!(cache.registration(&key).unwrap(), Some(kept));
    assert!(cache.dir().join("d75f79f67bab3f92a2b1450471c0c2574de0dca4.json").is_file());

    assert!(cache.remove_token(&admin()).unwrap());
    assert!(cache.remove_registration(&key).unwrap());
    assert_eq!(fs::read_dir(cache.dir()).unwrap().count(), 0, "no temporary file stays behind");
}

#[test]
fn members_that_another_tool_wrote_survive_a_rewrite_and_a_dropped_refresh_token_does_not() {
    let (_dir, cache) = cache();
    fs::create_dir_all(cache.dir()).unwrap();
    let path = cache.token_path(&admin());
    fs::write(
        &path,
        r#"{"accessToken":"old","expiresAt":"2021-12-25T21:30:00UTC","refreshToken":"old","theirs":{"a":[1]}}"#,
    )
    .unwrap();
    let mut fresh = token("new");
    fresh.refresh_token = None;
    cache.save_token(&admin(), &fresh).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(r#""theirs":{"a":[1]}"#) && text.contains(r#""accessToken":"new""#), "{text}");
    assert!(!text.contains("refreshToken"), "{text}");
}

#[test]
fn a_corrupt_file_is_named_with_its_reason_and_can_be_set_aside_without_loss() {
    let (_dir, cache) = cache();
    fs::create_dir_all(cache.dir()).unwrap();
    let path = cache.token_path(&admin());
    for (number, (content, expected)) in [
        ("", Corruption::NotJson { line: 1, column: 0 }),
        (r#"{"accessToken":"SENTINEL"#, Corruption::NotJson { line: 1, column: 24 }),
        (r#"{"accessToken":"SENTINEL"}"#, Corruption::Missing("expiresAt")),
        (r#"{"accessToken":["SENTINEL"],"expiresAt":""}"#, Corruption::WrongType("accessToken")),
        (r#"["SENTINEL"]"#, Corruption::NotAnObject),
        (r#"{"accessToken":"SENTINEL","expiresAt":"SENTINEL"}"#, Corruption::NotATime("expiresAt")),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(&path, content).unwrap();
        let error = cache.token(&admin()).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(&*path.to_string_lossy()) && !text.contains("SENTINEL"), "{text}");
        assert_eq!(error.corrupt_file(), Some(path.as_path()));
        assert!(matches!(error, CacheError::Corrupt { reason, .. } if reason == expected), "{content}");

        let aside = cache.set_aside(&path).unwrap().unwrap();
        assert_eq!(fs::read_to_string(&aside).unwrap(), content);
        assert_eq!(fs::read_dir(cache.private_dir()).unwrap().count(), number + 1, "each is kept");
        assert_eq!(fs::read_dir(cache.dir()).unwrap().count(), 0, "and is in no other tool's way");
        assert_eq!(cache.token(&admin()).unwrap(), None);
    }
    assert_eq!(cache.set_aside(&path).unwrap(), None);
    assert_eq!(cache.set_aside(Path::new("no-such-file.json")).unwrap(), None);
}

#[test]
fn a_corrupt_file_does_not_keep_a_new_token_from_being_saved() {
    let (_dir, cache) = cache();
    fs::create_dir_all(cache.dir()).unwrap();
    fs::write(cache.token_path(&admin()), "{\"torn").unwrap();
    cache.save_token(&admin(), &token("a")).unwrap();
    assert_eq!(cache.token(&admin()).unwrap(), Some(token("a")));
}

#[test]
fn a_file_too_large_for_a_token_is_not_read() {
    let (_dir, cache) = cache();
    fs::create_dir_all(cache.dir()).unwrap();
    fs::write(cache.token_path(&admin()), vec![b' '; (1 << 20) + 1]).unwrap();
    let error = cache.token(&admin()).unwrap_err();
    assert!(matches!(error, CacheError::Corrupt { reason: Corruption::TooLarge, .. }), "{error}");
}

#[test]
fn an_unreadable_place_is_an_error_that_names_it_and_keeps_its_cause() {
    let (_dir, cache) = cache();
    fs::create_dir_all(cache.token_path(&admin())).unwrap();
    let error = cache.token(&admin()).unwrap_err();
    assert!(matches!(error, CacheError::Io { action: "read", .. }), "{error:?}");
    assert!(std::error::Error::source(&error).is_some());
    assert!(cache.save_token(&admin(), &token("a")).is_err());

    let file = cache.dir().join("file");
    fs::write(&file, "").unwrap();
    assert!(Cache::at(&file).save_token(&admin(), &token("a")).is_err());
}

#[cfg(unix)]
#[test]
fn files_are_the_owners_alone_even_where_a_looser_one_stood() {
    use std::os::unix::fs::PermissionsExt as _;

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (dir, cache) = cache();
    let path = cache.token_path(&admin());
    cache.save_token(&admin(), &token("a")).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(cache.dir()), 0o700);
    assert_eq!(mode(&dir.path().join(".aws")), 0o700);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(cache.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    cache.save_token(&admin(), &token("b")).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(cache.dir()), 0o755, "an existing directory keeps its mode");
}

/// Ends a loop of another thread.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_reader_never_sees_a_torn_file_while_many_write() {
    let (_dir, cache) = cache();
    // Of different lengths, so that an in-place write would show as a cut or a tail.
    let tokens: Vec<CachedToken> = (1..=4).map(|n| token(&"x".repeat(n * 3000))).collect();
    cache.save_token(&admin(), &tokens[0]).unwrap();
    let done = AtomicBool::new(false);
    let reads = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let writers: Vec<_> = tokens
            .iter()
            .map(|token| {
                scope.spawn(|| {
                    for _ in 0..25 {
                        cache.save_token(&admin(), token).unwrap();
                    }
                })
            })
            .collect();
        // The reader ends after a failure, too.
        let end = End(&done);
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let seen = cache.token(&admin()).unwrap().unwrap();
                assert!(tokens.contains(&seen));
                reads.fetch_add(1, Ordering::Relaxed);
                // One that never closes the file would keep it from being replaced on Windows.
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        for writer in writers {
            writer.join().unwrap();
        }
        drop(end);
    });
    assert!(reads.load(Ordering::Relaxed) > 0);
    assert_eq!(fs::read_dir(cache.dir()).unwrap().count(), 1, "no temporary file stays behind");
}

#[test]
fn two_holders_of_one_lock_exclude_each_other() {
    let (_dir, cache) = cache();
    let guard = cache.lock(&admin(), Duration::ZERO).unwrap();
    let error = cache.lock(&admin(), Duration::ZERO).unwrap_err();
    let lock_file = cache.private_dir().join(format!("{}.lock", admin().file_name()));
    assert!(matches!(&error, CacheError::Locked { path, .. } if *path == lock_file), "{error}");
    let got = cache.lock(&admin(), Duration::from_millis(60));
    assert!(matches!(got, Err(CacheError::Locked { .. })), "{got:?}");
    let _of_another = cache.lock(&Identity::SessionName("other".to_owned()), Duration::ZERO).unwrap();
    drop(guard);
    let _again = cache.lock(&admin(), Duration::ZERO).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(lock_file).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "no other user can hold the lock: {mode:o}");
    }
}

#[test]
fn who_waits_for_a_lock_gets_it_when_it_is_given_back() {
    let (_dir, cache) = cache();
    let inside = AtomicU32::new(0);
    let done = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let _guard = cache.lock(&admin(), Duration::from_secs(30)).unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are inside");
                std::thread::sleep(Duration::from_millis(5));
                inside.fetch_sub(1, Ordering::SeqCst);
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    assert_eq!(done.load(Ordering::SeqCst), 4);
}

#[test]
fn the_registration_of_a_client_is_found_whatever_it_is_filed_under() {
    let (dir, cache) = cache();
    assert_eq!(cache.registration_of("id").unwrap(), None);
    let registration = Registration::new(Client::new("id", Secret::from("cs")));
    let answer = Token::bearer(Secret::from("at"), Duration::from_secs(60));
    let token = CachedToken::new(&answer, UnixSeconds::new(0), Some(registration.clone()));
    cache.save_token(&Identity::SessionName("s".to_owned()), &token).unwrap();
    fs::write(cache.dir().join("torn.json"), "{").unwrap();
    assert_eq!(cache.registration_of("id").unwrap(), None, "a token is no registration");
    let cached = CachedRegistration::new(registration.with_expiry(UnixSeconds::new(1)))
        .with_scopes(Some(vec!["a".to_owned()]));
    cache.save_registration(&RegistrationKey::new("https://x.example", "us-east-1"), &cached).unwrap();
    assert_eq!(cache.registration_of("id").unwrap(), Some(cached));
    assert_eq!(cache.registration_of("other").unwrap(), None);
    drop(dir);
}

#[test]
fn what_the_cache_says_names_the_file_and_what_is_wrong_with_it() {
    let (_dir, cache) = cache();
    fs::create_dir_all(cache.dir()).unwrap();
    let identity = Identity::SessionName("corp".to_owned());
    let file = cache.token_path(&identity);
    for (content, reason) in [
        ("{", "it is not JSON (line 1, column 1)"),
        ("[]", "it is not a JSON object"),
        ("{}", "`accessToken` is missing"),
        (r#"{"accessToken":"t","expiresAt":"soon"}"#, "`expiresAt` is not a valid timestamp"),
    ] {
        fs::write(&file, content).unwrap();
        let text = cache.token(&identity).unwrap_err().to_string();
        assert_eq!(text, format!("the cache file {} is invalid: {reason}", file.display()));
    }
    let _guard = cache.lock(&identity, Duration::ZERO).unwrap();
    let text = cache.lock(&identity, Duration::ZERO).unwrap_err().to_string();
    let lock_file = cache.private_dir().join(format!("{}.lock", identity.file_name()));
    // The time is that of the clock.
    let held = text.strip_prefix(&format!("process {} (for ", std::process::id()));
    let held =
        held.and_then(|rest| rest.strip_suffix(&format!(" s) holds the lock {}", lock_file.display())));
    // Windows lets others not even read a locked file.
    let unnamed = format!("another process holds the lock {}", lock_file.display());
    let is_named = held.is_some_and(|seconds| seconds.parse::<u64>().is_ok());
    assert!(is_named || cfg!(windows) && text == unnamed, "{text}");
    let not_a_directory = Cache::at(&file);
    let text = not_a_directory.lock(&identity, Duration::ZERO).map(drop).unwrap_err().to_string();
    assert_eq!(text, format!("cannot create the directory {}", file.display()));
}

#[cfg(unix)]
#[test]
fn what_cannot_be_looked_at_is_not_taken_for_absent() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let cache = Cache::at(&file);
    let got = cache.token(&admin());
    assert!(matches!(got, Err(CacheError::Io { action: "read", .. })), "{got:?}");
    let got = cache.remove_token(&admin());
    assert!(matches!(got, Err(CacheError::Io { action: "delete", .. })), "{got:?}");
    let got = cache.registration_of("id");
    assert!(matches!(got, Err(CacheError::Io { action: "list", .. })), "{got:?}");
    let got = cache.set_aside(Path::new("a.json"));
    assert!(matches!(got, Err(CacheError::Io { action: "set aside", .. })), "{got:?}");
}
