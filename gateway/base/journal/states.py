"""Which exchanges were opened and done, for the verifier: one byte per exchange, over all runs of a journal."""

_OPEN, _DONE = 1, 2
_PREFIX = "req_"
_RUN_END = len(_PREFIX) + 12
_ID_CHARS = _RUN_END + 8
_MAX_GAP = 1 << 22  # a counter that leaps further is not one of ours


class ExchangeStates:
    """Marks by request id. Ids of the gateway's own form take a byte each; any other id takes a dict entry."""

    __slots__ = ("_others", "_runs")

    def __init__(self) -> None:
        self._runs: dict[str, bytearray] = {}
        self._others: dict[str, tuple[int, str]] = {}

    def mark_open(self, request_id: str, run: str) -> bool:
        """Note an `open` frame in `run`; False when there was one already."""
        return self._mark(request_id, run, _OPEN)

    def mark_done(self, request_id: str, run: str) -> bool:
        """Note a `done` frame in `run`; False when there was one already."""
        return self._mark(request_id, run, _DONE)

    def left_open(self, run: str) -> list[str]:
        """Request ids opened in `run` and done nowhere."""
        states = self._runs.get(run, bytearray())
        found, at = [], states.find(_OPEN)
        while at >= 0:
            found.append(f"{_PREFIX}{run}{at:08x}")
            at = states.find(_OPEN, at + 1)
        return found + [i for i, (flags, where) in self._others.items() if flags == _OPEN and where == run]

    def _mark(self, request_id: str, run: str, flag: int) -> bool:
        if len(request_id) == _ID_CHARS and request_id.startswith(_PREFIX):
            try:
                counter = int(request_id[_RUN_END:], 16)
            except ValueError:
                return self._mark_other(request_id, run, flag)
            states = self._runs.setdefault(request_id[len(_PREFIX) : _RUN_END], bytearray())
            if counter >= len(states):
                if counter - len(states) > _MAX_GAP:
                    return self._mark_other(request_id, run, flag)
                states.extend(bytes(counter - len(states) + 4096))
            if states[counter] & flag:
                return False
            states[counter] |= flag
            return True
        return self._mark_other(request_id, run, flag)

    def _mark_other(self, request_id: str, run: str, flag: int) -> bool:
        flags, where = self._others.get(request_id, (0, run))
        if flags & flag:
            return False
        self._others[request_id] = (flags | flag, run if flag == _OPEN else where)
        return True
