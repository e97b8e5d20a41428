"""The road, on one screen: identify → parse → guard → plan → admit → hold → dispatch → relay → settle.

Rooms never call each other: this module calls them in order. A refusal on the way is one GatewayError, answered and recorded in one place.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from time import perf_counter, time
from typing import Any, TypeVar

from gateway import _native
from gateway.base.core.errors import (
    Bug,
    GatewayError,
    ModelForbidden,
    Overloaded,
    RateLimited,
)
from gateway.base.core.ids import RequestIds
from gateway.base.core.plan import Deployment
from gateway.base.core.record import Outcome
from gateway.base.storage.board import Board
from gateway.base.storage.leases import LeaseStore
from gateway.base.storage.rates import RateStore
from gateway.dataplane.budget import Charge, Rates, Wallet
from gateway.dataplane.flow import refuse
from gateway.dataplane.flow.admit import admit, enter, hold, pace
from gateway.dataplane.flow.assemble import Policy
from gateway.dataplane.flow.attempts import Attempts, give_up
from gateway.dataplane.flow.dispatch import pass_through, send_translated
from gateway.dataplane.flow.exchange import ClientLeft, Exchange, Incoming, Reply, new_exchange
from gateway.dataplane.flow.failure import log_bug
from gateway.dataplane.flow.fetch import Fetched, Fetcher
from gateway.dataplane.flow.headers import stamp
from gateway.dataplane.flow.inspect import Inspector
from gateway.dataplane.flow.models import catalogue
from gateway.dataplane.flow.open_exchanges import OpenExchanges
from gateway.dataplane.flow.outgoing import (
    passed_body,
    refuse_repeats,
)
from gateway.dataplane.flow.planning import Planning
from gateway.dataplane.flow.quota import take_quota
from gateway.dataplane.flow.recorder import Journal, Recorder
from gateway.dataplane.flow.relay import Relay
from gateway.dataplane.flow.route import Route, dialect_of_path, find_route
from gateway.dataplane.flow.session import Sessions
from gateway.dataplane.flow.settle import hold_nusd, write_done
from gateway.dataplane.flow.shedding import Shedding
from gateway.dataplane.flow.translate import counted, moved, read_turn, translate
from gateway.dataplane.flow.waiting import ON_LOOP_BYTES, off_loop, waited
from gateway.dataplane.identity import allows, credential
from gateway.dataplane.upstream import Clients, UpstreamClient
from gateway.dataplane.wire import TRACE, Peek, wanted
from gateway.dataplane.wire.decode import decoded

_T = TypeVar("_T")
_TRACED = _native.Needles([TRACE])
_NAME_CHARS = 256
"""No model's name is as long; a rule or a list of candidates may serve any name, and headers and records then tell it."""
_DAY_S = 86_400
_DISCARD_BYTES = 256 << 20
_DISCARD_S = 2.0
"""How much of a refused body is read and forgotten, and for how long, so that the client gets to read our words."""


class Pipeline(OpenExchanges):
    """One worker's road. `policy` is swapped whole by a reload; an exchange keeps the one it began with."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        policy: Policy,
        journal: Journal,
        run_id: str,
        leases: LeaseStore,
        rates: RateStore,
        board: Board,
        *,
        node: str = "",
        admin_url: str = "",
        admin_secret: str = "",
    ) -> None:
        super().__init__(loop)
        self.admin_url = admin_url
        self.admin_secret = admin_secret
        self.policy = policy
        self.recorder = recorder = Recorder(journal)
        self.wallet = recorder.wallet = Wallet(leases, node, run_id, lambda: recorder.written)
        self.rates = Rates(rates, run_id)
        self.sessions = Sessions(board, policy.identity.derived_key("sessions"))
        self.inspector = Inspector(board, policy.identity.derived_key("inspector"))
        self.planning = recorder.planning = Planning(board, policy.identity.derived_key("routing"))
        self.use(policy)
        self.now = perf_counter()
        self.shedding = Shedding(policy.limits, self.open_exchanges)
        self.new_id = RequestIds(run_id).new
        self._clients: Clients[str] = Clients(lambda ca_file: UpstreamClient(loop, self.policy.timeouts, ca_file))
        self._fetcher = Fetcher(loop)
        self.attempts = Attempts(self)

    def use(self, policy: Policy) -> None:
        """Swap in a reloaded policy."""
        self.policy = policy
        self.wallet.use(policy.accounts, int(time() * 1000))
        self.rates.use(policy.rates)

    def handle(self, incoming: Incoming, reply: Reply) -> Coroutine[Any, Any, Exchange]:
        """Take one request of a client as far as its dispatch or its refusal; from the dispatch on its relay ends it.

        Waits only for the body: a request whose body is here (`Incoming.is_here`) and small is served without a pause.
        """
        ex = new_exchange(self.new_id(), incoming, reply, self.policy)
        self.open_exchanges[ex.request_id] = ex
        return self.run(ex, self._walk)

    async def run(self, ex: Exchange, step: Callable[[Exchange], Awaitable[None]]) -> Exchange:
        """A stretch of the road. However it fails, the client gets one answer and the exchange one record."""
        try:
            try:
                await step(ex)
            except asyncio.CancelledError:
                if ex.interrupted_by is None:
                    raise
                raise ex.interrupted_by from None
        except ClientLeft:
            self.abandon(ex)
        except GatewayError as error:
            await self._refuse(ex, error)
        except asyncio.CancelledError:
            self.abandon(ex)
            raise
        except Exception as exc:  # noqa: BLE001 - whatever it is, the client gets an answer and the worker lives
            log_bug(ex.request_id, exc)
            await self._refuse(ex, Bug("the gateway failed on this request; its log has the cause"))
        finally:
            if ex.relay is None:
                self.end(ex)
        return ex

    async def _walk(self, ex: Exchange) -> None:
        policy, incoming = ex.policy, ex.incoming
        ex.dialect = dialect_of_path(incoming.path)
        if self.is_draining and incoming.arrived > self.draining_since:
            raise Overloaded("the gateway is shutting down; try again")
        if incoming.is_repeating:
            refuse_repeats(incoming)
        route = find_route(incoming.method, incoming.path)
        ex.dialect = route.dialect

        # identify
        grant = policy.identity.identify(
            credential(incoming.header, incoming.query),
            incoming.header("chatgpt-account-id") or None,
            incoming.client_ip,
            int(ex.started_at * 1000),
        )
        ex.grant = grant
        ex.principal = grant.principal_json
        if route.kind != "exchange":
            self._answer(ex, catalogue(ex, route))
            return
        if len(self.open_exchanges) > self.shedding.calm:
            self.shedding.check(ex)

        # parse
        if not incoming.is_here:
            ex.body_deadline = ex.started + policy.limits.body_timeout_ms / 1000
            ex.waits_for = asyncio.current_task()
        body = await incoming.body(policy.limits.body_bytes)
        ex.body_deadline = 0.0
        began = perf_counter()
        encoding = incoming.header("content-encoding")
        if len(body) < ON_LOOP_BYTES:  # not by `off_loop`: each coroutine costs the small ones
            peeked = _read(body, encoding, route, policy)
        else:  # tens of milliseconds without the GIL: other exchanges go on meanwhile
            peeked = await off_loop(ex, len(body), _read, body, encoding, route, policy)
        ex.request_bytes = len(peeked.body)
        ex.model_requested = (route.model or peeked.model)[:_NAME_CHARS]
        ex.is_stream = route.is_stream or peeked.is_stream

        # guard
        self.sessions.recognise(ex, route, peeked)
        if (guard := policy.guard) is not None:
            leaves = self.inspector.inspect(ex, route, peeked, guard)
            if leaves is None:
                beside = self.inspector.inspect_beside
                leaves = await waited(ex, self.loop.run_in_executor(None, beside, ex, route, peeked, guard))
            peeked = leaves

        # plan
        if policy.is_planned:
            resolve = partial(self._deployment, ex, route)
            ex.course = self.planning.course(ex, route, peeked, self.wallet, resolve)
        if ex.course is not None:
            await self.attempts.begin(ex, ex.course, began)
        else:
            await self.ask(ex, route, peeked, self._deployment(ex, route, ex.model_requested), began)

    async def ask(self, ex: Exchange, route: Route, peeked: Peek, deployment: Deployment, began: float) -> None:
        """Admit, hold, dispatch: ask one deployment. From the dispatch on its relay owns the exchange."""
        policy, grant = ex.policy, ex.grant
        assert grant is not None

        # admit, pace, hold: nearly always in one step
        ex.deployment = deployment
        if route.is_billable:
            charge: Charge | None = None
            if self.wallet.is_on:
                charge = self.wallet.charge_for(grant, deployment.name, int(ex.started_at * 1000))
            if charge is None and not self.rates.is_on:
                ex.hold_nusd = hold_nusd(ex, peeked.max_output_tokens)
            elif charge is None or not enter(ex, self.rates, charge, route, peeked):
                deployment = await self._enter(ex, route, peeked, deployment, charge)
            account = deployment.provider.account
            if account is not None and account.quota:
                asking = take_quota(ex, self.rates, deployment, account, peeked)
                if asking is not None:
                    await waited(ex, asking)
        size = len(peeked.body)
        if deployment.dialect == route.dialect.name:
            outgoing, drop_usage_chunk = passed_body(route, peeked, deployment, ex.output_limit)
            if _TRACED.any_in(outgoing) or (ex.thoughts is not None and ex.thoughts.foreign_to(deployment)):
                outgoing, ex.drops = await off_loop(ex, size, moved, ex, route, outgoing, deployment, policy)
            pass_through(self, ex, route, deployment, outgoing, began, drop_usage_chunk=drop_usage_chunk)
            return
        if not route.is_billable and (count := await off_loop(ex, size, counted, route, peeked)) is not None:
            self._answer(ex, count)
            return
        turn = await off_loop(ex, size, read_turn, ex, route, peeked, deployment)
        if ex.output_limit:
            turn.max_output_tokens = ex.output_limit
        fetched: Fetched = {}
        if urls := wanted(turn, deployment.dialect):
            fetched = await self._fetched(ex, urls)
            size += sum(len(data) for _, data in fetched.values())
        translation = await off_loop(ex, size, translate, ex, route, turn, fetched, deployment, policy)
        send_translated(self, ex, route, deployment, translation, began)

    async def _enter(
        self, ex: Exchange, route: Route, peeked: Peek, deployment: Deployment, charge: Charge | None
    ) -> Deployment:
        """Admit, pace and hold step by step, each of which may wait, choose another model or refuse. Gives the deployment that is asked."""
        if charge is not None:
            if not charge.is_known:  # this worker has just met one of its buckets
                await waited(ex, self.wallet.ask_about(charge))
            deployment, charge = admit(ex, self.wallet, deployment, charge, partial(self._deployment, ex, route))
            if deployment.accounts:  # a budget's choice
                deployment = self.planning.one_of(ex, route, peeked, self.wallet, deployment)
            ex.deployment = deployment
        if self.rates.is_on and (queueing := pace(ex, self.rates, peeked)) is not None:
            if ex.shadow_of:
                queueing.close()
                raise RateLimited("a shadow takes no place in a queue")
            await (self.watched(ex, queueing) if ex.policy.queue_ms else waited(ex, queueing))
        if charge is None:
            ex.hold_nusd = hold_nusd(ex, peeked.max_output_tokens)
        elif (waiting := hold(ex, self.wallet, charge, route, peeked)) is not None:
            await waited(ex, waiting)
        return deployment

    def _deployment(self, ex: Exchange, route: Route, model: str) -> Deployment:
        """What serves `model` for this client and key. Raises GatewayError."""
        grant = ex.grant
        assert grant is not None
        found = ex.policy.resolver.resolve(model, route.dialect.name, int(ex.started_at) // _DAY_S)
        if grant.models and not allows(grant, found.provider.name, found.model):
            raise ModelForbidden(
                f"key `{grant.principal.key}` may not use model `{found.name}`; it may use {', '.join(grant.models)}",
                model=found.name,
            )
        return found

    async def _fetched(self, ex: Exchange, urls: list[str]) -> Fetched:
        """What the request names by URL."""
        limits = ex.policy.limits
        return await self.watched(ex, self._fetcher.fetch(urls, limits.fetch_bytes, is_private=limits.fetch_private))

    async def watched(self, ex: Exchange, awaitable: Awaitable[_T]) -> _T:
        """`waited`, for what may take long: from here on the client is watched."""
        if not ex.is_watched:
            ex.is_watched = True
            ex.reply.watch(partial(self.on_left, ex))
        return await waited(ex, awaitable)

    def on_left(self, ex: Exchange) -> None:
        """The client of an exchange has gone."""
        if isinstance(ex.relay, Relay):
            ex.relay.on_left()
        else:
            ex.has_left = True
            ex.interrupt(ClientLeft())

    def _answer(self, ex: Exchange, body: bytes) -> None:
        """Answer with JSON of our own making."""
        ex.response_bytes = len(body)
        write_done(ex, self.recorder, status=200, outcome="ok")
        ex.reply.whole(200, stamp([("content-type", "application/json")], ex, 0), body)

    async def _refuse(self, ex: Exchange, error: GatewayError) -> None:
        """Record and answer a refusal or a fault of ours before anything was sent upstream."""
        outcome: Outcome = "refused" if error.status < 500 or ex.shed else "error"
        relay, course = ex.relay, ex.course
        if isinstance(relay, Relay):
            relay.on_bug(error)
            return
        if course is not None and course.give_up is not None:
            give_up(ex, course)
            return
        ex.waits_for = None  # a second cancellation would take the answer with it
        if not ex.incoming.is_here:
            self.shedding.refused += 1
            try:
                async with asyncio.timeout(_DISCARD_S):
                    await ex.incoming.discard(_DISCARD_BYTES)
            except (GatewayError, RuntimeError, TimeoutError):
                pass  # a body that breaks off or never comes changes nothing: it is refused anyway
            finally:
                self.shedding.refused -= 1
        ex.deployment = None
        status = refuse.status_of(ex, error)
        write_done(ex, self.recorder, status=status, outcome=outcome, error_code=error.code)
        refuse.answer(ex, error)

    def abandon(self, ex: Exchange) -> None:
        """The server dropped the request: the client has gone."""
        relay = ex.relay
        if isinstance(relay, Relay):
            relay.on_left()
        else:
            if ex.course is None or not ex.course.at:
                ex.deployment = None  # planned, but nobody was asked
            write_done(ex, self.recorder, status=499, outcome="disconnected", error_code="client_disconnected")

    def client(self, ca_file: str = "") -> UpstreamClient:
        """The HTTP client for providers that trust `ca_file` (empty: the system's authorities)."""
        return self._clients[ca_file]

    def close(self) -> None:
        """Stop the upstream clients; only after every exchange has ended."""
        self._clients.close()
        self._fetcher.close()


def _read(body: bytes, encoding: str, route: Route, policy: Policy) -> Peek:
    """Undo the content encoding and peek. Raises GatewayError."""
    return route.dialect.peek(decoded(body, encoding, policy.limits.body_bytes), policy.limits.json_depth)
