//! One connection and its turns.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::pending;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::fault::{Fault, Kind, Side};
use crate::race::{First, race};

/// Neither HTTP nor TLS nor RESP.
const GARBAGE: &[u8] = b"\x16\x03\x03\xff\xff\x00\xff garbage \r\n\r\n";
const PIECE: usize = 64 << 10;

/// Which faults come, and what has been.
#[derive(Default)]
pub struct Plan {
    pub next: VecDeque<Option<Fault>>,
    pub always: Option<Fault>,
    pub connections: u64,
    pub open: u64,
    pub turns: u64,
    pub fired: u64,
}

/// How a connection ends, for both of its sides.
enum Ending {
    Fin,
    Reset,
    Garbage,
}

/// Where a turn is. `passed` counts the bytes of a request and of its answer.
struct Turn {
    plan: Rc<RefCell<Plan>>,
    fault: Option<Fault>,
    passed: [usize; 2],
    is_answered: bool,
}

impl Turn {
    /// Bytes of a side have come: the fault that may befall them. A client that speaks after an answer begins a new turn.
    fn on_bytes(&mut self, side: Side) -> Option<Fault> {
        if side == Side::Answer {
            self.is_answered = true;
        } else if self.is_answered {
            let mut plan = self.plan.borrow_mut();
            plan.turns += 1;
            self.fault = plan.next.pop_front().unwrap_or(plan.always);
            self.passed = [0, 0];
            self.is_answered = false;
        }
        self.fault.filter(|fault| fault.side == side || fault.kind == Kind::Garbage)
    }

    fn fire(&self) {
        self.plan.borrow_mut().fired += 1;
    }
}

/// Forward until one side closes, a fault ends it, or all connections are dropped.
pub async fn serve(mut client: TcpStream, to: SocketAddr, plan: Rc<RefCell<Plan>>, mut drops: watch::Receiver<u64>) {
    plan.borrow_mut().connections += 1;
    plan.borrow_mut().open += 1;
    let turn = RefCell::new(Turn { plan: plan.clone(), fault: None, passed: [0, 0], is_answered: true });
    let ending = match race(drops.changed(), forward(&mut client, to, &turn)).await {
        First::Left(_) => Ending::Reset,
        First::Right(ending) => ending,
    };
    match ending {
        Ending::Fin => {}
        // an error of these means that the client has left
        Ending::Reset => drop(client.set_zero_linger()),
        Ending::Garbage => drop(client.write_all(GARBAGE).await),
    }
    plan.borrow_mut().open -= 1;
}

async fn forward(client: &mut TcpStream, to: SocketAddr, turn: &RefCell<Turn>) -> Ending {
    let Ok(mut server) = TcpStream::connect(to).await else { return Ending::Reset };
    // an error of these means that somebody has left, which the first read finds
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let ending = {
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let requests = pump(Side::Request, from_client, to_server, turn);
        match race(requests, pump(Side::Answer, from_server, to_client, turn)).await {
            First::Left(ending) | First::Right(ending) => ending,
        }
    };
    if matches!(ending, Ending::Reset) {
        drop(server.set_zero_linger());
    }
    ending
}

async fn pump<R, W>(side: Side, mut from: R, mut to: W, turn: &RefCell<Turn>) -> Ending
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let mut buffer = vec![0; PIECE];
    loop {
        let piece = match from.read(&mut buffer).await {
            Ok(0) => return Ending::Fin,
            Ok(read) => &buffer[..read],
            Err(_) => return Ending::Reset,
        };
        let fault = turn.borrow_mut().on_bytes(side);
        match pass(side, piece, &mut to, turn, fault).await {
            Ok(None) => {}
            Ok(Some(ending)) => return ending,
            Err(_) => return Ending::Reset,
        }
    }
}

/// Write a piece as its fault allows; an ending where the fault is one.
async fn pass<W: AsyncWrite + Unpin>(
    side: Side,
    piece: &[u8],
    to: &mut W,
    turn: &RefCell<Turn>,
    fault: Option<Fault>,
) -> std::io::Result<Option<Ending>> {
    let before = turn.borrow().passed[side as usize];
    turn.borrow_mut().passed[side as usize] += piece.len();
    let Some(fault) = fault else { return to.write_all(piece).await.map(|()| None) };
    if fault.kind == Kind::Garbage {
        turn.borrow().fire();
        return Ok(Some(Ending::Garbage));
    }
    let has_fired = before > fault.after || (before == fault.after && before > 0);
    let well = fault.after.saturating_sub(before).min(piece.len());
    to.write_all(&piece[..well]).await?;
    if before + well < fault.after {
        return Ok(None);
    }
    if !has_fired {
        turn.borrow().fire();
    }
    let rest = &piece[well..];
    match fault.kind {
        Kind::Reset => return Ok(Some(Ending::Reset)),
        Kind::End | Kind::Garbage => return Ok(Some(Ending::Fin)),
        Kind::Stall => pending().await,
        Kind::Drip { bytes, every } => {
            for drop in rest.chunks(bytes) {
                sleep(every).await;
                to.write_all(drop).await?;
            }
        }
        Kind::Delay(wait) => {
            if !has_fired {
                sleep(wait).await;
            }
            to.write_all(rest).await?;
        }
    }
    Ok(None)
}
