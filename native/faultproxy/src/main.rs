//! A TCP proxy that breaks on command: it stands between a gateway and what the gateway talks to (a provider, Redis).
//!
//! ```text
//! agentcc-faultproxy HOST:PORT
//! ```
//!
//! It listens on a free port of loopback and forwards to that address. Orders come as JSON lines on stdin, each answered by one
//! line of JSON on stdout (`port`, `connections`, `open`, `turns`, `fired`) once it is in force; the end of stdin ends the proxy.
//!
//! ```text
//! {"next": [FAULT, …]}    one for each of the next turns; null among them is none
//! {"always": FAULT}       for all later turns, where `next` has none; null ends it
//! {"up": false}           connections are reset and new ones refused; true ends it
//! {"flap": {"up_ms": 200, "down_ms": 300}}
//! {"drop": true}          resets what is open
//! ```
//!
//! A turn is what a client sends until it is answered, with that answer: an HTTP/1.1 request, a Redis command. So a fault can be
//! of one request in a connection of many. What a FAULT is: `fault.rs`.

mod fault;
mod link;
mod race;

use std::cell::RefCell;
use std::future::pending;
use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use fault::Fault;
use link::{Plan, serve};
use race::{First, race};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

const BACKLOG: u32 = 1024;

/// Where clients come in. Shut, it keeps its port without listening, so that the kernel refuses, and nobody else gets the port.
enum Door {
    Open(TcpListener),
    Shut { _bound: TcpSocket },
}

impl Door {
    fn bound(at: SocketAddr) -> std::io::Result<TcpSocket> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(at)?;
        Ok(socket)
    }

    async fn accept(&self) -> std::io::Result<TcpStream> {
        match self {
            Self::Open(listener) => Ok(listener.accept().await?.0),
            Self::Shut { .. } => pending().await,
        }
    }
}

struct Proxy {
    at: SocketAddr,
    to: SocketAddr,
    door: Option<Door>,
    plan: Rc<RefCell<Plan>>,
    drops: watch::Sender<u64>,
    /// How long it is up and down by turns, and when that changes next.
    flap: Option<(Duration, Duration, Instant)>,
}

impl Proxy {
    fn new(to: SocketAddr) -> std::io::Result<Self> {
        let listener = Door::bound(SocketAddr::from(([127, 0, 0, 1], 0)))?.listen(BACKLOG)?;
        Ok(Self {
            at: listener.local_addr()?,
            to,
            door: Some(Door::Open(listener)),
            plan: Rc::default(),
            drops: watch::Sender::new(0),
            flap: None,
        })
    }

    fn is_up(&self) -> bool {
        matches!(self.door, Some(Door::Open(_)))
    }

    fn set_up(&mut self, up: bool) -> Result<(), String> {
        if up == self.is_up() {
            return Ok(());
        }
        self.door = None; // closes it: the port is bound anew
        let socket = Door::bound(self.at).map_err(|e| e.to_string())?;
        self.door = Some(if up {
            Door::Open(socket.listen(BACKLOG).map_err(|e| e.to_string())?)
        } else {
            self.drop_all();
            Door::Shut { _bound: socket }
        });
        Ok(())
    }

    fn drop_all(&self) {
        self.drops.send_modify(|count| *count += 1);
    }

    fn obey(&mut self, line: &str) -> Result<(), String> {
        let order: Value = serde_json::from_str(line).map_err(|e| e.to_string())?;
        for (name, value) in order.as_object().ok_or("an order is an object")? {
            match name.as_str() {
                "next" => {
                    let faults = value.as_array().ok_or("`next` is a list")?;
                    let read: Result<Vec<_>, _> = faults.iter().map(Fault::read).collect();
                    self.plan.borrow_mut().next = read?.into();
                }
                "always" => self.plan.borrow_mut().always = Fault::read(value)?,
                "drop" => self.drop_all(),
                "up" => {
                    self.flap = None;
                    self.set_up(value.as_bool().ok_or("`up` is true or false")?)?;
                }
                "flap" => {
                    let ms = |name: &str| {
                        value[name].as_u64().map(Duration::from_millis).ok_or("`flap` has up_ms and down_ms")
                    };
                    let (up, down) = (ms("up_ms")?, ms("down_ms")?);
                    self.set_up(true)?;
                    self.flap = Some((up, down, Instant::now() + up));
                }
                _ => return Err(format!("unknown order `{name}`")),
            }
        }
        Ok(())
    }

    fn told(&self, done: Result<(), String>) -> Value {
        let plan = self.plan.borrow();
        let mut told = json!({
            "port": self.at.port(), "connections": plan.connections, "open": plan.open, "turns": plan.turns, "fired": plan.fired,
        });
        if let Err(error) = done {
            told["error"] = error.into();
        }
        told
    }

    async fn next_change(flap: Option<(Duration, Duration, Instant)>) {
        match flap {
            Some((_, _, at)) => sleep_until(at).await,
            None => pending().await,
        }
    }

    async fn run(mut self, mut orders: mpsc::UnboundedReceiver<String>) {
        self.say(Ok(()));
        loop {
            let door = self.door.as_ref().expect("a door is there but while it is changed");
            match race(orders.recv(), race(door.accept(), Self::next_change(self.flap))).await {
                First::Left(None) => return,
                First::Left(Some(line)) => {
                    let done = self.obey(&line);
                    self.say(done);
                }
                First::Right(First::Left(Ok(client))) => {
                    tokio::task::spawn_local(serve(client, self.to, self.plan.clone(), self.drops.subscribe()));
                }
                First::Right(First::Left(Err(_))) => {} // it left before it was accepted
                First::Right(First::Right(())) => {
                    let up = !self.is_up();
                    if let (Ok(()), Some((up_for, down_for, at))) = (self.set_up(up), &mut self.flap) {
                        *at = Instant::now() + if up { *up_for } else { *down_for };
                    }
                }
            }
        }
    }

    fn say(&self, done: Result<(), String>) {
        let mut out = std::io::stdout().lock();
        // whoever started us is gone when this fails, and then stdin ends too
        let _ = writeln!(out, "{}", self.told(done)).and_then(|()| out.flush());
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let to = std::env::args().nth(1).ok_or("usage: agentcc-faultproxy HOST:PORT")?.parse()?;
    let (send, orders) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        Proxy::new(to)?.run(orders).await;
        Ok(())
    })
}
