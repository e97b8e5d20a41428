"""What ends a command with words on standard error and exit code 2."""


class UsageError(Exception):
    """The arguments, or a file that they mean, cannot be used so; `hint` is the way out."""

    def __init__(self, problem: str, hint: str = "") -> None:
        super().__init__(f"error: {problem}\nhint: {hint}" if hint else f"error: {problem}")
