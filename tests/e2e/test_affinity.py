"""A request that holds sealed reasoning goes to the deployment that made it; elsewhere it goes without, and a header says so (COMPLAINTS 9)."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fakes.upstream import Answer, FakeUpstream, Received, json_answer
from tests.harness import KEY, Gateway, config_for

BROKEN = json_answer(b'{"error":{"message":"boom","type":"server_error"}}', 503)
REFUSED = json_answer(
    b'{"error":{"message":"The encrypted content could not be verified","code":"invalid_encrypted_content"}}', 400
)
Item = dict[str, Any]


class Account:
    """A fake account of a vendor: it reads what it has sealed itself, and refuses what another has."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.fake = FakeUpstream()
        self.fake.choose = self.answer
        self.is_broken = False
        self.turns = 0

    def answer(self, request: Received) -> Answer:
        if self.is_broken:
            return BROKEN
        if any(not cipher.startswith(self.name) for cipher in ciphers(request.body)):
            return REFUSED
        self.turns += 1
        return self.said(request, f"{self.name}-{self.turns}")

    def said(self, request: Received, cipher: str) -> Answer:
        if request.path.endswith("/messages"):
            content = [
                {"type": "thinking", "thinking": f"I, {self.name}", "signature": cipher},
                {"type": "text", "text": "hello"},
            ]
            body: Item = {"type": "message", "role": "assistant", "content": content, "stop_reason": "end_turn"}
            return json_answer(
                json.dumps({"id": "m", "model": "m", "usage": {"input_tokens": 5, "output_tokens": 5}, **body}).encode()
            )
        thought = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": cipher}
        text = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "hello", "annotations": []}]}  # fmt: skip
        usage = {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10}
        body = {"id": "resp_1", "object": "response", "status": "completed", "model": "m", "output": [thought, text]}
        return json_answer(json.dumps({**body, "usage": usage}).encode())

    def last_ciphers(self) -> list[str]:
        """Those in the last request that it got."""
        return ciphers(self.fake.received[-1].body)


def ciphers(body: bytes) -> list[str]:
    sent = json.loads(body)
    found = [item["encrypted_content"] for item in sent.get("input", ()) if item.get("encrypted_content")]
    for message in sent.get("messages", ()):
        if isinstance(message["content"], list):
            found += [block["signature"] for block in message["content"] if block.get("signature")]
    return found


class Session:
    """An agent of one dialect that gives back all that it was answered."""

    def __init__(self, gateway: Gateway, name: str, model: str = "eu/gpt-5", *, dialect: str = "responses") -> None:
        self.gateway, self.name, self.model, self.dialect = gateway, name, model, dialect
        self.history: list[Item] = []
        self.say("hi")

    def say(self, words: str) -> None:
        self.history.append({"role": "user", "content": words})

    def turn(self) -> httpx.Response:
        """One turn that went well."""
        common = {"model": self.model}
        if self.dialect == "responses":
            sent = {**common, "input": self.history, "store": False, "include": ["reasoning.encrypted_content"]}
        else:
            sent = {
                **common,
                "messages": self.history,
                "max_tokens": 4000,
                "thinking": {"type": "enabled", "budget_tokens": 2000},
            }
        headers = {"authorization": f"Bearer {KEY}", "x-session-id": self.name}
        got = httpx.post(f"{self.gateway.url}/v1/{self.dialect}", json=sent, headers=headers, timeout=30)
        assert got.status_code == 200, got.text
        if self.dialect == "responses":
            self.history += got.json()["output"]
        else:
            self.history.append({"role": "assistant", "content": got.json()["content"]})
        self.say("go on")
        return got


@pytest.fixture(scope="module")
def accounts() -> Iterator[tuple[Account, Account]]:
    made = Account("eu"), Account("us")
    yield made
    for one in made:
        one.fake.close()


@pytest.fixture
def eu(accounts: tuple[Account, Account]) -> Account:
    accounts[0].is_broken, accounts[0].fake.received[:] = False, []
    return accounts[0]


@pytest.fixture
def us(accounts: tuple[Account, Account]) -> Account:
    accounts[1].is_broken, accounts[1].fake.received[:] = False, []
    return accounts[1]


def config(eu: Account, us: Account, **block: Any) -> dict[str, Any]:
    made = config_for(eu.fake.url, workers=2)
    dialects = ["openai.responses", "anthropic.messages"]
    for one in (eu, us):
        made["providers"][one.name] = {
            "api_key": "none", "base_url": f"{one.fake.url}/v1", "dialect": dialects, "models": ["gpt-5", "glm-5"],
        }  # fmt: skip
    made["models"]["unpriced"] = {"allow": ["eu/*", "us/*"]}
    made["routing"] = {"default": block}
    return made


WEIGHTED = {"strategy": "weighted", "candidates": ["eu/gpt-5", "us/gpt-5"]}


def sessions_until(is_enough: Callable[[], bool]) -> Iterator[int]:
    """Numbers of new sessions: dice decide where each goes, so one can only try."""
    for n in range(60):
        yield n
        if is_enough():
            return
    pytest.fail("the dice have fallen on one side sixty times")


def drops(got: httpx.Response) -> str:
    return got.headers.get("x-agentcc-translation-drops", "")


def test_it_goes_to_the_account_that_made_it(eu: Account, us: Account, tmp_path: Path) -> None:
    """Whatever the weights' dice and the worker."""
    with Gateway(tmp_path, config(eu, us, **WEIGHTED)) as gateway:
        homes: set[str] = set()
        for n in sessions_until(lambda: len(homes) == 2):
            session = Session(gateway, f"s{n}")
            first = session.turn().headers["x-agentcc-model-used"]
            homes.add(first)
            for _ in range(3):
                got = session.turn()
                assert (got.headers["x-agentcc-model-used"], drops(got)) == (first, "")


def test_it_stays_with_the_vendor_where_a_provider_hosts_several(eu: Account, us: Account, tmp_path: Path) -> None:
    """The same provider's other models cannot read it either."""
    with Gateway(
        tmp_path, config(eu, us, strategy="weighted", candidates=["eu/gpt-5", "eu/glm-5", "us/glm-5"])
    ) as gateway:
        for n in range(6):
            session = Session(gateway, f"host{n}", dialect="messages")
            first = session.turn().headers["x-agentcc-model-used"]
            for _ in range(3):
                got = session.turn()
                assert (got.headers["x-agentcc-model-used"], drops(got)) == (first, "")


def test_another_account_gets_none_of_it(eu: Account, us: Account, tmp_path: Path) -> None:
    """And says so. Afterwards the session is there, and each account gets only what it made itself."""
    with Gateway(tmp_path, config(eu, us, chain=["us/gpt-5"])) as gateway:
        session = Session(gateway, "moves")
        session.turn()
        session.turn()
        eu.is_broken = True
        got = session.turn()
        assert got.headers["x-agentcc-model-used"] == "us/gpt-5"
        assert drops(got) == "input.reasoning;why=other_account"
        assert us.last_ciphers() == []
        eu.is_broken = False
        got = session.turn()
        assert got.headers["x-agentcc-model-used"] == "us/gpt-5"
        assert json.loads(got.headers["x-agentcc-hops"])[0]["reason"] == "affinity"
        assert (drops(got), len(us.last_ciphers())) == ("input.reasoning;why=other_account", 1)
        us.is_broken = True
        got = session.turn()
        assert got.headers["x-agentcc-model-used"] == "eu/gpt-5"
        assert eu.last_ciphers() == []
        us.is_broken = False
        assert len({session.turn().headers["x-agentcc-model-used"] for _ in range(3)}) == 1


def test_accounts_of_one_provider_are_told_apart(eu: Account, us: Account, tmp_path: Path) -> None:
    """Two deployments of one model, without any routing block."""
    made = config(eu, us)
    del made["routing"]
    accounts = [{"name": one.name, "api_key": "sk-x", "base_url": f"{one.fake.url}/v1"} for one in (eu, us)]
    made["providers"] = {"openai": {"deployments": accounts}}
    made["models"] = {}
    with Gateway(tmp_path, made) as gateway:
        moved: list[str] = []
        for n in sessions_until(lambda: bool(moved)):
            session = Session(gateway, f"account{n}", "openai/gpt-5.5")
            home = session.turn().headers["x-agentcc-deployment"]
            got = session.turn()
            assert (got.headers["x-agentcc-deployment"], drops(got)) == (home, "")
            if home == "eu":
                moved.append(session.name)
                eu.is_broken = True
                got = session.turn()
                assert (got.headers["x-agentcc-deployment"], drops(got)) == ("us", "input.reasoning;why=other_account")
                eu.is_broken = False
                got = session.turn()
                assert (got.headers["x-agentcc-deployment"], len(us.last_ciphers())) == ("us", 1)


def test_a_client_that_asks_for_another_model_gets_it(eu: Account, us: Account, tmp_path: Path) -> None:
    """Affinity is no prison: without what was sealed elsewhere."""
    with Gateway(tmp_path, config(eu, us, chain=["eu/gpt-5"])) as gateway:
        session = Session(gateway, "switches")
        session.turn()
        session.model = "us/gpt-5"
        got = session.turn()
        assert got.headers["x-agentcc-model-used"] == "us/gpt-5"
        assert (drops(got), us.last_ciphers()) == ("input.reasoning;why=other_account", [])


def test_a_maker_that_is_gone_leaves_nothing_behind(eu: Account, us: Account, tmp_path: Path) -> None:
    """It is no longer configured: what it sealed is for nobody."""
    made = config(eu, us, **WEIGHTED)
    with Gateway(tmp_path, made) as gateway:
        at_eu: list[Session] = []
        for n in sessions_until(lambda: bool(at_eu)):
            session = Session(gateway, f"gone{n}")
            if session.turn().headers["x-agentcc-model-used"] == "eu/gpt-5":
                at_eu.append(session)
        gateway.stop()
        del made["providers"]["eu"]
        made["routing"]["default"]["candidates"] = ["us/gpt-5"]
        gateway.write_config(made)
        gateway.start()
        for session in at_eu:
            assert drops(session.turn()) == "input.reasoning;why=other_account"
            assert us.last_ciphers() == []


def test_a_session_that_moved_is_elsewhere_only_with_that_model(eu: Account, us: Account, tmp_path: Path) -> None:
    """A user who asks for another model gets it, in a sticky block too."""
    with Gateway(tmp_path, config(eu, us, chain=["us/gpt-5", "eu/glm-5"], sticky_session=True)) as gateway:
        session = Session(gateway, "sticky")
        eu.is_broken = True
        session.turn()
        eu.is_broken = False
        assert session.turn().headers["x-agentcc-model-used"] == "us/gpt-5"
        session.model = "eu/glm-5"
        assert session.turn().headers["x-agentcc-model-used"] == "eu/glm-5"


def test_what_we_sealed_names_its_maker(eu: Account, us: Account, tmp_path: Path) -> None:
    """Also on a node that has never seen the session: the thought itself says whose it is."""
    made = config(eu, us, **WEIGHTED)
    for one in (eu, us):
        made["providers"][one.name]["dialect"] = "openai.responses"
    with Gateway(tmp_path, made) as gateway:
        sessions = [Session(gateway, f"sealed{n}", dialect="messages") for n in range(6)]
        homes = [one.turn().headers["x-agentcc-model-used"] for one in sessions]
        gateway.stop()
        (board,) = gateway.data_dir.glob("board-*")
        board.unlink()
        gateway.start()
        for session, home in zip(sessions, homes, strict=True):
            got = session.turn()
            assert (got.headers["x-agentcc-model-used"], drops(got)) == (home, "")
        assert {tuple(one.last_ciphers()) for one in (eu, us) if one.fake.received} != {()}


def test_another_vendors_signature_is_not_shown_to_a_vendor_of_the_same_dialect(
    eu: Account, us: Account, tmp_path: Path
) -> None:
    """Several vendors speak Messages: bytes pass from client to provider, but not one vendor's thoughts to another."""
    made = config(eu, us, chain=["us/gpt-5"])
    with Gateway(tmp_path, made) as gateway:
        session = Session(gateway, "messages", "eu/glm-5", dialect="messages")
        session.turn()
        assert drops(session.turn()) == ""
        assert len(eu.last_ciphers()) == 1
        eu.is_broken = True
        got = session.turn()
        assert got.headers["x-agentcc-model-used"] == "us/gpt-5"
        assert "messages.thinking;why=other_vendor" in drops(got)
        assert us.last_ciphers() == []


def test_the_same_vendor_elsewhere_reads_it(eu: Account, us: Account, tmp_path: Path) -> None:
    """A signature of Messages is its vendor's, on whatever platform the model runs."""
    with Gateway(tmp_path, config(eu, us, chain=["us/glm-5"])) as gateway:
        session = Session(gateway, "platforms", "eu/glm-5", dialect="messages")
        session.turn()
        eu.is_broken = True
        us.name, before = "eu", us.name
        got = session.turn()
        us.name = before
        assert (got.headers["x-agentcc-model-used"], drops(got)) == ("us/glm-5", "")
        assert len(us.last_ciphers()) == 1
