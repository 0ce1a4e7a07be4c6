//! A stand-in for GitHub, scripted models, and a sample to play with: for `rehearse` and for the tests.
//!
//! The stand-in speaks real HTTP and real git on loopback, signs its webhooks, and is as strict as GitHub:
//! tokens expire, permissions are enforced route by route, drafts, duplicates and empty pull requests are
//! refused, protected branches too. It checks signatures and tokens with code of its own, so that a mistake in
//! the product cannot hide behind the same mistake here.
//!
//! Reading order: [`Setup`] says how a world begins and [`StandIn`] runs it; [`world`] is the data;
//! `verbs` are what people do, `controls` what befalls them; `acts` is what then happens, webhooks included; `rest`, `graphql` and
//! `git_http` are the doors for clients; `hooks` sends, `faults` breaks, `limits` slows; `pages` shows people
//! what they would see on GitHub; [`sample`] is a small repository with a scripted agent; [`endpoint`] stands in
//! for the providers of models.
//!
//! What it leaves out: users' tokens, OAuth, teams, milestones, projects, and signatures on commits.

mod acts;
mod controls;
mod dump;
pub mod endpoint;
mod faults;
mod git_http;
mod graphql;
mod hooks;
mod hub;
mod limits;
mod look;
mod objects;
mod pages;
mod problem;
mod rest;
pub mod sample;
mod setup;
mod shape;
mod standin;
mod tokens;
mod verbs;
mod wire;
pub mod world;

pub use acts::CloseOrder;
pub use faults::{Fault, FaultRule};
pub use hooks::Passage;
pub use hub::{Hub, TimedOut};
pub use limits::Limits;
pub use look::{branch_of, difference};
pub use problem::Problem;
pub use setup::{AppSetup, OrganizationSetup, RepositorySetup, Setup, Source, THROWAWAY_KEY};
pub use standin::{StandIn, StartError};
pub use verbs::Refused;

#[cfg(test)]
mod tests;
