"""`agentcc keys`: what it prints where, what it refuses, and with which exit code."""

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from gateway.base.config import KeyConfig
from gateway.base.core.errors import KeyRejected
from gateway.base.storage import open_keys
from gateway.cli.main import main
from gateway.dataplane.identity import Identity
from tests.cli.test_launch import AGENTCC

SECRET = re.compile(r"sk-agentcc-[A-Za-z0-9_-]{43}")
BOB = "sk-agentcc-bobs-own-secret-of-forty-three-charact"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in a folder with a gateway.yaml; gives exit code, standard output and standard error."""
    (tmp_path / "gateway.yaml").write_text(
        "server: { data_dir: ./data }\n"
        'providers: { openai: { api_key: "${A_KEY_THAT_IS_NOT_SET_HERE}" } }\n'
        f'keys: {{ bob: {{ key: "{BOB}", team: ops, chatgpt_account: bobs-account }} }}\n'
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("A_KEY_THAT_IS_NOT_SET_HERE", raising=False)

    def run(*args: str) -> tuple[int, str, str]:
        code = main(["keys", *args])
        out = capsys.readouterr()
        return code, out.out, out.err

    return run


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def identity(tmp_path: Path) -> Iterator[Callable[[], Identity]]:
    """Makes the identity of a worker that starts now."""
    with ExitStack() as open_stores:
        yield lambda: Identity(
            open_stores.enter_context(closing(open_keys(tmp_path / "data"))), {"bob": KeyConfig(key=BOB)}
        )


def test_create_prints_the_secret_alone_on_standard_output(run: Run, identity: Callable[[], Identity]) -> None:
    """`$(agentcc keys create alice)` is the key, and it works; the words go elsewhere, and do not hold it."""
    code, out, err = run(
        "create", "alice", "--org", "acme", "--team", "platform", "--user", "alice@acme.dev", "--cost-center", "cc-42",
        "--idp-claim", "sub|1", "--tag", "repo=payments", "--tag", "x=a=b", "--model", "openai/*", "--model", "gpt-5.5",
        "--expires", "30d", "--allowed-ip", "10.1.2.3/8", "--route", "ci", "--chatgpt-account", "acc",
    )  # fmt: skip
    assert code == 0
    assert SECRET.fullmatch(out.strip())
    assert "created key `alice`" in err
    assert out.strip() not in err
    grant = identity().identify(out.strip(), None, "10.9.9.9", now_ms())
    principal = grant.principal
    assert (principal.key, principal.org, principal.team, principal.user) == (
        "alice",
        "acme",
        "platform",
        "alice@acme.dev",
    )
    assert (principal.cost_center, principal.idp_claim) == ("cc-42", "sub|1")
    assert principal.tags == {"repo": "payments", "x": "a=b"}
    assert (grant.models, grant.allowed_ips, grant.route) == (("openai/*", "gpt-5.5"), ("10.0.0.0/8",), "ci")
    assert abs(grant.expires_at_ms - now_ms() - 30 * 86_400_000) < 60_000


def test_create_can_be_quiet_or_json(run: Run) -> None:
    code, out, err = run("create", "alice", "-q")
    assert (code, err) == (0, "")
    assert SECRET.fullmatch(out.strip())
    code, out, _ = run("create", "carol", "--json", "--expires", "2099-01-01T00:00:00Z")
    made = json.loads(out)
    assert code == 0
    assert SECRET.fullmatch(made["secret"])
    assert (made["name"], made["expires"], made["state"]) == ("carol", "2099-01-01T00:00:00Z", "live")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["create", "bob"], "key `bob` is already written in gateway.yaml"),
        (["create", "two words"], "`two words` cannot be a key's name"),
        (["create", "key_0123456789"], "cannot be a key's name"),
        (["create", "sk-agentcc-oops"], "cannot be a key's name"),
        (["create", "a", "--tag", "payments"], "write --tag repo=payments"),
        (["create", "a", "--expires", "soon"], "write 30d, or RFC 3339"),
        (["create", "a", "--expires", "2020-01-01T00:00:00Z"], "has passed"),
        (["create", "a", "--allowed-ip", "10.0.0.0/99"], "10.0.0.0/99"),
        (["create", "a", "--chatgpt-account", "bobs-account"], "already belongs to key `bob` in gateway.yaml"),
        (["rotate", "a", "--overlap", "a while"], "`--overlap a while` is no time span"),
        (["revoke", "a"], "no keys are kept in `data`"),
        (["list", "-c", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_what_cannot_be_done_says_why_and_makes_nothing(run: Run, tmp_path: Path, args: list[str], words: str) -> None:
    code, out, err = run(*args)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert words in err
    assert not (tmp_path / "data" / "keys.sqlite3").exists()


def test_a_name_is_taken_until_it_is_revoked(run: Run) -> None:
    run("create", "alice")
    code, _, err = run("create", "alice")
    assert code == 2
    assert "hint: `agentcc keys rotate alice` gives it a new secret" in err
    assert run("revoke", "alice")[0] == 0
    assert run("create", "alice")[0] == 0


def test_list_is_a_table_without_secrets(run: Run) -> None:
    """Keys of the file and of the store side by side; ended ones only with --all."""
    secret = run("create", "alice", "--team", "platform", "-q")[1].strip()
    run("create", "gone", "-q")
    run("revoke", "gone")
    code, out, err = run("list")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert lines[0].split() == ["NAME", "SOURCE", "STATE", "KEY", "TEAM"]
    assert [line.split() for line in lines[1:]] == [
        ["bob", "config", "live", "sk-agentcc-bobs…", "ops"],
        ["alice", "store", "live", secret[:15] + "…", "platform"],
    ]
    assert len({line.index(word) for line, word in zip(lines, ["SOURCE", "config", "store"], strict=True)}) == 1
    assert secret not in out
    assert BOB not in out
    every = json.loads(run("list", "--all", "--json")[1])
    assert [(key["name"], key["state"]) for key in every] == [("bob", "live"), ("alice", "live"), ("gone", "revoked")]
    assert secret not in json.dumps(every)


def test_list_works_before_anything_was_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text("server: { data_dir: ./data }\n")
    assert run("list") == (0, "", "no keys; make one: agentcc keys create NAME\n")
    assert json.loads(run("list", "--json")[1]) == []


def test_rotate_gives_a_new_secret_beside_the_old_one(run: Run, identity: Callable[[], Identity]) -> None:
    old = run("create", "alice", "-q")[1].strip()
    code, out, err = run("rotate", "alice", "--overlap", "2h")
    new = out.strip()
    assert code == 0
    assert "works until" in err
    who = identity()
    assert [who.identify(key, None, "", now_ms()).principal.key for key in (old, new)] == ["alice", "alice"]
    with pytest.raises(KeyRejected, match="was replaced"):
        who.identify(old, None, "", now_ms() + 2 * 3_600_000 + 60_000)
    states = [
        (key["state"], bool(key["expires"])) for key in json.loads(run("list", "--json")[1]) if key["name"] == "alice"
    ]
    assert states == [("overlap", True), ("live", False)]


def test_rotate_without_overlap_ends_the_old_secret_at_once(run: Run, identity: Callable[[], Identity]) -> None:
    old = run("create", "alice", "-q", "--expires", "1h")[1].strip()
    code, out, _ = run("rotate", "alice", "--overlap", "0", "--expires", "never", "--json")
    assert (code, json.loads(out)["expires"]) == (0, "")
    with pytest.raises(KeyRejected, match="was replaced"):
        identity().identify(old, None, "", now_ms() + 60_000)


def test_revoke_ends_every_secret_of_a_name(run: Run, identity: Callable[[], Identity]) -> None:
    old = run("create", "alice", "-q")[1].strip()
    new = run("rotate", "alice", "-q")[1].strip()
    code, out, err = run("revoke", "alice")
    assert (code, out, err.count("revoked key `alice`")) == (0, "", 2)
    for key in (old, new):
        with pytest.raises(KeyRejected, match="was revoked"):
            identity().identify(key, None, "", now_ms())


def test_who_is_not_there_is_answered_with_no(run: Run) -> None:
    """Exit code 1; a key of the file is told where to be removed."""
    run("create", "alice")
    for command in ("revoke", "rotate"):
        code, _, err = run(command, "nobody")
        assert (code, "there is no live key `nobody`" in err) == (1, True)
    code, _, err = run("revoke", "bob")
    assert (code, "is written in gateway.yaml" in err) == (2, True)


def test_a_data_directory_needs_no_configuration(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").unlink()
    assert run("create", "alice", "--data-dir", "data")[0] == 0
    assert run("list", "--data-dir", "data")[1].count("alice") == 1
    code, _, err = run("create", "alice")
    assert (code, "gateway.yaml" in err) == (2, True)


def test_a_data_directory_from_an_unset_variable_is_an_error(run: Run, tmp_path: Path) -> None:
    """Other variables may be missing where keys are managed; this one may not."""
    (tmp_path / "gateway.yaml").write_text('server: { data_dir: "${NOT_SET_EITHER}/data" }\n')
    code, _, err = run("create", "alice")
    assert code == 2
    assert "NOT_SET_EITHER" in err
    assert [path.name for path in tmp_path.iterdir()] == ["gateway.yaml"]


def test_a_running_worker_follows_the_command(run: Run, tmp_path: Path, identity: Callable[[], Identity]) -> None:
    """Another process, the real command, and a worker that was there before: its next request knows."""
    run("create", "first")
    who = identity()

    def command(*args: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", AGENTCC, "keys", *args], check=True, capture_output=True, text=True, cwd=tmp_path,
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip
        return done.stdout.strip()

    secret = command("create", "alice", "-q")
    assert who.identify(secret, None, "", now_ms()).principal.key == "alice"
    command("revoke", "alice")
    with pytest.raises(KeyRejected, match="was revoked"):
        who.identify(secret, None, "", now_ms())
