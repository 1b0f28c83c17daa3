//! The machine, state by state, in virtual time: no clock, no socket, no sleep.

mod authorize;
mod calls;
mod code_flow;
mod contract;
mod ended;
mod explore;
mod herd;
mod kept;
mod last_poll;
mod model;
mod poll;
mod redirects;
mod refusal;
mod register;
mod renewal;
mod rows;
mod rules;
mod saved;
mod saved_anywhere;
mod scenario;
mod script;
mod search;
mod secrets;
mod status;
mod table;
mod texts;
