//! The client's machine against the server's decisions, in one process at virtual time: no clock, no socket, no sleep. Every
//! message goes through the wire format, and a network in between loses, delays and repeats.
//!
//! The crate is not published. Its tests and its benchmark share this world.

mod world;

pub use world::{Fate, World, secs, strict};
