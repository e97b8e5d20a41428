"""agentcc: the gateway in front of coding agents (import package `gateway`)."""

__version__ = "0.1.0"
