//! aboard: watches AWS API Gateway and registers new APIs where teams work.
//!
//! ```text
//! schedule file ──► config ──┐
//!                            ▼
//! AWS ──► discovery ──► inventory ──► plan ──► registry (state, history, outbox: one transaction a scope)
//!                                      ▲           │
//!                                      └── known ──┘
//! ```
//!
//! One run of one connection does that for every scope, which is one (account, region, family); [`worker::run`] is the loop.
//!
//! | module | what |
//! |---|---|
//! | [`config`] | the schedule file: raw TOML to checked values |
//! | [`schedule`] | when connections are due, and what becomes of each due instant |
//! | [`inventory`] | what was seen |
//! | [`document`], [`notice`] | an API as people see it; an event as a target is told it |
//! | [`specification`] | from what AWS exports of a stage to the document that is stored and sent |
//! | [`plan`] | what a run would do: a pure function and its truth table |
//! | [`discovery`] | everything that talks to AWS |
//! | [`registry`] | everything that talks to SQLite |
//! | [`targets`] | the places where APIs get registered, one file a kind |
//! | [`gravitee`] | the agent of Gravitee API Management: the protocol and its connection |
//! | [`http`] | health, metrics and the API of the running worker |
//! | [`iam`] | policies, trust policies and CloudFormation templates for exactly the file's connections |
//! | [`worker`] | runs, approvals, and the worker that follows the schedules: the only place that joins the edges |
//! | [`zones`] | the system's zone files, where they are newer than what this binary was built with |
//! | [`cli`] | the command line |
//! | [`clock`], [`environment`], [`secret`], [`trust`] | the only readers of the clock, of the environment, of secrets, and of the file of trusted certificates |
//!
//! What holds always: the core (`config`, `schedule`, `inventory`, `plan`, `specification`) reads no clock, environment, network, database or
//! file; a failed scope proves no absence; nothing is registered outside the transaction that also writes its history and its
//! outbox rows; no transaction spans a network call; a secret is a reference until a run needs it.

pub mod cli;
pub mod clock;
pub mod config;
pub mod discovery;
pub mod document;
pub mod environment;
pub mod gravitee;
mod hex;
pub mod http;
pub mod iam;
pub mod inventory;
pub mod notice;
pub mod plan;
pub mod registry;
pub mod schedule;
pub mod secret;
pub mod specification;
pub mod targets;
pub mod trust;
pub mod worker;
pub mod zones;
