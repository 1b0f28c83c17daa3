//! The keys of the records that an operation needs.

use oidc_proto::CreateTokenRequest;

use crate::{GrantKey, Selector, Source, UserCode};

/// The keys of the records that an operation needs.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Keys<'a> {
    /// The id of a client. Without one, the client of the device comes along.
    pub client: Option<&'a str>,
    /// A device.
    pub device: Option<DeviceKey>,
    /// An authorization code.
    pub code: Option<Selector>,
    /// A token family. Without one, the family of the access token comes along.
    pub refresh: Option<Selector>,
    /// An access token.
    pub access: Option<Selector>,
    /// A site of wrong user codes; see [`Source::site`]. Those of [`Source::EVERYONE`] come along.
    pub source: Option<Source>,
}

/// The key of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_enums,
    reason = "a store finds by every key, so a new one has to break its build"
)]
pub enum DeviceKey {
    /// The selector of its device code.
    DeviceCode(Selector),
    /// Its user code.
    UserCode(UserCode),
}

impl<'a> Keys<'a> {
    /// Returns the key of a client.
    pub(crate) fn of_client(id: &'a str) -> Self {
        Self { client: Some(id), ..Self::default() }
    }

    /// Returns the keys of a CreateToken request.
    pub(crate) fn of_grant(request: &'a CreateTokenRequest) -> Self {
        let keys = Self::of_client(&request.client.id);
        match GrantKey::of(&request.grant) {
            GrantKey::Device(selector) => Self { device: Some(DeviceKey::DeviceCode(selector)), ..keys },
            GrantKey::Code(selector) => Self { code: Some(selector), ..keys },
            GrantKey::Refresh(selector) => Self { refresh: Some(selector), ..keys },
            GrantKey::Nothing => keys,
        }
    }
}
