//! Both adapters against every injected fault.

mod adapter;
mod browser;
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
