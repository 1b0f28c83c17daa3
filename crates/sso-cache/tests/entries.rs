//! The files of the cache as a list, and the removal of those that are of no more use.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use oidc_proto::UnixSeconds;
use sso_cache::{Cache, CacheError, Content, Corruption, Entry, Garbage, Identity};
use tempfile::TempDir;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn cache() -> (TempDir, Cache) {
    let home = tempfile::tempdir().unwrap();
    let cache = Cache::at(Cache::default_dir(home.path()));
    fs::create_dir_all(cache.dir()).unwrap();
    fs::create_dir_all(cache.private_dir()).unwrap();
    (home, cache)
}

fn admin() -> Identity {
    Identity::SessionName("admin".to_owned())
}

fn now() -> UnixSeconds {
    SystemTime::now().into()
}

/// Returns the only file of the cache.
fn only(cache: &Cache) -> Entry {
    let mut entries = cache.entries().unwrap();
    let entry = entries.next().unwrap();
    assert!(entries.next().is_none());
    entry
}

/// Returns what a file with the name of a token holds.
fn content(text: &str) -> Content {
    let (_home, cache) = cache();
    fs::write(cache.token_path(&admin()), text).unwrap();
    only(&cache).content
}

fn corruption(text: &str) -> Corruption {
    match content(text) {
        Content::Unusable(CacheError::Corrupt { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_is_a_token_a_registration_another_tools_or_corrupt() {
    let registration = r#"{"clientId":"a","clientSecret":"b","expiresAt":"2030-01-01T00:00:00Z"}"#;
    assert!(
        matches!(content(registration), Content::Registration(found) if found.registration.client.id == "a")
    );
    let token = r#"{"accessToken":"a","expiresAt":"2030-01-01T00:00:00Z","clientId":"a","clientSecret":"b"}"#;
    assert!(matches!(content(token), Content::Token(found) if found.access_token.expose() == "a"));
    assert!(matches!(content("{}"), Content::Foreign));
    assert!(matches!(content(r#"{"theirs":{"a":1}}"#), Content::Foreign));
    assert_eq!(corruption(r#"{"accessToken":"a""#), Corruption::NotJson { line: 1, column: 18 });
    assert_eq!(corruption("[]"), Corruption::NotAnObject);
    assert_eq!(corruption(r#"{"accessToken":"a","expiresAt":"soon"}"#), Corruption::NotATime("expiresAt"));
    assert_eq!(corruption(r#"{"clientId":"a"}"#), Corruption::Missing("clientSecret"));
    assert_eq!(corruption(r#"{"accessToken":1}"#), Corruption::WrongType("accessToken"));
    assert_eq!(corruption(&" ".repeat(2 << 20)), Corruption::TooLarge);
}

#[test]
fn a_token_without_its_access_token_is_no_registration() {
    let rest = r#""clientId":"a","clientSecret":"b","expiresAt":"2020-01-01T00:00:00Z""#;
    let reason = corruption(&format!(r#"{{"refreshToken":"r",{rest}}}"#));
    assert_eq!(reason, Corruption::Missing("accessToken"));
}

#[test]
fn a_list_of_the_files_has_both_directories_in_order_and_changes_nothing() {
    let (_home, cache) = cache();
    let file = admin().file_name();
    for name in [format!("{file}.lock"), format!(".{file}.x.tmp"), format!("{file}.corrupt.2")] {
        fs::write(cache.private_dir().join(name), "x").unwrap();
    }
    fs::write(cache.private_dir().join(&file), "{}").unwrap();
    fs::write(cache.token_path(&admin()), "{").unwrap();
    fs::write(cache.dir().join("kiro-auth-token.json"), r#"{"accessToken":"a"}"#).unwrap();
    fs::create_dir(cache.dir().join("directory.json")).unwrap();
    for _ in 0..2 {
        let kinds: Vec<_> = cache
            .entries()
            .unwrap()
            .map(|entry| match entry.content {
                Content::Unusable(_) => "unusable",
                Content::Foreign => "foreign",
                Content::Temporary => "temporary",
                Content::Lock => "lock",
                Content::Aside => "aside",
                other => panic!("{other:?}"),
            })
            .collect();
        let expected = ["unusable", "foreign", "foreign", "temporary", "foreign", "aside", "lock"];
        assert_eq!(kinds, expected);
    }
}

#[cfg(unix)]
#[test]
fn what_is_no_file_of_ours_is_not_opened_and_a_link_is_not_removed() {
    use std::os::unix::fs::PermissionsExt as _;
    let (home, cache) = cache();
    for path in [cache.token_path(&admin()), cache.dir().join("pipe.json")] {
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    }
    let contents: Vec<_> = cache.entries().unwrap().map(|entry| entry.content).collect();
    assert!(matches!(
        contents[..],
        [Content::Unusable(CacheError::Corrupt { reason: Corruption::NotAFile, .. }), Content::Foreign]
    ));
    fs::remove_file(cache.dir().join("pipe.json")).unwrap();
    fs::remove_file(cache.token_path(&admin())).unwrap();

    let target = home.path().join("token.json");
    fs::write(&target, r#"{"accessToken":"a","expiresAt":"2020-01-01T00:00:00Z"}"#).unwrap();
    fs::set_permissions(&target, fs::Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(&target, cache.token_path(&admin())).unwrap();
    let entry = only(&cache);
    assert!(matches!(entry.content, Content::Token(_)) && !entry.is_own);
    assert_eq!((entry.mode, entry.garbage_at(now())), (None, None));
    assert!(!cache.remove_garbage(&entry, now()).unwrap());
}

#[test]
fn a_token_is_garbage_once_it_has_expired_unless_it_can_be_refreshed() {
    let (_home, cache) = cache();
    let expiry = now();
    let garbage = |more: &str, at| {
        let expires_at = sso_cache::format_time(expiry);
        let text = format!(r#"{{"accessToken":"a","expiresAt":"{expires_at}"{more}}}"#);
        fs::write(cache.token_path(&admin()), text).unwrap();
        only(&cache).garbage_at(at)
    };
    let earlier = UnixSeconds::new(expiry.get() - 1);
    assert_eq!(garbage("", earlier), None);
    assert_eq!(garbage("", expiry), Some(Garbage::ExpiredToken));
    let client = r#","refreshToken":"r","clientId":"i","clientSecret":"s","registrationExpiresAt":"#;
    let later = expiry.saturating_add(DAY);
    let next_day = sso_cache::format_time(later);
    assert_eq!(garbage(&format!(r#"{client}"{next_day}""#), expiry), None);
    assert_eq!(garbage(&format!(r#"{client}"{next_day}""#), later), Some(Garbage::ExpiredToken));
}

#[test]
fn a_registration_is_garbage_once_it_has_expired() {
    let (_home, cache) = cache();
    let text = r#"{"clientId":"a","clientSecret":"b","expiresAt":"2026-01-01T00:00:00Z"}"#;
    fs::write(cache.token_path(&admin()), text).unwrap();
    let expiry = UnixSeconds::new(1_767_225_600);
    assert_eq!(only(&cache).garbage_at(UnixSeconds::new(expiry.get() - 1)), None);
    assert_eq!(only(&cache).garbage_at(expiry), Some(Garbage::ExpiredRegistration));
}

#[test]
fn a_file_set_aside_is_kept_for_30_days_from_then_and_a_temporary_one_for_a_minute() {
    let (_home, cache) = cache();
    let path = cache.token_path(&admin());
    fs::write(&path, "{").unwrap();
    // The token was written long ago.
    File::options().write(true).open(&path).unwrap().set_modified(SystemTime::now() - 100 * DAY).unwrap();
    let at = now();
    cache.set_aside(&path).unwrap().unwrap();
    assert_eq!(only(&cache).garbage_at(at.saturating_add(30 * DAY)), None);
    assert_eq!(only(&cache).garbage_at(at.saturating_add(31 * DAY)), Some(Garbage::Aside));
    fs::remove_file(only(&cache).path).unwrap();

    let name = format!(".{}.x.tmp", admin().file_name());
    fs::write(cache.private_dir().join(name), "").unwrap();
    assert_eq!(only(&cache).garbage_at(now()), None);
    let later = now().saturating_add(Duration::from_secs(62));
    assert_eq!(only(&cache).garbage_at(later), Some(Garbage::Temporary));
    assert!(cache.remove_garbage(&only(&cache), later).unwrap());
}

#[test]
fn a_token_that_was_renewed_or_is_locked_is_not_removed() {
    let (_home, cache) = cache();
    let write = |expires_at: &str| {
        let text = format!(r#"{{"accessToken":"a","expiresAt":"{expires_at}"}}"#);
        fs::write(cache.token_path(&admin()), text).unwrap();
    };
    write("2020-01-01T00:00:00Z");
    let entry = only(&cache);
    let guard = cache.lock(&admin(), Duration::ZERO).unwrap();
    let error = cache.remove_garbage(&entry, now()).unwrap_err();
    assert!(matches!(error, CacheError::Locked { .. }), "{error}");
    write("2999-01-01T00:00:00Z");
    drop(guard);
    assert!(!cache.remove_garbage(&entry, now()).unwrap());
    assert!(cache.token_path(&admin()).exists());
    write("2020-01-01T00:00:00Z");
    assert!(cache.remove_garbage(&entry, now()).unwrap());
    assert!(!cache.token_path(&admin()).exists());
}
