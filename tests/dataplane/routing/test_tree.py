"""The tree of a checked expression: each kind of node, and the conditions that an `&&` joins."""

from typing import Any

import pytest
from cel_expr_python import cel

from gateway.dataplane.routing.tree import Call, Const, Items, Loop, Name, Node, Select, conditions, tree_of, walk

_ENV = cel.NewEnv(
    variables={"n": cel.Type.INT, "b": cel.Type.BOOL, "t": cel.Type.Map(cel.Type.STRING, cel.Type.STRING)}
)
_N, _B, _T = Name("n"), Name("b"), Name("t")


def _packed(text: str) -> bytes:
    packed: bytes = _ENV.compile(text).serialize()
    return packed


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("b", _B),
        ("n > -5", Call("_>_", (_N, Const(-5)))),
        ("n == 0", Call("_==_", (_N, Const(0)))),
        ("n < 9223372036854775807", Call("_<_", (_N, Const(2**63 - 1)))),
        ("1u == 18446744073709551615u", Call("_==_", (Const(1, True), Const(2**64 - 1, True)))),
        ("0.1 < -2.5e300", Call("_<_", (Const(0.1), Const(-2.5e300)))),
        ("'é' == ''", Call("_==_", (Const("é"), Const("")))),
        ("b'x' == b''", Call("_==_", (Const(b"x"), Const(b"")))),
        ("true != false", Call("_!=_", (Const(True), Const(False)))),
        ("null == null", Call("_==_", (Const(None), Const(None)))),
        ("has(t.x)", Select(_T, "x", is_test=True)),
        ("t.x == t['y']", Call("_==_", (Select(_T, "x", is_test=False), Call("_[_]", (_T, Const("y")))))),
        ("t == {'k': 'v'}", Call("_==_", (_T, Items((Const("k"), Const("v")))))),
        ("n in [1, 2]", Call("@in", (_N, Items((Const(1), Const(2)))))),
        ("t.x.startsWith('a')", Call("startsWith", (Select(_T, "x", is_test=False), Const("a")))),
    ],
)
def test_each_kind_of_node(text: str, tree: Node) -> None:
    """As CEL names its operators."""
    assert tree_of(_packed(text)) == tree


def test_a_macro_is_a_loop() -> None:
    """Over what it goes, and all that is looked at for each."""
    tree = tree_of(_packed("[1, 2].all(x, x > n)"))
    assert isinstance(tree, Loop)
    assert tree.each == Items((Const(1), Const(2)))
    assert Call("_>_", (Name("x"), _N)) in list(walk(tree))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("b", ["b"]),
        ("b && n > 1", ["b", "n > 1"]),
        ("(b && n > 1) && (n > 2 && (b || n > 3 && b))", ["b", "n > 1", "n > 2", "b || n > 3 && b"]),
        ("[1].all(x, x > n && b) && b", ["[1].all(x, x > n && b)", "b"]),
    ],
)
@pytest.mark.parametrize(
    "given", [{"n": 0, "b": True, "t": {}}, {"n": 9, "b": True, "t": {}}, {"n": 2, "b": False, "t": {}}]
)
def test_conditions_are_expressions_of_their_own(text: str, parts: list[str], given: dict[str, Any]) -> None:
    """Each gives what it would give alone."""
    found = list(conditions(_packed(text)))
    assert [tree_of(one) for one in found] == [tree_of(_packed(part)) for part in parts]
    alone = [_ENV.compile(part).eval(data=given).value() for part in parts]
    assert [_ENV.deserialize(one).eval(data=given).value() for one in found] == alone
