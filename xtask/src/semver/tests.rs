//! Made-up lists, and a made-up release in a repository of its own.

use super::*;

const THEN: &str = "pub enum a::Closed\npub a::Closed::One\npub a::Closed::Two\npub a::Closed::Two::size: u8\n\
    #[non_exhaustive] pub enum a::Open\npub a::Open::One\npub struct a::Point\npub a::Point::x: u8\n\
    pub trait a::Call<T: core::fmt::Debug>\npub fn a::Call::send(&self)\n\
    pub trait a::Inner: a::sealed::Sealed\npub fn a::Inner::send(&self)\npub fn a::open(&str) -> u8\n";

fn found(now: &str) -> Vec<String> {
    breaking(THEN, now, || BTreeSet::from(["Call::later".to_owned()]))
}

fn with(line: &str) -> Vec<String> {
    found(&format!("{THEN}{line}\n"))
}

#[test]
fn nothing_changed_breaks_nothing() {
    assert_eq!(found(THEN), [""; 0]);
}

#[test]
fn an_item_that_went_or_changed_breaks_programs() {
    assert_eq!(found(&THEN.replace("pub fn a::open(&str) -> u8\n", "")), ["-pub fn a::open(&str) -> u8"]);
    let changed = found(&THEN.replace("open(&str)", "open(&[u8])"));
    assert_eq!(changed, ["-pub fn a::open(&str) -> u8"]);
    let closed = found(&THEN.replace("pub struct", "#[non_exhaustive] pub struct"));
    assert_eq!(closed, ["-pub struct a::Point"]);
}

#[test]
fn an_item_that_can_do_more_breaks_nothing() {
    assert_eq!(found(&THEN.replace("pub fn a::open", "pub const fn a::open")), [""; 0]);
    assert_eq!(found(&THEN.replace("#[non_exhaustive] ", "")), [""; 0]);
    for line in
        ["pub fn a::close()", "pub a::Open::Two", "pub fn a::Closed::name(&self)", "pub struct a::New"]
    {
        assert_eq!(with(line), [""; 0], "{line}");
    }
}

#[test]
fn an_addition_to_a_type_that_programs_know_completely_breaks_them() {
    for line in [
        "pub a::Closed::Three",
        "pub a::Closed::Four(u8)",
        "pub a::Closed::Two::more: u8",
        "pub a::Point::y: u8",
    ] {
        assert_eq!(with(line), [format!("+{line}")], "{line}");
    }
}

#[test]
fn a_new_required_item_of_a_trait_breaks_its_implementations() {
    for line in ["pub fn a::Call::more(&self)", "pub type a::Call::Answer", "pub const a::Call::N: u8"] {
        assert_eq!(with(line), [format!("+{line}")], "{line}");
    }
    assert_eq!(with("pub fn a::Call::later(&self)"), [""; 0], "it has a default");
    assert_eq!(with("pub fn a::Inner::more(&self)"), [""; 0], "the trait is sealed");
}

#[test]
fn the_first_number_that_is_not_zero_says_whether_a_version_may_break() {
    let compatible = |one: &str, other: &str| {
        is_compatible(&Version::parse(one).unwrap(), &Version::parse(other).unwrap()).unwrap()
    };
    assert!(compatible("0.1.0", "0.1.7") && compatible("1.2.0", "1.9.0") && compatible("1.2.0", "1.2.0"));
    assert!(!compatible("0.1.0", "0.2.0") && !compatible("1.2.0", "2.0.0") && !compatible("0.0.1", "0.0.2"));
}

#[test]
fn features_are_the_keys_of_their_section() {
    let manifest = "[package]\nname = \"a\"\n\n[features]\n# serde: more\nserde = [\"dep:serde\"]\ndefault = []\n\n[x]\ny = 1\n";
    assert_eq!(features(manifest).collect::<Vec<_>>(), ["serde", "default"]);
}

#[test]
fn an_item_of_a_trait_with_a_default_is_told_from_a_required_one() {
    let source = "pub trait Call {\n    type Answer;\n    const N: u8;\n    const M: u8 = 1;\n    fn send(&self);\n    \
                  fn later(&self) {}\n}\n";
    let read = |json: &Path| {
        rustdoc::check_format(json)?;
        Ok(defaults(&serde_json::from_str(&fs::read_to_string(json)?)?))
    };
    match rustdoc::of_source(source, read) {
        Err(error) if error.is::<rustdoc::OtherFormat>() => println!("NOT CHECKED: {error}"),
        found => assert_eq!(found.unwrap(), ["Call::M", "Call::later"].map(str::to_owned).into()),
    }
}

/// A repository with one library.
struct Repository(PathBuf);

impl Repository {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("semver-{}-{name}", std::process::id()));
        fs::create_dir_all(dir.join("crates/a")).unwrap();
        let repository = Self(dir);
        repository.git(&["init", "--quiet"]);
        repository
    }

    fn git(&self, args: &[&str]) {
        let settings = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"];
        let output = Run::new("git").args(settings).args(args).in_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn commit(&self, version: &str, items: &str, features: &str) {
        let manifest = format!("[workspace.package]\nversion = \"{version}\"\n");
        fs::write(self.0.join("Cargo.toml"), manifest).unwrap();
        fs::write(self.0.join("crates/a/Cargo.toml"), format!("[features]\n{features}")).unwrap();
        fs::write(self.0.join("crates/a").join(SNAPSHOT), items).unwrap();
        self.git(&["add", "."]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", version]);
    }

    fn compared(&self) -> Result<String> {
        compare(&self.0, |_| BTreeSet::new())
    }
}

impl Drop for Repository {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

#[test]
fn without_a_tag_there_is_nothing_to_break() {
    let repository = Repository::new("untagged");
    repository.commit("0.1.0", THEN, "");
    assert!(repository.compared().unwrap().contains("no release is tagged yet"));
    repository.git(&["tag", "v0.1.0-rc.1"]);
    repository.git(&["tag", "vertical"]);
    assert!(repository.compared().unwrap().contains("no release is tagged yet"));
}

#[test]
fn an_item_or_a_feature_that_went_needs_a_version_that_says_so() {
    let repository = Repository::new("tagged");
    repository.commit("0.1.0", THEN, "serde = []\n");
    repository.git(&["tag", "v0.1.0"]);
    assert!(repository.compared().unwrap().starts_with("0 changes since v0.1.0"));

    let less = THEN.replace("pub fn a::open(&str) -> u8\n", "");
    repository.commit("0.1.1", &less, "");
    let error = repository.compared().unwrap_err().to_string();
    assert!(error.contains("crates/a/: -pub fn a::open(&str) -> u8\n"), "{error}");
    assert!(error.contains("crates/a/: -feature serde\n"), "{error}");
    assert!(error.contains("2 changes since v0.1.0 break programs, and version 0.1.1"), "{error}");

    repository.commit("0.2.0", &less, "");
    assert!(repository.compared().unwrap().starts_with("2 changes since v0.1.0"));
    // From the next release on, they are no change any more.
    repository.git(&["tag", "v0.2.0"]);
    assert!(repository.compared().unwrap().starts_with("0 changes since v0.2.0"));
    repository.commit("0.1.9", &less, "");
    assert!(repository.compared().unwrap_err().to_string().contains("is older than v0.2.0"));
}

#[test]
fn a_library_that_went_needs_a_version_that_says_so() {
    let repository = Repository::new("library");
    repository.commit("1.0.0", THEN, "");
    repository.git(&["tag", "v1.0.0"]);
    fs::remove_dir_all(repository.0.join("crates/a")).unwrap();
    let error = repository.compared().unwrap_err().to_string();
    assert!(error.contains("crates/a/: the library is gone"), "{error}");
}
