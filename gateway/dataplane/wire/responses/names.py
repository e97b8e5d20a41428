"""What the parts of the Responses codec share: its name, its ids, and how `extra` goes back into an object.

Sources: OpenAI's API reference and the types of its Python SDK; docs/guides/codex.md for what Codex sends.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Opaque

NAME = "openai.responses"

MESSAGE_ID, FUNCTION_ID, CUSTOM_ID, REASONING_ID = "msg_", "fc_", "ctc_", "rs_"
SHELL_ID, SEARCH_ID, OTHER_ID = "lsh_", "tsc_", "item_"
"""What item ids begin with. OpenAI refuses an item whose id has another beginning than its type's."""

LONGEST_ID = 64

ADDITIONAL = "additional_tools"
"""The type of items that declare tools inside the conversation."""

CLIENT_SEARCH = "tool_search"
LOCAL_SHELL = "shell"
"""What the canon calls the client-executed tools that have no name of their own."""

_OUTPUT_ITEMS = frozenset({
    "compaction",
    "mcp_list_tools",
    "mcp_approval_request",
    "program",
    "program_output",
    "tool_search_output",
})  # fmt: skip


def is_output_item(kind: str) -> bool:
    """Whether an opaque item of this type is one that a model's answer holds (and no block of another dialect)."""
    return kind.endswith(("_call", "_call_output")) or kind in _OUTPUT_ITEMS


_OPTIONAL = frozenset({
    "id",
    "namespace",
    "name",
    "detail",
    "filename",
    "description",
    "encrypted_content",
    "effort",
    "summary",
    "service_tier",
    "prompt_cache_key",
})  # fmt: skip


IN_CONTENT: Final = {"in": "content"}
"""The `extra` of an Opaque that is a part of a message's content; without it an Opaque is an item."""


def is_item(part: Opaque) -> bool:
    """Whether an Opaque stands for an item, rather than for a part of a message."""
    return part.extra != IN_CONTENT


def left(obj: dict[str, Any], known: frozenset[str]) -> dict[str, Any] | None:
    """What the canon does not hold of an object: unknown members, and known ones that are null, or optional and empty (the
    canon does not tell these from absent ones). None when there is nothing."""
    return {
        name: value
        for name, value in obj.items()
        if name not in known or value is None or (value == "" and name in _OPTIONAL)
    } or None


def put(obj: dict[str, Any], extra: dict[str, Any] | None) -> dict[str, Any]:
    """`obj` with what `left` kept. A `type` of '' says that the object came without one."""
    if extra:
        obj.update(extra)
        if extra.get("type") == "":
            del obj["type"]
    return obj


def legal_id(item_id: str, prefix: str) -> str:
    """`item_id` if OpenAI takes it for an item of that prefix, else ''."""
    return item_id if item_id.startswith(prefix) and len(item_id) <= LONGEST_ID else ""
