//! Rules that are broken on purpose, to see that it is noticed, and how small it can be made.

/// Which rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// A client that presents a code passes for the client that it was given to. It takes a thief, and one device.
    Thief,
    /// Who approves a code also approves the one that was given out last. It takes no fault, and two devices.
    Crosstalk,
}

impl Sabotage {
    /// The one of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        [Self::Thief, Self::Crosstalk].into_iter().find(|sabotage| sabotage.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Thief => "thief",
            Self::Crosstalk => "crosstalk",
        }
    }
}
