"""Reads a free prompt as a small task: create, edit, run, look, or just talk. Word patterns, no model; pure."""

from __future__ import annotations

import re
import shlex

import orjson

from .steps import Record

_FILE = re.compile(r"(?<![\w/.~-])([\w][\w./-]*\.(?:py|js|ts|sh|md|txt|json|ya?ml|toml|html|css|c|go|rs|rb|csv|sql))\b")
_QUOTED = re.compile(r"[\"“”`]([^\"“”`\n]{1,120})[\"“”`]|(?<!\w)'([^'\n]{1,120})'(?!\w)")
_VERBS = (
    ("edit", r"edit|change|modif\w+|update|rename|replace|refactor|fix|append|improve|insert|remove|delete"),
    ("create", r"create|write|make|generate|implement|build|scaffold|add|save|put"),
    ("run", r"run|execute|launch|start|test|try"),
    (
        "look",
        r"list|show|look|read|explore|inspect|explain|describe|summari[sz]e|find|search|review|wh(?:ich|at) files",
    ),
)
_VERB = [(name, re.compile(rf"\b(?:{words})\b", re.I)) for name, words in _VERBS]
_THINGS = re.compile(
    r"\b(files?|script|program|function|class|module|code|repo\w*|project|folder|director\w+|readme|command|test\w*|app|page|tool|"
    r"line|comment|example|hello|fibonacci|fizzbuzz|primes?|factorial|here|this|it)\b",
    re.I,
)
_INTO = re.compile(r"\b(?:add|put|append|insert)\b.{1,80}\b(?:to|into|in|of)\b", re.I | re.S)
_REPLACE = re.compile(
    r"(?:replace|change|rename)\s+[\"'`“]?(?P<old>[^\"'`“”]+?)[\"'`”]?\s+(?:with|to|by|into)\s+[\"'`“]?(?P<new>[^\"'`“”]+?)[\"'`”]?"
    r"(?:\s+in\b.*)?[.!]?\s*$",
    re.I | re.S,
)
_LANGUAGES = (
    ("py", r"python"), ("js", r"javascript|node(?:\.?js)?"), ("sh", r"bash|shell script"), ("md", r"markdown|readme"),
    ("html", r"html|web ?page"), ("json", r"json"), ("txt", r"text file|note"),
)  # fmt: skip
_FORBIDDEN = re.compile(
    r"\b(rm|sudo|dd|mkfs|shutdown|reboot|curl|wget|ssh|scp|chmod|chown|kill|pkill|killall|git\s+push)\b|>\s*/|\|\s*(ba|z)?sh"
)


class Task(Record, frozen=True):
    """What the user seems to want. `path` is always relative and inside the working folder."""

    kind: str  # create | edit | run | look | talk
    path: str = ""
    topic: str = ""
    quoted: str = ""
    command: str = ""
    old: str = ""
    new: str = ""


def understand(prompt: str) -> Task:
    """The task in a prompt. What has neither a file, a thing of code nor a command in it is talk."""
    found = [(m.start(), name) for name, pattern in _VERB if (m := pattern.search(prompt))]
    paths = [p for m in _FILE.finditer(prompt) if (p := _safe(m.group(1)))]
    quoted = next((a or b for a, b in _QUOTED.findall(prompt) if not _FILE.fullmatch(a or b)), "")
    if not found or not (paths or quoted or _THINGS.search(prompt)):
        return Task("talk")
    kind = min(found)[1]
    if kind == "create" and paths and _INTO.search(prompt):
        kind = "edit"
    if kind == "edit" and not paths:
        kind = "look"
    command = quoted if kind == "run" and quoted and not _FORBIDDEN.search(quoted) else ""
    replace = _REPLACE.search(prompt) if kind == "edit" else None
    path = paths[0] if paths else ""
    topic = _topic(prompt)
    if kind == "create" and not path:
        path = _name(prompt, topic)
    return Task(
        kind, path, topic, quoted, command,
        old=replace["old"].strip() if replace else "", new=replace["new"].strip() if replace else "",
    )  # fmt: skip


def _safe(path: str) -> str:
    parts = [p for p in path.split("/") if p not in ("", ".")]
    return "" if ".." in parts else "/".join(parts)


def _topic(prompt: str) -> str:
    words = prompt.lower()
    topics = ("fibonacci", "fizzbuzz", "prime", "factorial", "hello", "readme")
    return next((t for t in topics if t in words.replace("fizz buzz", "fizzbuzz")), "")


def _name(prompt: str, topic: str) -> str:
    """A file name for a prompt that names none."""
    ending = next((e for e, words in _LANGUAGES if re.search(rf"\b(?:{words})\b", prompt, re.I)), "py")
    if ending == "md":
        return "README.md" if topic == "readme" else "notes.md"
    if ending == "html":
        return "index.html"
    return f"{topic or 'hello'}.{ending}"


def listed(listing: str) -> set[str]:
    """The names in the output of `ls -la`: what ends a line behind a space."""
    return set(re.findall(r"\s(\S+)$", listing, re.M))


def free_name(path: str, listing: str) -> str:
    """`path`, or a name beside it when the listing shows that the file exists: the simulator overwrites nothing."""
    folder, _, name = path.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    taken = listed(listing)
    candidates = [name, *(f"{stem}_{tag}{dot}{ending}" for tag in ("sim", *map(str, range(2, 100))))]
    free = next((c for c in candidates if c not in taken), candidates[-1])
    return f"{folder}/{free}" if folder else free


_PYTHON = {
    "fibonacci": "def fibonacci(n: int) -> list[int]:\n    numbers = [0, 1]\n    while len(numbers) < n:\n"
    "        numbers.append(numbers[-1] + numbers[-2])\n    return numbers[:n]\n\n\nprint(*fibonacci(10))\n",
    "fizzbuzz": 'for n in range(1, 16):\n    print("Fizz" * (n % 3 == 0) + "Buzz" * (n % 5 == 0) or n)\n',
    "prime": "def primes(limit: int) -> list[int]:\n    found: list[int] = []\n    for n in range(2, limit):\n"
    "        if all(n % p for p in found):\n            found.append(n)\n    return found\n\n\nprint(*primes(50))\n",
    "factorial": "import math\n\nfor n in range(1, 11):\n    print(n, math.factorial(n))\n",
}


def content(task: Task) -> str:
    """What to write into the task's file."""
    words = task.quoted or "Hello from the agentcc simulator!"
    ending = task.path.rpartition(".")[2]
    if ending == "py":
        return _PYTHON.get(task.topic) or f"print({orjson.dumps(words).decode()})\n"
    quoted = orjson.dumps(words).decode()
    return {
        "js": f"console.log({quoted});\n",
        "ts": f"console.log({quoted});\n",
        "sh": f"#!/bin/sh\necho {shlex.quote(words)}\n",
        "json": f'{{"message": {quoted}}}\n',
        "html": "<!doctype html>\n<title>Simulator</title>\n<h1>"
        + words.replace("&", "&amp;").replace("<", "&lt;")
        + "</h1>\n",
        "md": f"# {task.topic.title() or 'Notes'}\n\n{words}\n",
    }.get(ending, words + "\n")


def run_command(path: str) -> str:
    """How to show that the file works."""
    name = shlex.quote(path)
    ending = path.rpartition(".")[2]
    return {"py": f"python3 {name}", "js": f"node {name}", "sh": f"sh {name}"}.get(ending, f"cat {name}")


def comment(path: str, words: str) -> str:
    """A one-line comment in the file's language."""
    ending = path.rpartition(".")[2]
    if ending in ("md", "html"):
        return f"<!-- {words} -->"
    return f"{'//' if ending in ('js', 'ts', 'c', 'go', 'rs', 'css') else '--' if ending == 'sql' else '#'} {words}"
