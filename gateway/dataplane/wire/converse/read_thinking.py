"""What a Converse request says about thinking and top_k: members that each vendor's models have their own words for.

Claude: `thinking` (older: `reasoning_config`), `output_config.effort`, `top_k`. Nova: `reasoningConfig`, `inferenceConfig.topK`.
gpt-oss: `reasoning_effort`. Every model: `outputConfig.effort`. All stay in `extra` as they are; this is for other dialects.
"""

from typing import Any, Final, cast, get_args

from gateway.dataplane.wire.canon import Effort, Thinking
from gateway.dataplane.wire.lenient import child

_EFFORTS: Final = frozenset(get_args(Effort)) - {""}


def read_thinking(said: dict[str, Any]) -> Thinking | None:
    """None when nothing is said. Never raises: the vendor's model is the judge of these members."""
    fields = child(said, "additionalModelRequestFields")
    found = Thinking()
    thinking = child(fields, "thinking") or child(fields, "reasoning_config")
    kind, budget = thinking.get("type"), thinking.get("budget_tokens")
    if kind == "disabled":
        found.effort = "none"
    elif kind == "adaptive":
        found.is_adaptive = True
    elif kind == "enabled" and isinstance(budget, int):
        found.budget_tokens = budget
    found.summary = {"summarized": "auto", "omitted": "none"}.get(str(thinking.get("display")), "")
    nova = child(fields, "reasoningConfig") or child(child(fields, "inferenceConfig"), "reasoningConfig")
    if nova.get("type") == "disabled":
        found.effort = "none"
    efforts = (
        child(fields, "output_config").get("effort"),
        nova.get("maxReasoningEffort"),
        fields.get("reasoning_effort"),
        child(said, "outputConfig").get("effort"),
    )
    for effort in efforts:
        if isinstance(effort, str) and effort in _EFFORTS and not found.effort:
            found.effort = cast(Effort, effort)
    return None if found == Thinking() else found


def read_top_k(said: dict[str, Any]) -> int | None:
    """None when nothing is said."""
    fields = child(said, "additionalModelRequestFields")
    for top_k in (fields.get("top_k"), child(fields, "inferenceConfig").get("topK")):
        if isinstance(top_k, int) and not isinstance(top_k, bool):
            return top_k
    return None
