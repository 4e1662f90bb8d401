//! A loopback stand-in for the AWS calls that aboard makes.
//!
//! A [`World`] says what exists: accounts, users, roles, APIs, domains, and what goes wrong. A [`Simulator`] serves it on
//! a loopback port, in AWS's wire forms, from a thread of its own, and counts what it is asked. It knows nothing of
//! aboard: only what an AWS client sees.
//!
//! ```
//! use aboard_simulator::{Failure, Fault, HttpApi, Operation, RestApi, Simulator, World};
//!
//! let world = World::new()
//!     .user("AKIAPAYMENTS", "111122223333")
//!     .rest("111122223333", "eu-west-1", RestApi::new("orders").id("a1b2c3d4e5").stage("prod"))
//!     .http("111122223333", "eu-west-1", HttpApi::new("refunds").stage("$default"))
//!     .fault(Fault::new(Failure::TooManyRequests).on(Operation::GetApis).times(2));
//! let sim = Simulator::start(world);
//! assert!(sim.url().starts_with("http://127.0.0.1:"));
//! sim.change(|world| world.region("111122223333", "eu-west-1").remove("a1b2c3d4e5"));
//! assert_eq!(sim.counts().calls, 0);
//! ```

mod answer;
mod clock;
mod counts;
mod fault;
mod gate;
mod operation;
mod paging;
mod request;
mod server;
mod services;
mod simulator;
mod state;
mod throttle;
mod world;

pub use counts::{Arrivals, Call, Counts};
pub use fault::{Failure, Fault};
pub use operation::{Operation, Service};
pub use simulator::Simulator;
pub use throttle::{Per, Throttle};
pub use world::{
    Account, AccountFields, AccountState, ApiKey, Deployment, DeploymentStatus, Domain, EndpointType, Fleet, HttpApi,
    HttpStage, Mapping, Moment, Policy, Protocol, Region, RestApi, RestStage, Role, RoutingRule, UsagePlan, User,
    World,
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
