//! Saving the config file: what other processes, a full disk and a reader of the directory see of it.
#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use sso_cache::{ConfigDocument, Obstacle, SaveError, SectionName};
use tempfile::TempDir;

const OLD: &str = "# mine\n[default]\nregion = old\n";

/// Returns a home directory with a config file.
fn home() -> (TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config");
    fs::write(&path, OLD).unwrap();
    (home, path)
}

fn edited(text: &str) -> ConfigDocument {
    let mut config = ConfigDocument::parse(text).unwrap();
    config.set(&SectionName::Profile("default".to_owned()), "region", "new").unwrap();
    config
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Checks that the directory is as [`home`] has made it.
fn is_as_it_was(home: &TempDir) {
    assert_eq!(names(home.path()), ["config"]);
    assert_eq!(fs::read_to_string(home.path().join("config")).unwrap(), OLD);
}

#[test]
fn a_link_and_the_mode_stay_and_nothing_else_is_left_but_a_backup() {
    let (home, real) = home();
    let link = home.path().join("link");
    set_mode(&real, 0o640);
    symlink("config", &link).unwrap();
    fs::write(home.path().join(".config.sso-oidc.x.tmp"), "of a killed process").unwrap();
    let backup = edited(OLD).save(&link, OLD).unwrap().unwrap();
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), edited(OLD).as_str());
    assert_eq!(fs::read_to_string(&backup).unwrap(), OLD);
    assert_eq!((mode(&real), mode(&backup)), (0o640, 0o640));
    assert_eq!(names(home.path()), ["config", "config.sso-oidc.bak", "link"]);
}

/// Saves these texts one after the other.
fn save_all(path: &Path, texts: &[&str]) {
    for text in texts {
        let before = fs::read_to_string(path).unwrap();
        ConfigDocument::parse(*text).unwrap().save(path, &before).unwrap();
    }
}

#[test]
fn the_last_five_texts_are_kept_the_newest_without_a_number() {
    let (home, path) = home();
    let kept = |age: &str| fs::read_to_string(home.path().join(format!("config.sso-oidc.bak{age}"))).ok();
    save_all(&path, &["[b]\n"]);
    assert_eq!((kept("").as_deref(), kept(".1")), (Some(OLD), None));
    save_all(&path, &["[c]\n", "[d]\n", "[e]\n", "[f]\n"]);
    assert_eq!(kept(".4").as_deref(), Some(OLD));
    save_all(&path, &["[g]\n"]);
    let ages = ["", ".1", ".2", ".3", ".4", ".5"].map(|age| kept(age).unwrap_or_default());
    assert_eq!(ages, ["[f]\n", "[e]\n", "[d]\n", "[c]\n", "[b]\n", ""]);
}

#[test]
fn a_backup_keeps_its_own_mode() {
    let (home, path) = home();
    set_mode(&path, 0o600);
    save_all(&path, &["[b]\n"]);
    set_mode(&path, 0o644);
    save_all(&path, &["[c]\n"]);
    let modes = ["bak", "bak.1"].map(|end| mode(&home.path().join(format!("config.sso-oidc.{end}"))));
    assert_eq!(modes, [0o644, 0o600]);
}

#[test]
fn a_place_that_is_free_or_has_the_same_text_moves_no_backup() {
    let (home, path) = home();
    let at = |end: &str| home.path().join(format!("config.sso-oidc.{end}"));
    fs::write(at("bak"), "[newest]\n").unwrap();
    fs::write(at("bak.4"), "[oldest]\n").unwrap();
    save_all(&path, &["[b]\n"]);
    assert_eq!(fs::read_to_string(at("bak.1")).unwrap(), "[newest]\n");
    assert_eq!(fs::read_to_string(at("bak.4")).unwrap(), "[oldest]\n");
    // As after a save that was killed between its two renames.
    fs::write(&path, OLD).unwrap();
    save_all(&path, &["[c]\n"]);
    assert_eq!(fs::read_to_string(at("bak")).unwrap(), OLD);
    assert_eq!(fs::read_to_string(at("bak.1")).unwrap(), "[newest]\n");
}

#[test]
fn a_new_file_and_its_directory_are_for_their_owner_and_one_that_appears_meanwhile_stays() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".aws/config");
    assert!(matches!(edited(OLD).save(&path, OLD), Err(SaveError::Changed { .. })));
    assert_eq!(names(home.path()), [""; 0], "nothing is created for a file that is gone");
    assert_eq!(edited("").save(&path, "").unwrap(), None);
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(names(path.parent().unwrap()), ["config"]);
    assert!(matches!(edited("").save(&path, ""), Err(SaveError::Changed { .. })));
}

#[test]
fn a_link_to_a_file_that_is_not_there_yet_leads_to_the_new_file() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("config");
    symlink("dotfiles/aws", &path).unwrap();
    assert_eq!(edited("").save(&path, "").unwrap(), None);
    assert!(path.symlink_metadata().unwrap().is_symlink());
    assert_eq!(fs::read_to_string(home.path().join("dotfiles/aws")).unwrap(), edited("").as_str());
}

#[test]
fn a_file_that_is_not_utf_8_by_now_has_changed() {
    let (home, path) = home();
    fs::write(&path, b"[default]\nregion = \xff\n").unwrap();
    assert!(matches!(edited(OLD).save(&path, OLD), Err(SaveError::Changed { .. })));
    assert_eq!(names(home.path()), ["config"]);
}

#[test]
fn two_writers_do_not_lose_an_edit() {
    let (_home, path) = home();
    let writers = 8;
    std::thread::scope(|scope| {
        for number in 0..writers {
            let path = &path;
            scope.spawn(move || {
                // Each changes the text once more, so that none of them tries more often than there are writers.
                for _ in 0..writers {
                    let before = fs::read_to_string(path).unwrap();
                    let mut config = ConfigDocument::parse(before.as_str()).unwrap();
                    config.set(&SectionName::Profile(format!("p{number}")), "region", "r").unwrap();
                    match config.save(path, &before) {
                        Ok(_) => return,
                        Err(error) => assert!(matches!(error, SaveError::Changed { .. }), "{error:?}"),
                    }
                }
                panic!("writer {number} found the file changed each time");
            });
        }
    });
    let config = sso_cache::Config::load(&path).unwrap();
    assert_eq!(config.profile_names().count(), writers + 1);
    assert!(fs::read_to_string(&path).unwrap().starts_with(OLD));
}

#[test]
fn what_is_no_file_is_named_and_not_opened() {
    let home = tempfile::tempdir().unwrap();
    let pipe = home.path().join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    for (path, expected) in [(home.path(), Obstacle::Directory), (&pipe, Obstacle::NotAFile)] {
        let got = edited("").save(path, "");
        assert!(
            matches!(&got, Err(SaveError::Obstructed { obstacle, .. }) if *obstacle == expected),
            "{got:?}"
        );
    }
    assert_eq!(names(home.path()), ["pipe"]);
}

#[test]
fn the_owner_of_a_file_that_the_superuser_saves_stays() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (_home, path) = home();
    chown(&path, Some(1234), Some(4321)).unwrap();
    let backup = edited(OLD).save(&path, OLD).unwrap().unwrap();
    for path in [path, backup] {
        let found = fs::metadata(path).unwrap();
        assert_eq!((found.uid(), found.gid()), (1234, 4321));
    }
}

/// A user that is not the superuser.
#[cfg(target_os = "linux")]
const USER: u32 = 1234;

/// Runs this without the superuser's rights, as the user to whom the directory belongs.
#[cfg(target_os = "linux")]
fn as_a_user(home: &TempDir, work: impl FnOnce() + Send) {
    use rustix::process::{Uid, geteuid};
    let user = Uid::from_raw(USER);
    let is_root = geteuid().is_root();
    if is_root {
        chown(home.path(), Some(user.as_raw()), None).unwrap();
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            if is_root {
                rustix::thread::set_thread_res_uid(user, user, user).unwrap();
            }
            work();
        });
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_file_or_directory_stays_as_it_was() {
    for (is_dir, its_mode) in [(false, 0o400), (true, 0o500)] {
        let (home, path) = home();
        let read_only = if is_dir { home.path() } else { &path };
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(USER), None).unwrap();
        }
        as_a_user(&home, || {
            set_mode(read_only, its_mode);
            let error = edited(OLD).save(&path, OLD).unwrap_err();
            let expected = matches!(&error, SaveError::Io { action: "write", source, .. }
                if source.kind() == std::io::ErrorKind::PermissionDenied);
            assert!(expected, "{error:?}");
            is_as_it_was(&home);
            set_mode(read_only, 0o700);
        });
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_of_another_user_is_not_taken_over() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let (home, path) = home();
    set_mode(&path, 0o666);
    chown(&path, Some(4321), None).unwrap();
    as_a_user(&home, || {
        let error = edited(OLD).save(&path, OLD).unwrap_err();
        assert!(error.to_string().starts_with("cannot keep the owner of "), "{error}");
        is_as_it_was(&home);
    });
}

/// The largest file that the process without room may write, in the blocks of 512 bytes of `ulimit`.
const ROOM: usize = 1;

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let (home, path) = home();
    // A shell sets the limit, and lets a write beyond it fail instead of killing the process.
    let run = Command::new("sh")
        .args(["-c", &format!("trap '' XFSZ; ulimit -f {ROOM}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "without_room", "--ignored"])
        .env("CONFIG_TO_SAVE", &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && said.contains("1 passed"), "{said}");
    is_as_it_was(&home);
}

#[test]
#[ignore = "a_full_disk_leaves_the_file_as_it_was runs it in a process of its own"]
fn without_room() {
    let path = PathBuf::from(std::env::var_os("CONFIG_TO_SAVE").unwrap());
    let mut config = edited(OLD);
    for number in 0..1000 {
        config.set(&SectionName::Profile(format!("p{number}")), "region", "r").unwrap();
    }
    let error = config.save(&path, OLD).unwrap_err();
    assert!(
        matches!(&error, SaveError::Io { action: "write", source, .. }
            if source.kind() == std::io::ErrorKind::FileTooLarge),
        "{error:?}"
    );
}
