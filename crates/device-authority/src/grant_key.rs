//! The records that a CreateToken request names.

use oidc_proto::Grant;

use crate::{AccessRecord, ClientRecord, CodeRecord, DeviceRecord, GuessRecord, RefreshRecord, Selector};

/// The key of the record that a grant names, besides the client's.
///
/// ```
/// use device_authority::{GrantKey, Selector};
/// use oidc_proto::{Grant, Secret};
/// let device_code = Secret::new("x".repeat(86));
/// let selector = Selector::of(&device_code).ok_or("it is long enough")?;
/// assert_eq!(GrantKey::of(&Grant::device_code(device_code)), GrantKey::Device(selector));
/// let made_up = Grant::RefreshToken { refresh_token: Secret::from("no") };
/// assert_eq!(GrantKey::of(&made_up), GrantKey::Nothing);
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GrantKey {
    /// A [`DeviceRecord`].
    Device(Selector),
    /// A [`CodeRecord`].
    Code(Selector),
    /// A [`RefreshRecord`].
    Refresh(Selector),
    /// No record can exist.
    Nothing,
}

impl GrantKey {
    /// Returns the key of this grant's record.
    #[must_use]
    pub fn of(grant: &Grant) -> Self {
        match grant {
            Grant::DeviceCode { device_code, .. } => {
                Selector::of(device_code).map_or(Self::Nothing, Self::Device)
            }
            Grant::RefreshToken { refresh_token } => {
                Selector::of(refresh_token).map_or(Self::Nothing, Self::Refresh)
            }
            Grant::AuthorizationCode { code, .. } => Selector::of(code).map_or(Self::Nothing, Self::Code),
            _ => Self::Nothing,
        }
    }
}

/// The existing records that a request names.
///
/// ```
/// use device_authority::{ClientRecord, Records};
/// use oidc_proto::Client;
/// let client = ClientRecord::preconfigured(Client::public("my-tool"), None);
/// // A request names at most one of the others; none is found for an unknown code.
/// let records = Records::of_client(Some(&client)).with_device(None).with_code(None);
/// let records = records.with_refresh(None).with_access(None).with_guesses(None, None);
/// assert!(records.client.is_some() && records.device.is_none() && records.code.is_none());
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Records<'a> {
    /// The client.
    pub client: Option<&'a ClientRecord>,
    /// The device.
    pub device: Option<&'a DeviceRecord>,
    /// The authorization code.
    pub code: Option<&'a CodeRecord>,
    /// The token family.
    pub refresh: Option<&'a RefreshRecord>,
    /// The access token.
    pub access: Option<&'a AccessRecord>,
    /// The wrong user codes from the site of the source.
    pub guesses: Option<&'a GuessRecord>,
    /// The wrong user codes from all sources.
    pub guesses_of_all: Option<&'a GuessRecord>,
}

impl<'a> Records<'a> {
    /// Creates records with the client alone.
    #[must_use]
    pub const fn of_client(client: Option<&'a ClientRecord>) -> Self {
        Self {
            client,
            device: None,
            code: None,
            refresh: None,
            access: None,
            guesses: None,
            guesses_of_all: None,
        }
    }

    /// Returns the same records with this device's.
    #[must_use]
    pub const fn with_device(mut self, device: Option<&'a DeviceRecord>) -> Self {
        self.device = device;
        self
    }

    /// Returns the same records with this authorization code's.
    #[must_use]
    pub const fn with_code(mut self, code: Option<&'a CodeRecord>) -> Self {
        self.code = code;
        self
    }

    /// Returns the same records with this access token's.
    #[must_use]
    pub const fn with_access(mut self, access: Option<&'a AccessRecord>) -> Self {
        self.access = access;
        self
    }

    /// Returns the same records with this token family's.
    #[must_use]
    pub const fn with_refresh(mut self, refresh: Option<&'a RefreshRecord>) -> Self {
        self.refresh = refresh;
        self
    }

    /// Adds the wrong user codes from one source, and from all.
    #[must_use]
    pub const fn with_guesses(
        mut self,
        source: Option<&'a GuessRecord>,
        everyone: Option<&'a GuessRecord>,
    ) -> Self {
        (self.guesses, self.guesses_of_all) = (source, everyone);
        self
    }
}
