"""Cache points: where the client has marks, else where they serve an agent that can set none. COMPLAINTS 20; trap 57.

A client whose dialect has no marks (OpenAI, Gemini) relies on caching by itself, which Bedrock does not do: then a point stands
after the tools, after the system, and at the end of the conversation. Claude finds an earlier end by itself, up to about twenty
blocks back (AWS, "Prompt caching", simplified cache management), so one point is enough and all bytes before it stay as they were;
only when the last turn was longer does a second one stand where it began. For Nova the end of the turn before always has one.
"""

from typing import Any, Final, Literal

from gateway.dataplane.wire.canon import Turn
from gateway.dataplane.wire.converse.history import Said, Written
from gateway.dataplane.wire.converse.models import Model
from gateway.dataplane.wire.converse.names import cache_point
from gateway.dataplane.wire.report import Report

_MOST: Final = 4
_FOUND_BLOCKS: Final = 18
_WITHOUT_MARKS: Final = frozenset({"openai.responses", "openai.chat", "gemini.generate"})
_UNMARKABLE: Final = frozenset({"reasoningContent"})

Place = Literal["tools", "system", "messages"]
_Marks = dict[tuple[Place, int, int], str]
"""Place, number of the message, number of the block → time to live, in the order of the prompt."""


class CachePoints:
    """Decides on the points of one request, then puts them between the blocks."""

    def __init__(
        self, turn: Turn, model: Model, tools: list[Written], system: list[Written], said: list[Said], report: Report
    ) -> None:
        self._model, self._tools, self._system, self._said = model, tools, system, said
        marks = self._marks()
        if marks and not model.caches:
            report.drop("cache_control", "no_prompt_cache_with_this_model")
            marks = {}
        elif not marks and model.caches and _is_agent(turn):
            marks = self._own_marks()
        allowed = {place: mark for place, mark in marks.items() if place[0] in model.caches}
        if len(allowed) > _MOST:
            report.drop("cache_control", f"more_than_{_MOST}")
            first = [place for place in allowed if place[0] != "messages"][-2:]
            rest = [place for place in allowed if place not in first]
            kept = {*first, *rest[-(_MOST - len(first)) :]}
            allowed = {place: mark for place, mark in allowed.items() if place in kept}
        self._points = self._ordered(allowed)

    def _ordered(self, marks: _Marks) -> _Marks:
        """What lives longer must come first: five minutes once, five minutes ever after."""
        has_short = not self._model.has_hour
        ordered: _Marks = {}
        for place, mark in marks.items():
            has_short |= mark != "1h"
            ordered[place] = "5m" if has_short else mark
        return ordered

    def tools(self) -> list[dict[str, Any]]:
        """`toolConfig.tools`."""
        return self._placed("tools", 0, self._tools)

    def system(self) -> list[dict[str, Any]]:
        """`system`."""
        return self._placed("system", 0, self._system)

    def messages(self) -> list[dict[str, Any]]:
        """`messages`."""
        return [
            {"role": said.role, "content": self._placed("messages", at, said.blocks)}
            for at, said in enumerate(self._said)
        ]

    def _placed(self, place: Place, at: int, blocks: list[Written]) -> list[dict[str, Any]]:
        out: list[dict[str, Any]] = []
        for index, written in enumerate(blocks):
            out.append(written.block)
            mark = self._points.get((place, at, index))
            if mark:
                out.append(cache_point(mark))
        return out

    def _marks(self) -> _Marks:
        """The client's, in the order of the prompt."""
        places: list[tuple[Place, int, list[Written]]] = [("tools", 0, self._tools), ("system", 0, self._system)]
        places += [("messages", at, said.blocks) for at, said in enumerate(self._said)]
        return {
            (place, at, index): written.cache
            for place, at, blocks in places
            for index, written in enumerate(blocks)
            if written.cache and not _UNMARKABLE & written.block.keys()
        }

    def _own_marks(self) -> _Marks:
        marks: _Marks = {}
        if self._tools:
            marks["tools", 0, len(self._tools) - 1] = "5m"
        if self._system:
            marks["system", 0, len(self._system) - 1] = "5m"
        users = [at for at, said in enumerate(self._said) if said.role == "user"]
        if len(users) > 1:
            since = sum(len(said.blocks) for said in self._said[users[-2] + 1 :])
            if self._model.family == "nova" or since > _FOUND_BLOCKS:
                marks["messages", users[-2], len(self._said[users[-2]].blocks) - 1] = "5m"
        marks["messages", users[-1], len(self._said[users[-1]].blocks) - 1] = "5m"
        return marks


def _is_agent(turn: Turn) -> bool:
    """Whether more requests with this beginning are to come: writing to a cache costs more than plain input."""
    return turn.dialect in _WITHOUT_MARKS and bool(turn.tools or len(turn.messages) > 1)
