"""What a file says that is allowed and cannot have been meant."""

from gateway.base.core.struct import Record


class ConfigWarning(Record, frozen=True):
    """A place, what is odd about it and the way out; printed as errors are."""

    source: str
    path: str
    problem: str
    hint: str

    def __str__(self) -> str:
        return f"warning: {self.source}: `{self.path}` {self.problem}\nhint: {self.hint}"
