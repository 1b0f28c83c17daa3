//! The cache beside other tools: the places of files, the cleanup, and the check before a sign-in.
#![cfg(unix)]

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use oidc_proto::{Client, Registration, Secret, Token, UnixSeconds};
use sso_cache::{
    Cache, CacheError, CachedRegistration, CachedToken, Corruption, Identity, Obstacle, RegistrationKey,
};
use tempfile::TempDir;

/// The token file of `admin`.
const TOKEN: &str = "d033e22ae348aeb5660fc2140aec35850c4da997.json";
/// Another token's.
const OTHER: &str = "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3.json";

fn cache() -> (TempDir, Cache) {
    let dir = tempfile::tempdir().unwrap();
    let cache = Cache::at(Cache::default_dir(dir.path()));
    fs::create_dir_all(cache.dir()).unwrap();
    (dir, cache)
}

fn admin() -> Identity {
    Identity::SessionName("admin".to_owned())
}

fn token() -> CachedToken {
    let answer = Token::bearer(Secret::from("access"), Duration::from_secs(3600));
    CachedToken::new(&answer, UnixSeconds::new(1_640_464_200), None)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn fifo(path: &Path) {
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
}

fn lock_file(cache: &Cache) -> PathBuf {
    cache.private_dir().join(format!("{TOKEN}.lock"))
}

/// Runs an operation that must not block indefinitely.
fn soon<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(Duration::from_secs(20)).expect("it hangs")
}

#[test]
fn nothing_but_tokens_and_registrations_is_ever_in_the_cache() {
    let (_dir, cache) = cache();
    fs::write(cache.token_path(&admin()), "{").unwrap();
    let guard = cache.lock(&admin(), Duration::ZERO).unwrap();
    cache.set_aside(&cache.token_path(&admin())).unwrap().unwrap();
    cache.check_writable(&admin()).unwrap();
    assert_eq!(names(cache.dir()), [""; 0]);
    cache.save_token(&admin(), &token()).unwrap();
    assert_eq!(names(cache.dir()), [TOKEN]);
    assert_eq!(names(cache.private_dir()), [format!("{TOKEN}.corrupt"), format!("{TOKEN}.lock")]);
    drop(guard);
    assert_eq!(names(cache.dir()), [TOKEN]);
}

#[test]
fn a_write_shows_no_temporary_file_in_the_cache() {
    let (_dir, cache) = cache();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for _ in 0..50 {
                cache.check_writable(&admin()).unwrap();
                cache.save_token(&admin(), &token()).unwrap();
            }
        });
        while !writer.is_finished() {
            let seen = names(cache.dir());
            assert!(seen.iter().all(|name| name == TOKEN), "{seen:?}");
        }
    });
    assert_eq!(names(cache.dir()), [TOKEN]);
}

#[test]
fn a_token_is_written_in_place_where_it_cannot_be_replaced() {
    let (_dir, cache) = cache();
    let path = cache.token_path(&admin());
    fs::write(&path, "x".repeat(5000)).unwrap();
    set_mode(&path, 0o644);
    let before = fs::metadata(&path).unwrap().ino();
    set_mode(cache.dir(), 0o555);
    cache.check_writable(&admin()).unwrap();
    cache.save_token(&admin(), &token()).unwrap();
    let after = fs::metadata(&path).unwrap().ino();
    assert_eq!((cache.token(&admin()).unwrap(), mode(&path)), (Some(token()), 0o600));
    // The superuser may write to any directory, and so replaces it.
    let is_root = rustix::process::geteuid().is_root();
    assert_eq!(after == before, !is_root);
    if !is_root {
        let error = cache.check_writable(&Identity::SessionName("other".to_owned())).unwrap_err();
        assert_eq!(error.obstacle(), Some(Obstacle::Permission), "{error:?}");
        // A read-only file is not writable in place either.
        set_mode(&path, 0o400);
        let error = cache.check_writable(&admin()).unwrap_err();
        assert_eq!(error.obstacle(), Some(Obstacle::Permission), "{error:?}");
        assert!(cache.save_token(&admin(), &token()).is_err());
    }
    set_mode(cache.dir(), 0o700);
}

#[test]
fn the_private_directory_is_beside_the_cache_and_for_the_owner_only() {
    let (dir, cache) = cache();
    assert_eq!(cache.private_dir(), dir.path().join(".aws/sso/sso-oidc"));
    let _guard = cache.lock(&admin(), Duration::ZERO).unwrap();
    assert_eq!((mode(cache.private_dir()), mode(&lock_file(&cache))), (0o700, 0o600));
    for (cache, private) in [
        ("/a/b", "/a/b.sso-oidc"),
        ("/a/cache", "/a/sso-oidc"),
        ("/a/cache/", "/a/sso-oidc"),
        ("/", "/.sso-oidc"),
    ] {
        assert_eq!(Cache::at(cache).private_dir(), Path::new(private), "{cache}");
    }
    // A relative path has a sibling too.
    let here = std::env::current_dir().unwrap();
    let name = format!("{}.sso-oidc", here.file_name().unwrap().to_str().unwrap());
    assert_eq!(Cache::at(".").private_dir(), here.with_file_name(name));
}

#[test]
fn a_file_that_is_set_aside_is_the_owners_alone_whatever_it_was_before() {
    let (_dir, cache) = cache();
    let path = cache.token_path(&admin());
    let content = r#"{"accessToken":"live","expiresAt":"2999-01-01T00:00:00","refreshToken":"live"}"#;
    for looser in [0o644, 0o666, 0o400, 0o755] {
        fs::write(&path, content).unwrap();
        set_mode(&path, looser);
        assert_eq!(cache.token(&admin()).unwrap_err().corrupt_file(), Some(&*path));
        let aside = cache.set_aside(&path).unwrap().unwrap();
        assert_eq!((mode(&aside), fs::read_to_string(&aside).unwrap()), (0o600, content.to_owned()));
    }
    // The link is moved, and its target stays unchanged.
    let elsewhere = cache.dir().join("elsewhere");
    fs::write(&elsewhere, "x").unwrap();
    set_mode(&elsewhere, 0o644);
    symlink(&elsewhere, &path).unwrap();
    let aside = cache.set_aside(&path).unwrap().unwrap();
    assert!(aside.symlink_metadata().unwrap().is_symlink());
    assert_eq!(mode(&elsewhere), 0o644);
}

#[test]
fn what_is_no_regular_file_is_not_opened_and_keeps_no_one_waiting() {
    let (_dir, cache) = cache();
    let path = cache.token_path(&admin());
    let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    let socket = |path: &Path| drop(std::os::unix::net::UnixListener::bind(path).unwrap());
    let null = |path: &Path| symlink("/dev/zero", path).unwrap();
    for make in [&fifo as &dyn Fn(&Path), &socket, &null] {
        make(&path);
        make(&cache.registration_path(&key));
        let (copy, same_key) = (cache.clone(), key.clone());
        let (read, registration, of) =
            soon(move || (copy.token(&admin()), copy.registration(&same_key), copy.registration_of("id")));
        for error in [read.map(drop).unwrap_err(), registration.map(drop).unwrap_err()] {
            assert!(matches!(error, CacheError::Corrupt { reason: Corruption::NotAFile, .. }), "{error}");
            assert!(error.to_string().ends_with("it is not a regular file"), "{error}");
        }
        assert_eq!(of.unwrap(), None);
        // It can be overwritten, and set aside.
        let copy = cache.clone();
        soon(move || {
            copy.check_writable(&admin()).unwrap();
            copy.save_token(&admin(), &token()).unwrap();
        });
        assert_eq!(cache.token(&admin()).unwrap(), Some(token()));
        cache.set_aside(&cache.registration_path(&key)).unwrap().unwrap();
        fs::remove_file(&path).unwrap();
    }
    assert_eq!(names(cache.dir()), [""; 0]);
}

#[test]
fn a_lock_names_its_holder_while_it_is_held() {
    let (_dir, cache) = cache();
    let guard = cache.lock(&admin(), Duration::ZERO).unwrap();
    let error = cache.lock(&admin(), Duration::from_millis(30)).unwrap_err();
    let CacheError::Locked { path, holder: Some(holder) } = &error else { panic!("{error:?}") };
    assert_eq!(
        (path, holder.process, holder.host.as_deref()),
        (&lock_file(&cache), std::process::id(), None)
    );
    assert!(holder.held_for < Duration::from_secs(60), "{holder:?}");
    drop(guard);
    assert_eq!(fs::read_to_string(lock_file(&cache)).unwrap(), "", "a free lock names none");

    // A lock of another kind of program, without a holder's name.
    fs::write(lock_file(&cache), "\u{1b}[31m nonsense \0").unwrap();
    let foreign = File::options().read(true).write(true).open(lock_file(&cache)).unwrap();
    foreign.lock().unwrap();
    let error = cache.lock(&admin(), Duration::ZERO).unwrap_err();
    assert!(matches!(&error, CacheError::Locked { holder: None, .. }), "{error:?}");
    assert!(error.to_string().starts_with("another process holds the lock"), "{error}");
}

#[test]
fn a_lock_tells_that_its_last_holder_was_killed_and_tells_it_once() {
    let (_dir, cache) = cache();
    let guard = cache.lock(&admin(), Duration::ZERO).unwrap();
    let line = fs::read(lock_file(&cache)).unwrap();
    drop(guard);
    fs::write(lock_file(&cache), line).unwrap();
    let guard = cache.lock(&admin(), Duration::ZERO).unwrap();
    assert_eq!(guard.abandoned_by().map(|holder| holder.process), Some(std::process::id()));
    drop(guard);
    assert_eq!(cache.lock(&admin(), Duration::ZERO).unwrap().abandoned_by(), None);
}

#[test]
fn a_sign_in_and_a_refresh_have_a_lock_each() {
    let (_dir, cache) = cache();
    let _held = cache.lock_sign_in(&admin(), Duration::ZERO).unwrap();
    let error = cache.lock_sign_in(&admin(), Duration::ZERO).unwrap_err();
    let file = cache.private_dir().join(format!("{TOKEN}.sign-in.lock"));
    assert!(matches!(&error, CacheError::Locked { path, .. } if *path == file), "{error}");
    let _refreshing = cache.lock(&admin(), Duration::ZERO).unwrap();
}

#[test]
fn a_lock_is_opened_through_no_link_and_what_is_in_its_place_is_no_trap() {
    let (dir, cache) = cache();
    drop(cache.lock(&admin(), Duration::ZERO).unwrap());
    let (lock, target) = (lock_file(&cache), dir.path().join("target"));
    let dangling = |lock: &Path| symlink(&target, lock).unwrap();
    let hard = |lock: &Path| {
        fs::write(&target, "precious").unwrap();
        fs::hard_link(&target, lock).unwrap();
    };
    let soft = |lock: &Path| symlink(&target, lock).unwrap();
    for (make, is_there) in
        [(&dangling as &dyn Fn(&Path), false), (&hard, true), (&soft, true), (&fifo, true)]
    {
        for is_open_to_others in [true, false] {
            fs::remove_file(&lock).unwrap();
            let _ =
                fs::remove_file(&target).map(|()| is_there.then(|| fs::write(&target, "precious").unwrap()));
            make(&lock);
            set_mode(cache.private_dir(), if is_open_to_others { 0o777 } else { 0o700 });
            let copy = cache.clone();
            let taken = soon(move || copy.lock(&admin(), Duration::ZERO));
            if is_open_to_others {
                // Another user could put it there again.
                let error = taken.unwrap_err();
                assert_eq!(error.obstacle(), Some(Obstacle::NotAFile), "{error:?}");
                assert!(error.to_string().contains(lock.to_str().unwrap()), "{error}");
            } else {
                assert!(taken.unwrap().unlocked().is_none());
                assert!(lock.symlink_metadata().unwrap().is_file());
                assert_eq!(lock.metadata().unwrap().nlink(), 1);
            }
            let content = fs::read_to_string(&target).ok();
            assert_eq!(content.as_deref(), is_there.then_some("precious"));
        }
    }
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let error = cache.lock(&admin(), Duration::ZERO).unwrap_err();
    assert_eq!(error.obstacle(), Some(Obstacle::Directory), "{error:?}");
}

#[test]
fn where_no_lock_file_can_be_made_the_guard_says_why_there_is_no_lock() {
    let (dir, cache) = cache();
    fs::write(cache.private_dir(), "a file").unwrap();
    let guard = cache.lock(&admin(), Duration::ZERO).unwrap();
    let why = guard.unlocked().expect("no lock").to_string();
    assert!(why.starts_with("cannot lock ") && why.contains(dir.path().to_str().unwrap()), "{why}");
    // Temporary files do not need the directory either.
    cache.check_writable(&admin()).unwrap();
    cache.save_token(&admin(), &token()).unwrap();
    assert_eq!(names(cache.dir()), [TOKEN]);
    // A corrupt file cannot move, and stays.
    fs::write(cache.token_path(&admin()), "{").unwrap();
    assert!(cache.set_aside(TOKEN.as_ref()).is_err());
    assert_eq!(names(cache.dir()), [TOKEN]);
}

#[test]
fn whoever_takes_the_lock_clears_away_what_killed_processes_and_earlier_versions_left() {
    let (_dir, cache) = cache();
    fs::create_dir_all(cache.private_dir()).unwrap();
    let old = SystemTime::now() - Duration::from_secs(90);
    for dir in [cache.dir(), cache.private_dir()] {
        for (name, age) in [
            (format!(".{TOKEN}.aB3xYz.tmp"), None),
            (format!(".{OTHER}.aB3xYz.tmp"), Some(old)),
            (format!(".{OTHER}.cD4xYz.tmp"), None),
            (".another-tools.tmp".to_owned(), Some(old)),
        ] {
            let file = File::create(dir.join(name)).unwrap();
            if let Some(age) = age {
                file.set_modified(age).unwrap();
            }
        }
    }
    for name in [format!("{TOKEN}.lock"), format!("{OTHER}.lock")] {
        fs::write(cache.dir().join(name), "").unwrap();
    }
    fs::write(cache.dir().join(format!("{OTHER}.corrupt")), "{\"accessToken\":").unwrap();
    fs::write(cache.dir().join(format!("{OTHER}.corrupt.2")), "").unwrap();
    fs::write(cache.dir().join("kiro.json.lock"), "").unwrap();
    let a_hash = "0123456789abcdef0123456789abcdef01234567.json.lock";
    fs::write(cache.dir().join(a_hash), "not ours: it says something").unwrap();
    symlink("/nowhere", cache.dir().join(format!(".{TOKEN}.link.tmp"))).unwrap();

    let _guard = cache.lock(&admin(), Duration::ZERO).unwrap();
    let in_writing = format!(".{OTHER}.cD4xYz.tmp");
    let link = format!(".{TOKEN}.link.tmp");
    let kept = [&*in_writing, ".another-tools.tmp", &*link, a_hash, "kiro.json.lock"];
    let mut kept = kept.map(str::to_owned).to_vec();
    kept.sort();
    assert_eq!(names(cache.dir()), kept);
    let mut moved = [
        ".another-tools.tmp".to_owned(),
        format!("{OTHER}.corrupt"),
        format!("{OTHER}.corrupt.2"),
        format!("{TOKEN}.lock"),
    ];
    moved.sort();
    assert_eq!(names(cache.private_dir()), moved);
    assert_eq!(mode(&cache.private_dir().join(format!("{OTHER}.corrupt"))), 0o600);
}

#[test]
fn a_lock_of_an_earlier_version_that_is_held_stays() {
    let (_dir, cache) = cache();
    let old = cache.dir().join(format!("{TOKEN}.lock"));
    let held = File::create(&old).unwrap();
    held.lock().unwrap();
    drop(cache.lock(&admin(), Duration::ZERO).unwrap());
    assert!(old.exists());
    drop(held);
    drop(cache.lock(&admin(), Duration::ZERO).unwrap());
    assert!(!old.exists());
}

#[test]
fn a_writer_whose_temporary_file_is_swept_away_writes_again() {
    let (_dir, cache) = cache();
    std::thread::scope(|scope| {
        let sweeper = scope.spawn(|| {
            for _ in 0..40 {
                drop(cache.lock(&admin(), Duration::from_secs(10)).unwrap());
                std::thread::sleep(Duration::from_millis(5));
            }
        });
        while !sweeper.is_finished() {
            cache.save_token(&admin(), &token()).unwrap();
        }
    });
    assert_eq!(cache.token(&admin()).unwrap(), Some(token()));
}

#[test]
fn a_token_that_can_be_written_is_not_touched_by_the_question() {
    let (_dir, cache) = cache();
    let path = cache.token_path(&admin());
    cache.check_writable(&admin()).unwrap();
    assert!(!path.exists());
    for (content, how) in [("{", 0o644), ("{}", 0o400), ("", 0o600)] {
        let _ = fs::remove_file(&path);
        fs::write(&path, content).unwrap();
        set_mode(&path, how);
        let before = fs::metadata(&path).unwrap();
        cache.check_writable(&admin()).unwrap();
        let after = fs::metadata(&path).unwrap();
        assert_eq!(
            (after.ino(), after.mode(), after.mtime_nsec()),
            (before.ino(), before.mode(), before.mtime_nsec())
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), content);
        cache.save_token(&admin(), &token()).unwrap();
        assert_eq!(mode(&path), 0o600);
    }
    assert_eq!(names(cache.dir()), [TOKEN]);
}

#[test]
fn a_directory_in_the_tokens_place_is_found_before_the_token_is_there() {
    let (_dir, cache) = cache();
    fs::create_dir(cache.token_path(&admin())).unwrap();
    let error = cache.check_writable(&admin()).unwrap_err();
    assert_eq!(error.obstacle(), Some(Obstacle::Directory));
    assert!(cache.save_token(&admin(), &token()).is_err());
}

#[test]
fn a_cache_that_others_may_write_to_is_named() {
    let (dir, cache) = cache();
    drop(cache.lock(&admin(), Duration::ZERO).unwrap());
    let aws = dir.path().join(".aws");
    let group = fs::metadata(&aws).unwrap();
    let others_group = group.uid() != group.gid();
    for (place, how, is_open) in [
        (cache.dir(), 0o755, false),
        (cache.dir(), 0o777, true),
        (cache.dir(), 0o1777, true),
        (cache.dir(), 0o775, others_group),
        (cache.private_dir(), 0o703, true),
        (&*aws, 0o755, false),
        (&*aws, 0o777, true),
        // Others can only add to this one.
        (&*aws, 0o1777, false),
    ] {
        set_mode(place, how);
        assert_eq!(cache.open_to_others(), is_open.then_some(place), "{} {how:o}", place.display());
        set_mode(place, 0o700);
    }
    let missing = Cache::at(Cache::default_dir(&dir.path().join("nowhere")));
    assert_eq!(missing.open_to_others(), None);
}

#[test]
fn a_registration_is_written_as_carefully_as_a_token() {
    let (_dir, cache) = cache();
    let key = RegistrationKey::new("https://d-1.awsapps.com/start", "eu-west-1");
    let registration = Registration::new(Client::new("id", Secret::from("secret")));
    fs::write(cache.registration_path(&key), "{}").unwrap();
    set_mode(&cache.registration_path(&key), 0o644);
    cache.save_registration(&key, &CachedRegistration::new(registration)).unwrap();
    assert_eq!(mode(&cache.registration_path(&key)), 0o600);
    assert_eq!(names(cache.dir()), [key.file_name()]);
    assert_eq!(names(cache.private_dir()), [""; 0]);
}
