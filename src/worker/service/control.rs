//! What the running worker does for clients of its control socket.
//!
//! What a command is, only the command line knows; it gives the worker a [`Commands`] that carries them out.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tokio::runtime::Handle;

use super::status::{Status, SwitchedOff};
use super::{ReloadResult, ReloadTrigger, Service};
use crate::registry::Registry;
use crate::registry::locks::{self, Lock};
use crate::worker::control::{Answer, Ask, Call, Client, FileId, Host, Opening, Server};

/// Carries out command lines in the worker's process.
pub trait Commands: Debug + Send + Sync + 'static {
    /// Carries one out, on a thread where blocking is allowed, and answers its exit code.
    fn run(&self, service: &Service, call: &Call, client: &Client) -> u8;
}

/// Serves the clients of one worker.
#[derive(Debug)]
struct Reception {
    service: Service,
    commands: Arc<dyn Commands>,
    registry: Option<FileId>,
}

impl Host for Reception {
    fn serve(&self, opening: Opening, client: &Client) -> u8 {
        if opening.registry.is_some() && opening.registry != self.registry {
            let ours = self.service.registry_path().display();
            client.err(&format!("aboard: this is the worker of {ours}, not of the registry that is meant\n"));
            return 1;
        }
        match opening.ask {
            Ask::Command(call) => {
                tracing::debug!(by = client.by(), command = call.args.first(), "a command at the control socket");
                self.commands.run(&self.service, &call, client)
            }
            Ask::Reload { wait, accept, edited } => {
                let trigger = if edited { ReloadTrigger::Edit } else { ReloadTrigger::Command };
                reload(&self.service, client, trigger, wait, accept)
            }
            Ask::Health => {
                let status = Status { switched_off: switched_off(&self.service), ..self.service.status() };
                tell(client, Answer::Status, &status)
            }
        }
    }
}

/// Reads the schedule file anew for a client; 2 where it is not taken over.
fn reload(service: &Service, client: &Client, trigger: ReloadTrigger, wait: bool, accept: bool) -> u8 {
    let by = Some(client.by().to_owned());
    if !wait && service.status().fixed {
        client.err(&format!("aboard: {}\n", super::reload::FIXED));
        return 2;
    }
    if !wait {
        service.0.reloads.ask(trigger, accept, by);
        return 0;
    }
    let report = Handle::current().block_on(service.reload(trigger, accept, by));
    let told = tell(client, Answer::Report, &report);
    match report.result {
        ReloadResult::Applied | ReloadResult::Unchanged => told,
        ReloadResult::Rejected | ReloadResult::NeedsAccept => 2,
    }
}

/// The targets of the file that get nothing. By a reader of its own: whoever writes may take his time, and health is asked for then too.
fn switched_off(service: &Service) -> Vec<SwitchedOff> {
    let off = match Registry::open_read(service.registry_path()).and_then(|reader| reader.disabled_targets()) {
        Ok(off) => off,
        Err(error) => {
            tracing::debug!("which targets are switched off cannot be read: {error}");
            return Vec::new();
        }
    };
    let config = service.config();
    let of_file = off.into_iter().filter(|(target, _)| config.targets.contains_key(target));
    of_file.map(|(target, off)| SwitchedOff { target, reason: off.reason, since: off.at }).collect()
}

fn tell(client: &Client, as_answer: fn(Box<Value>) -> Answer, value: &impl Serialize) -> u8 {
    match serde_json::to_value(value) {
        Ok(value) => {
            client.tell(&as_answer(Box::new(value)));
            0
        }
        Err(error) => {
            client.err(&format!("aboard: the worker's answer cannot be formed: {error}\n"));
            1
        }
    }
}

/// Opens the control socket at the first of the places that allows it, and writes down where it is. Without one the worker follows
/// its schedules all the same.
pub(super) fn open(service: &Service, wanted: PathBuf, lock: &mut Lock) -> Option<Server> {
    let beside = locks::control_socket(service.registry_path());
    let places = [wanted, beside];
    let (mut server, mut tried) = (None, None);
    for place in places {
        if server.is_some() || tried.as_ref() == Some(&place) {
            continue;
        }
        match Server::bind(&place) {
            Ok(made) => server = Some(made),
            Err(error) => tracing::warn!("no control socket at {}: {error}", place.display()),
        }
        tried = Some(place);
    }
    if server.is_none() {
        tracing::error!("the worker takes no commands: it has no control socket");
    }
    if let Err(error) = lock.set_socket(server.as_ref().map(Server::path).map(Path::to_owned)) {
        tracing::error!("the worker takes no commands: its lock cannot tell where they go: {error}");
    }
    server
}

/// Serves clients until the worker stops, and those that are there then to their end.
pub(super) async fn serve(service: Service, server: Server, commands: Arc<dyn Commands>) {
    let stop = service.stop().clone();
    // Once: a file that is put there later is not the one that this worker has open.
    let registry = FileId::of(service.registry_path());
    server.serve(Arc::new(Reception { service, commands, registry }), stop).await;
}
