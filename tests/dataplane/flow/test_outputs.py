"""What a key's turns usually write."""

from gateway.dataplane.flow.outputs import Outputs


def test_an_average_by_key_and_model() -> None:
    """It begins with the first turn and follows slowly."""
    outputs = Outputs()
    assert outputs.usual("alice", "m") == 0
    outputs.learn("alice", "m", 800)
    outputs.learn("alice", "m", 2400)
    assert (outputs.usual("alice", "m"), outputs.usual("bob", "m"), outputs.usual("alice", "n")) == (900, 0, 0)


def test_names_of_clients_take_bounded_memory() -> None:
    """All is forgotten, and learned again."""
    outputs = Outputs()
    for n in range(5000):
        outputs.learn("alice", f"m{n}", 7)
    assert outputs.usual("alice", "m0") == 0
    assert outputs.usual("alice", "m4999") == 7
