//! The bodies of the fuzz targets, which check the same promises as the property tests.
//!
//! ```console
//! $ cargo +nightly fuzz run history
//! $ cargo +nightly fuzz run sign_in
//! ```
//!
//! `cargo test` runs them over the seeds in `corpus/TARGET/*.seed` and their variations. A seed's name is its
//! outcome.

mod promises;

pub use promises::{history_promises as history, sign_in_promises as sign_in};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use arbitrary::{Arbitrary, Unstructured};
    use device_flow::Outcome;

    /// Runs a body over the seeds and their variations. Each seed must have the outcome of its name:
    /// `expired-by-clock` is `expired`.
    fn near_the_seeds<T: for<'a> Arbitrary<'a>>(target: &str, body: impl Fn(&T) -> Result<(), Outcome>) {
        let run = |bytes: &[u8]| body(&T::arbitrary_take_rest(Unstructured::new(bytes)).unwrap());
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
        let mut seeds = 0;
        for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|extension| extension != "seed") {
                continue;
            }
            let seed = fs::read(&path).unwrap();
            let end = run(&seed).map_or_else(|outcome| outcome.name(), |()| "granted");
            let name = path.file_stem().unwrap().to_str().unwrap();
            assert_eq!(name.split('-').next(), Some(end), "{name}");
            for at in 0..seed.len() {
                drop(run(&seed[..at]));
                for change in [1, 0x20, 0x80, 0xff] {
                    let mut changed = seed.clone();
                    changed[at] ^= change;
                    drop(run(&changed));
                }
            }
            seeds += 1;
        }
        assert!(seeds >= 10, "{target} has {seeds} seeds");
    }

    #[test]
    fn histories_near_the_seeds_break_no_promise() {
        near_the_seeds("history", crate::history);
    }

    #[test]
    fn scripts_near_the_seeds_break_no_promise() {
        near_the_seeds("sign_in", |script| crate::sign_in(script)[0].clone());
    }
}
