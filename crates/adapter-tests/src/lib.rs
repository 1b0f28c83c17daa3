//! The common tests of both adapters, blocking and async. The tests in `tests/` use one [`Adapter`]
//! interface. Each test runs once for [`Ureq`] and once for [`Reqwest`], so the two behave alike.
//!
//! The crate is not published. Tests of a single adapter's features are in its own `tests/` folder.

mod adapter;
pub mod over_reqwest;
pub mod over_ureq;
pub mod stub;

pub use adapter::Adapter;
pub use over_reqwest::Reqwest;
pub use over_ureq::Ureq;

/// Makes two tests of each function that is generic over its adapter. The compiler reports a missing
/// function, because no other code calls it.
#[macro_export]
macro_rules! for_both_adapters {
    ($($test:ident),* $(,)?) => {
        mod ureq {
            $(
                #[test]
                fn $test() {
                    super::$test::<$crate::Ureq>();
                }
            )*
        }

        mod reqwest {
            $(
                #[test]
                fn $test() {
                    super::$test::<$crate::Reqwest>();
                }
            )*
        }
    };
}
