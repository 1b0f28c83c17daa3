//! OpenID Connect: the ID tokens, the keys that sign them, and the UserInfo endpoint.

pub(crate) mod id_token;
pub(crate) mod keys;
pub(crate) mod user_info;
