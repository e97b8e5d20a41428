"""The provider simulator: a stand-in for OpenAI, Anthropic and Gemini with a scripted agent.

`run` serves in this process, `start` and `running` in a child process that ends with its parent. Everything between the
bytes of a request and the timed bytes of its answer is pure; `app.py` and `sockets.py` are the only places with I/O.
"""

from .answer import State
from .server import READY, Running, run, running, start

__all__ = ["READY", "Running", "State", "run", "running", "start"]
