//! Planning: pure functions from the rows of a group and a request to the rows of the next commit and
//! the reply. No I/O, no clock, no randomness.

mod affairs;
mod deliver;
mod draft;
mod kept;
mod keys;
mod left;
mod members;
mod settle;

pub(crate) use affairs::Affairs;
pub(crate) use deliver::{Offer, Place, Taken, owner};
pub(crate) use draft::{ASIDE, Draft, GroupPlan};
pub(crate) use kept::Kept;
pub(crate) use left::Left;
pub(crate) use settle::Settle;
