"""The id of a node."""

import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gateway.base.storage import StorageError, node_id


def test_a_data_directory_is_one_node_for_ever(tmp_path: Path) -> None:
    """Made once, by whoever comes first, readable by its owner only."""
    folder = tmp_path / "data"
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(node_id, [folder] * 16))
    assert ids == {node_id(str(folder))}
    assert re.fullmatch("[0-9a-f]{12}", ids.pop())
    assert stat.S_IMODE((folder / "node.id").stat().st_mode) == 0o600
    assert node_id(folder) != node_id(tmp_path / "other")


@pytest.mark.parametrize("content", [b"", b"n1\n", b"0123456789ab extra", b"\xff" * 12])
def test_a_spoilt_id_is_an_error(tmp_path: Path, content: bytes) -> None:
    """Another id would be another node, which counts everything once more."""
    (tmp_path / "node.id").write_bytes(content)
    with pytest.raises(StorageError, match="node id") as caught:
        node_id(tmp_path)
    assert "counts twice" in caught.value.hint
