//! The files of role credentials, which the AWS CLI shares.

use oidc_proto::Secret;
use oidc_proto::portal::RoleCredentials;
use sso_cache::{Identity, RoleCredentialsCache, RoleKey};

/// Reads a file of role credentials, and writes what was read.
pub fn role_credentials(data: &[u8]) {
    let dir = tempfile::tempdir().expect("a directory for temporary files");
    let cache = RoleCredentialsCache::at(dir.path());
    let identity = Identity::SessionName("corp".to_owned());
    let key = RoleKey::new(&identity, "012345678901", "ReadOnly");
    std::fs::write(dir.path().join(key.file_name()), data).expect("a file");
    let found = cache.load(&key);
    if let Some(credentials) = found.clone() {
        let shown = format!("{credentials:?}");
        assert_eq!(shown, format!("{:?}", hide(credentials.clone())), "what is printed depends on a secret");
        cache.save(&key, &credentials).expect("the file is replaced");
        assert_eq!(cache.load(&key), Some(credentials), "what was read must read again the same");
        assert_eq!(cache.remove_of(&identity).expect("a directory"), 1, "it is written whose they are");
        assert_eq!(cache.load(&key), None);
    }
    let left = cache.remove_all().expect("a directory");
    assert!(left <= usize::from(found.is_none()), "nothing is removed twice");
}

fn hide(mut credentials: RoleCredentials) -> RoleCredentials {
    credentials.secret_access_key = Secret::from("hidden");
    credentials.session_token = Secret::from("hidden");
    credentials
}
