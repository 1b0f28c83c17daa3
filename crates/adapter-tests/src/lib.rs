//! What both adapters must do, blocking or async: one [`Adapter`] interface, and the tests below `tests/` that are written
//! against it. Each test runs once for [`Ureq`] and once for [`Reqwest`], so the two cannot drift apart.
//!
//! The crate is not published. The adapters' own `tests/` folders hold what they can test alone.

mod adapter;
pub mod over_reqwest;
pub mod over_ureq;
pub mod stub;

pub use adapter::Adapter;
pub use over_reqwest::Reqwest;
pub use over_ureq::Ureq;

/// Makes two tests of each function that is generic over its adapter. The compiler warns of a function that is missing here,
/// because nothing else calls it.
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
