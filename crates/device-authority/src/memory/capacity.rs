//! The capacity of an in-memory store, and its counts.

/// The capacity of a [`Memory`](super::Memory).
///
/// ```
/// use device_authority::Capacity;
/// let small = Capacity::default().with_clients(10).with_devices(20).with_codes(15);
/// let small = small.with_families(20).with_access(30).with_sources(5);
/// assert_eq!((small.clients, small.devices, small.codes), (10, 20, 15));
/// assert_eq!((small.families, small.access, small.sources), (20, 30, 5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capacity {
    /// Registrations, each of at most about 5 KiB. One more evicts an unneeded one. Default: 100,000.
    pub clients: usize,
    /// Devices, from their request to their removal, each of at most about 3 KiB. Default: 100,000.
    pub devices: usize,
    /// Authorization codes, from their approval to their removal, each of at most about 7 KiB. Default: 10,000.
    pub codes: usize,
    /// Families of refresh tokens. Default: 100,000.
    pub families: usize,
    /// Access tokens. Default: 100,000.
    pub access: usize,
    /// Sources of wrong codes. Default: 10,000.
    pub sources: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            clients: 100_000,
            devices: 100_000,
            codes: 10_000,
            families: 100_000,
            access: 100_000,
            sources: 10_000,
        }
    }
}

impl Capacity {
    /// Sets the number of registrations.
    #[must_use]
    pub const fn with_clients(mut self, count: usize) -> Self {
        self.clients = count;
        self
    }

    /// Sets the number of devices.
    #[must_use]
    pub const fn with_devices(mut self, count: usize) -> Self {
        self.devices = count;
        self
    }

    /// Sets the number of authorization codes.
    #[must_use]
    pub const fn with_codes(mut self, count: usize) -> Self {
        self.codes = count;
        self
    }

    /// Sets the number of families of refresh tokens.
    #[must_use]
    pub const fn with_families(mut self, count: usize) -> Self {
        self.families = count;
        self
    }

    /// Sets the number of access tokens.
    #[must_use]
    pub const fn with_access(mut self, count: usize) -> Self {
        self.access = count;
        self
    }

    /// Sets the number of sources of wrong codes.
    #[must_use]
    pub const fn with_sources(mut self, count: usize) -> Self {
        self.sources = count;
        self
    }
}

/// The counts of a [`Memory`](super::Memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Registrations.
    pub clients: usize,
    /// Devices that are not removed yet.
    pub devices: usize,
    /// Authorization codes that are not removed yet.
    pub codes: usize,
    /// Families of refresh tokens.
    pub families: usize,
    /// Access tokens.
    pub access: usize,
    /// Sources of wrong codes.
    pub sources: usize,
}

impl Counts {
    /// Returns the number of all records.
    pub(crate) const fn all(&self) -> usize {
        self.clients + self.devices + self.codes + self.families + self.access + self.sources
    }
}
