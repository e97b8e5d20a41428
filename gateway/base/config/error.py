"""What is wrong with a configuration file."""


class ConfigError(Exception):
    """The file cannot be used. `path` is a JSONPath-like place, `problem` says what is wrong there, `hint` the way out."""

    def __init__(self, source: str, path: str, problem: str, hint: str = "") -> None:
        super().__init__(f"{source}: `{path}` {problem}")
        self.source, self.path, self.problem, self.hint = source, path, problem, hint

    def __str__(self) -> str:
        text = f"error: {self.source}: `{self.path}` {self.problem}"
        return f"{text}\nhint: {self.hint}" if self.hint else text
