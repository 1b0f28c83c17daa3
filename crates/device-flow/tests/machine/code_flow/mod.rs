//! The code flow: its rules one by one, a reference model, and every short history.

mod calls;
mod explore;
mod model;
mod reference;
mod rig;
