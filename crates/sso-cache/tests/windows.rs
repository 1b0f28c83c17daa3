//! What Windows does differently: files that another program has open, paths with drive letters, line ends.
#![cfg(windows)]

use std::fs::{self, File};
use std::os::windows::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use oidc_proto::{Secret, Token, UnixSeconds};
use sso_cache::{
    Cache, CacheError, CachedToken, Config, ConfigDocument, Identity, Obstacle, SectionName, patiently,
};

/// `FILE_SHARE_READ`: others may read the file, but neither write nor delete it. Many programs open files so.
const SHARE_READ: u32 = 1;
/// `FILE_SHARE_READ`, `FILE_SHARE_WRITE` and `FILE_SHARE_DELETE`. Windows replaces such a file at once. Wine waits.
const SHARE_ALL: u32 = 7;
/// `FILE_ATTRIBUTE_TEMPORARY`: Windows may keep the contents in memory alone.
const TEMPORARY: u32 = 0x100;

fn identity() -> Identity {
    Identity::SessionName("corp".to_owned())
}

fn token(text: &str) -> CachedToken {
    let answer = Token::bearer(Secret::from(text), Duration::from_secs(3600));
    CachedToken::new(&answer, UnixSeconds::new(0), None)
}

/// Returns a cache with a token, in a home directory with blanks in its path.
fn cache() -> (tempfile::TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("Ada Lovelace's home");
    let cache = Cache::at(Cache::default_dir(&home));
    cache.save_token(&identity(), &token("old")).unwrap();
    (dir, cache)
}

fn opened(path: &Path, share: u32) -> File {
    File::options().read(true).share_mode(share).open(path).unwrap()
}

/// Keeps a file open for a moment, as a virus scanner does, and does something meanwhile.
fn while_open<T>(path: &Path, share: u32, action: impl FnOnce() -> T) -> T {
    let file = opened(path, share);
    let scanner = thread::spawn(move || {
        thread::sleep(Duration::from_millis(300));
        drop(file);
    });
    let done = action();
    scanner.join().unwrap();
    done
}

#[test]
fn a_token_is_replaced_as_soon_as_another_program_has_read_it() {
    let (_dir, cache) = cache();
    while_open(&cache.token_path(&identity()), SHARE_READ, || cache.save_token(&identity(), &token("new")))
        .unwrap();
    assert_eq!(cache.token(&identity()).unwrap(), Some(token("new")));
    assert_eq!(fs::read_dir(cache.dir()).unwrap().count(), 1, "no temporary file stays behind");
}

#[test]
fn a_token_is_deleted_as_soon_as_another_program_has_read_it() {
    let (_dir, cache) = cache();
    assert!(
        while_open(&cache.token_path(&identity()), SHARE_READ, || cache.remove_token(&identity())).unwrap()
    );
    assert_eq!(cache.token(&identity()).unwrap(), None);
}

#[test]
fn a_token_that_another_program_keeps_open_stays_whole_and_the_error_says_so() {
    let (_dir, cache) = cache();
    let path = cache.token_path(&identity());
    let _open = opened(&path, SHARE_READ);
    let began = Instant::now();
    let error = cache.save_token(&identity(), &token(&"x".repeat(3000))).unwrap_err();
    assert!((2..20).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    assert_eq!(error.obstacle(), Some(Obstacle::InUse), "{error:?}");
    assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    assert_eq!(cache.token(&identity()).unwrap(), Some(token("old")));
    assert_eq!(fs::read_dir(cache.dir()).unwrap().count(), 1, "no temporary file stays behind");
}

#[test]
fn a_config_file_keeps_its_line_ends_and_its_backup_has_a_path_that_every_program_takes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("Ada's config");
    let before = "[default]\r\nregion = eu-west-1\r\n\r\n[profile a]\r\noutput = json\r\n";
    fs::write(&path, before).unwrap();
    let mut document = ConfigDocument::load(&path).unwrap();
    document.set(&SectionName::Profile("a".to_owned()), "region", "us-east-1").unwrap();
    let backup = while_open(&path, SHARE_READ, || document.save(&path, before)).unwrap().unwrap();
    let after = fs::read_to_string(&path).unwrap();
    assert!(after.contains("[profile a]\r\n") && after.contains("region = us-east-1\r\n"), "{after:?}");
    assert!(!after.replace("\r\n", "").contains('\n'), "{after:?}");
    assert_eq!(fs::read_to_string(&backup).unwrap(), before);
    assert!(backup.starts_with(dir.path()) && !backup.to_string_lossy().starts_with(r"\\?\"), "{backup:?}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "the config file and its backup");
}

#[test]
fn a_file_that_stays_has_no_mark_of_a_temporary_one() {
    let is_marked = |path: &Path| fs::metadata(path).unwrap().file_attributes() & TEMPORARY != 0;
    let (dir, cache) = cache();
    let marked = dir.path().join("marked");
    File::options().write(true).create_new(true).custom_flags(TEMPORARY).open(&marked).unwrap();
    if !is_marked(&marked) {
        println!("NOT CHECKED: this system forgets the mark");
    }

    let token_path = cache.token_path(&identity());
    assert!(!is_marked(&token_path), "after the first save");
    cache.save_token(&identity(), &token("second")).unwrap();
    assert!(!is_marked(&token_path), "after the second save");
    while_open(&token_path, SHARE_ALL, || cache.save_token(&identity(), &token("third"))).unwrap();
    assert_eq!(cache.token(&identity()).unwrap(), Some(token("third")));
    assert!(!is_marked(&token_path), "after a save beside a reader");

    let config = dir.path().join("config");
    let mut before = String::new();
    for region in ["eu-west-1", "us-east-1", "eu-west-2"] {
        let mut document = ConfigDocument::parse(&before).unwrap();
        document.set(&SectionName::Profile("a".to_owned()), "region", region).unwrap();
        let saved = match before.is_empty() {
            true => document.save(&config, &before),
            false => while_open(&config, SHARE_ALL, || document.save(&config, &before)),
        };
        if let Some(backup) = saved.unwrap() {
            assert!(!is_marked(&backup), "the backup before {region}");
        }
        assert!(!is_marked(&config), "the config file with {region}");
        before = document.as_str().to_owned();
    }
}

#[test]
fn a_path_of_the_environment_may_have_percent_signs_and_a_drive() {
    let variable = |name: &str| match name {
        "AWS_CONFIG_FILE" => Some(r"%USERPROFILE%\aws files\config".into()),
        "USERPROFILE" => Some(r"D:\Users\Ada L".into()),
        _ => None,
    };
    let path = Config::default_path(Some(Path::new(r"C:\other")), variable).unwrap();
    assert_eq!(path, Path::new(r"D:\Users\Ada L\aws files\config"));
    let home = |value: &'static str| {
        let variable = move |name: &str| (name == "AWS_CONFIG_FILE").then(|| value.into());
        Config::default_path(Some(Path::new(r"C:\Users\a")), variable).unwrap()
    };
    assert_eq!(home(r"~\c"), Path::new(r"C:\Users\a\c"));
    assert_eq!(home("~/c"), Path::new(r"C:\Users\a\c"));
}

#[test]
fn a_lock_keeps_others_out_and_may_not_say_who_holds_it() {
    let (_dir, cache) = cache();
    let guard = cache.lock(&identity(), Duration::ZERO).unwrap();
    let error = cache.lock(&identity(), Duration::ZERO).unwrap_err();
    // Windows lets others not even read a locked file. Wine does.
    let CacheError::Locked { holder, .. } = error else { panic!("{error:?}") };
    assert!(holder.is_none_or(|holder| holder.process == std::process::id()));
    drop(guard);
    drop(cache.lock(&identity(), Duration::ZERO).unwrap());
}

#[test]
fn patience_is_for_files_in_use_only() {
    let dir = tempfile::tempdir().unwrap();
    let began = Instant::now();
    patiently(|| fs::remove_file(dir.path().join("missing"))).unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}
