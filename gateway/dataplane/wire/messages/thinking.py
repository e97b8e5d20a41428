"""How a request says how much to think, and what cannot stand beside that. Traps 14, 17, 25, 26, 43.

`models.py` has the sources of what each model takes; efforts and budgets are those of `translate.effort`. A turn of this dialect
says itself what it wants, for its client knows its model: of it only thinking that the history does not allow is taken back.
"""

from typing import Any, Final

from gateway.dataplane.wire.canon import Effort, Thinking, Turn
from gateway.dataplane.wire.codec import Target
from gateway.dataplane.wire.messages.models import Claude, claude_of
from gateway.dataplane.wire.report import Report
from gateway.dataplane.wire.translate.effort import budget_of, claude, legal_budget, nearest, wanted

_Block = dict[str, Any]
_ON: Final = ("enabled", "adaptive")
_LEAST_TOP_P: Final = 0.95
"""With thinking, `top_p` may be between this and 1 (platform.claude.com, "Extended thinking")."""


class Mind:
    """What a request says of thinking: `config` is its `thinking`, `effort` goes into `output_config`, `limit` is `max_tokens`.

    `is_stopped`: it was wanted and cannot be.
    """

    __slots__ = ("_model", "_report", "config", "effort", "is_stopped", "limit")

    def __init__(self, turn: Turn, target: Target, limit: int, most: int, report: Report, *, is_own: bool) -> None:
        self._report = report
        self._model = claude_of(target.model)
        self.config: _Block | None = None
        self.effort: Effort = ""
        self.limit = limit
        self.is_stopped = False
        asked = turn.thinking
        if asked is None:
            return
        if is_own:
            self._own(asked)
        else:
            self._asked(asked, target, most, has_limit=turn.max_output_tokens is not None)

    @property
    def is_on(self) -> bool:
        """Whether the request asks for thinking."""
        return self.config is not None and self.config["type"] in _ON

    @property
    def has_budget(self) -> bool:
        """Whether it asks for it in the older way, which allows less beside it."""
        return self.config is not None and self.config["type"] == "enabled"

    def stop(self, why: str) -> None:
        """Thinking cannot be: off, where that is possible, and reported. An effort stays: it rules the whole answer."""
        self._report.drop("thinking", why)
        self.is_stopped = True
        effort = self.effort
        self._off()
        self.effort = effort

    def _own(self, asked: Thinking) -> None:
        config: _Block = {}
        if asked.effort == "none":
            config["type"] = "disabled"
        elif asked.is_adaptive:
            config["type"] = "adaptive"
        elif asked.budget_tokens >= 0:
            config = {"type": "enabled", "budget_tokens": asked.budget_tokens}
        if config and asked.summary:
            config["display"] = "omitted" if asked.summary == "none" else "summarized"
        if config:
            self.config = {**config, **(asked.extra or {})}
        if asked.effort != "none":
            self.effort = asked.effort

    def _asked(self, asked: Thinking, target: Target, most: int, *, has_limit: bool) -> None:
        effort = wanted(asked)
        if effort == "none":
            self._off()
            return
        takes = claude(target.model)
        if takes.is_adaptive:
            self._adapt(asked, nearest(effort, takes.efforts))
        elif takes.budget == (0, 0):
            self._report.drop("thinking", "unsupported")
        elif effort or asked.is_adaptive:
            self._spend(asked, effort or "medium", most, has_limit=has_limit)
            if self.config is not None:
                self.effort = nearest(effort, takes.efforts)

    def _adapt(self, asked: Thinking, effort: Effort) -> None:
        """A client that wants summaries only, as Codex does for models it does not know, leaves the model its default."""
        self.effort = effort
        is_hidden = self._model is not None and self._model.hides_thinking
        thinks = bool(effort) or asked.is_adaptive or (self._model is not None and self._model.thinks_unasked)
        if not thinks:
            return
        config: _Block = {"type": "adaptive"}
        if asked.summary == "none":
            if not is_hidden:
                config["display"] = "omitted"
        elif asked.summary and is_hidden:
            config["display"] = "summarized"
        if effort or asked.is_adaptive or len(config) > 1:
            self.config = config

    def _spend(self, asked: Thinking, effort: Effort, most: int, *, has_limit: bool) -> None:
        """A budget. One that the client names itself comes on top of its limit, as far as the model goes; ours fits under it."""
        if asked.budget_tokens > 0 and not asked.effort:
            budget = asked.budget_tokens
            if budget >= self.limit:
                raised = budget + (self.limit if has_limit else 0) + 1024
                self.limit = min(raised, most) if most else raised
            budget = legal_budget(budget, self.limit)
        else:
            budget = budget_of(effort, self.limit)
        if budget <= 0:
            self._report.drop("thinking", "no_room_in_max_tokens")
            return
        self.config = {"type": "enabled", "budget_tokens": budget}

    def _off(self) -> None:
        self.effort = ""
        if self._model is None:
            self.config = {"type": "disabled"}  # imitations may think unasked
        elif not self._model.thinks_unasked:
            self.config = None
        elif self._model.off:
            self.config = {"type": self._model.off}
        else:
            self._report.drop("thinking", "always_on")
            self.config, self.effort = None, "low"


def sampling(turn: Turn, target: Target, mind: Mind, report: Report, *, is_own: bool) -> _Block:
    """`temperature`, `top_p` and `top_k` as far as the model takes them, now."""
    given: _Block = {
        name: value
        for name, value in (("temperature", turn.temperature), ("top_p", turn.top_p), ("top_k", turn.top_k))
        if value is not None
    }
    if is_own or not given:
        return given
    temperature = given.get("temperature")
    if temperature is not None and temperature > 1:  # OpenAI's and Gemini's scales go to 2
        report.drop("temperature", "above_1")
        given["temperature"] = 1
    model = claude_of(target.model)
    if model is None:
        if target.vendor not in ("", "anthropic"):
            return given
        model = _UNNAMED
    for name in list(given):
        if not _is_taken(name, given[name], model, mind):
            if given[name] != _DEFAULT.get(name):
                report.drop(name, "thinking" if model.takes_sampling else "unsupported")
            del given[name]
    if len(given) > 1 and "temperature" in given and "top_p" in given and not model.takes_both_samplers:
        if given["top_p"] != 1:
            report.drop("top_p", "beside_temperature")
        del given["top_p"]
    return given


_UNNAMED: Final = Claude(takes_both_samplers=True)
"""A model that may well be a Claude under a name of its host's."""
_DEFAULT: Final[dict[str, float]] = {"temperature": 1, "top_p": 1}


def _is_taken(name: str, value: float, model: Claude, mind: Mind) -> bool:
    if not model.takes_sampling:
        return False
    if not mind.is_on:
        return True
    return name == "top_p" and value >= _LEAST_TOP_P
