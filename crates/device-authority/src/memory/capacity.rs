//! How much a store in memory may hold, and how much it holds.

/// How much a [`Memory`](super::Memory) may hold.
///
/// ```
/// use device_authority::Capacity;
/// let small = Capacity::default().with_clients(10).with_devices(20).with_families(20).with_sources(5);
/// assert_eq!((small.clients, small.devices, small.families, small.sources), (10, 20, 20, 5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capacity {
    /// Registrations, at about 5 KiB each at most; one more drives out one that is not needed. Default: 100,000.
    pub clients: usize,
    /// Devices, from their request until they are forgotten; at about 3 KiB each at most. Default: 100,000.
    pub devices: usize,
    /// Chains of refresh tokens. Default: 100,000.
    pub families: usize,
    /// Sources of wrong codes. Default: 10,000.
    pub sources: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { clients: 100_000, devices: 100_000, families: 100_000, sources: 10_000 }
    }
}

impl Capacity {
    /// The same capacity with room for this many registrations.
    #[must_use]
    pub const fn with_clients(mut self, count: usize) -> Self {
        self.clients = count;
        self
    }

    /// The same capacity with room for this many devices.
    #[must_use]
    pub const fn with_devices(mut self, count: usize) -> Self {
        self.devices = count;
        self
    }

    /// The same capacity with room for this many families of refresh tokens.
    #[must_use]
    pub const fn with_families(mut self, count: usize) -> Self {
        self.families = count;
        self
    }

    /// The same capacity with room for this many sources of wrong codes.
    #[must_use]
    pub const fn with_sources(mut self, count: usize) -> Self {
        self.sources = count;
        self
    }
}

/// How much a [`Memory`](super::Memory) holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Counts {
    /// Registrations.
    pub clients: usize,
    /// Devices that are not forgotten yet.
    pub devices: usize,
    /// Chains of refresh tokens.
    pub families: usize,
    /// Sources of wrong codes.
    pub sources: usize,
}
