//! Gravitee's federation agent: what the server's commands mean for AWS.
//!
//! ```text
//! config ── follow ──► Agents ──► one Channel an integration ──► Agent (handler)
//!                                                                  │ DISCOVER, START_INGEST ──► Surveyor ──► Offers
//!                                                                  │ INGEST ──► plans, pages, metadata ──► chunks
//!                                                                  └ SUBSCRIBE, UNSUBSCRIBE ──► API keys
//! ```
//!
//! | module | what |
//! |---|---|
//! | `agents` | which connections to servers are up, by the file in force |
//! | `settings` | from the file's words to the channel's |
//! | `handler` | each command with its time |
//! | `survey`, `reading` | which APIs there are, without a call for each |
//! | `remembered` | the same from the registry and from memory |
//! | `offer` | an API, or a stage of one, as the server knows it |
//! | `ingest`, `sending` | all of it, in chunks |
//! | `page`, `plans` | its documentation; what can be subscribed to |
//! | `subscribing`, `places` | API keys, and the way to where they are |
//! | `leftovers` | keys that a process left behind which ended while it made them |
//! | `names` | words that the server gives back |
//! | `status` | how the connections are |

mod agents;
mod brief;
mod handler;
mod ingest;
mod leftovers;
mod names;
mod offer;
mod page;
mod places;
mod plans;
mod reading;
mod remembered;
mod sending;
mod settings;
mod status;
mod subscribing;
mod survey;

pub use agents::Agents;
pub use status::IntegrationStatus;
