//! The handle of a running simulator.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::counts::{Arrivals, Call, Counts};
use crate::fault::Fault;
use crate::operation::Operation;
use crate::server::{self, Shared};
use crate::state::State;
use crate::world::World;

/// A simulator that is serving. It runs on a thread and a runtime of its own, so that tests with or without one of their
/// own can use it, and stops when dropped.
#[derive(Debug)]
pub struct Simulator {
    shared: Arc<Shared>,
    address: SocketAddr,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Simulator {
    /// Serves `world` on a free loopback port. Panics where the machine grants no port or no thread.
    pub fn start(world: World) -> Self {
        match Self::listen(world, 0) {
            Ok(simulator) => simulator,
            Err(error) => panic!("the simulator cannot listen on loopback: {error}"),
        }
    }

    /// Serves `world` on this loopback port; 0 = a free one.
    pub fn listen(world: World, port: u16) -> std::io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        // One thread: answers leave one after the other, so that what runs before an answer holds up all others.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let shared = Arc::new(Shared::new(State::new(world)));
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("aws-simulator".to_owned())
            .spawn(move || runtime.block_on(server::serve(listener, serving, stopped)))?;
        Ok(Self { shared, address, stop: Some(stop), thread: Some(thread) })
    }

    /// The endpoint of every service, for `AWS_ENDPOINT_URL`: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Looks at or changes the world; the next call that is decided sees the change. `change` must not call
    /// [`Self::change`] again.
    pub fn change<R>(&self, change: impl FnOnce(&mut World) -> R) -> R {
        change(&mut self.shared.state().world)
    }

    /// Adds something that goes wrong from now on.
    pub fn fault(&self, fault: Fault) {
        self.change(|world| world.add_fault(fault));
    }

    /// From now on nothing goes wrong.
    pub fn clear_faults(&self) {
        self.change(World::clear_faults);
    }

    /// Forgets every session that `AssumeRole` issued: its keys are unknown from now on.
    pub fn forget_sessions(&self) {
        self.shared.state().sessions.clear();
    }

    /// Runs `callback` right before answer number `answer` is sent, counted from 1 over all operations since the start
    /// or the last reset; until it returns, nothing is answered. It must not wait for an answer itself.
    pub fn at_answer(&self, answer: u64, callback: impl FnOnce() + Send + 'static) {
        self.shared.gate.at_answer(answer, Box::new(callback));
    }

    /// Holds call number `call` (as counted by [`Counts::calls`]) and all later ones, before they are decided.
    pub fn hold_at(&self, call: u64) {
        self.shared.gate.hold_at(call);
    }

    /// Lets held calls go on and holds no more.
    pub fn release(&self) {
        self.shared.gate.release();
    }

    /// Blocks until a call is held; false where none is within `timeout`. Not from within [`Self::at_answer`].
    pub fn wait_until_held(&self, timeout: Duration) -> bool {
        self.shared.gate.wait_until_held(timeout)
    }

    /// The counts since the start or the last reset.
    pub fn counts(&self) -> Counts {
        self.shared.ledger().counts.clone()
    }

    /// The calls of one operation.
    pub fn calls_of(&self, operation: Operation) -> u64 {
        self.shared.ledger().counts.of(operation)
    }

    /// When the calls of each operation arrived.
    pub fn arrivals(&self) -> BTreeMap<Operation, Arrivals> {
        self.shared.ledger().arrivals.clone()
    }

    /// The calls since the start or the last reset, in the order of their arrival.
    pub fn log(&self) -> Vec<Call> {
        self.shared.ledger().log.clone()
    }

    /// Counts from zero again, calls, answers and all.
    pub fn reset_counts(&self) {
        self.shared.ledger().reset();
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // The sender's end is the signal.
        drop(self.stop.take());
        // A callback before an answer may hold the last reference; its thread cannot wait for itself.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id()) {
            let _ = thread.join();
        }
    }
}
