//! The checks against this project's own server, in process and at virtual time: all pass, and each is seen to fail
//! at a server that breaks its rule alone.

mod breakers;
mod documented;
mod gentle;
mod odd;
mod order;
mod own_server;
mod pace;
mod server;
