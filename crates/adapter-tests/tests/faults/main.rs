//! Both adapters against every fault of a server that misbehaves on purpose.

mod adapter;
mod bundle;
mod calls;
mod cancelled;
mod case;
mod ledger;
mod over_reqwest;
mod over_ureq;
mod page;
mod table;
mod turn;
