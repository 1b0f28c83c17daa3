//! The client's machine against the server's decisions, in one process at virtual time, without clock, socket
//! or sleep. Every message goes through the wire format. A simulated network loses, delays and repeats
//! messages.
//!
//! The crate is not published. Its tests and its benchmark share this world.

mod world;

pub use world::{Fate, World, secs, strict};
