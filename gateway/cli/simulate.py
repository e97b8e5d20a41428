"""`agentcc simulate`: the provider simulator as a command."""

from gateway.cli.command import Subparsers
from gateway.simulator import cli


def add_parser(subparsers: Subparsers) -> None:
    """Register `agentcc simulate`."""
    parser = subparsers.add_parser(
        "simulate",
        help="run a stand-in provider",
        description="Run a stand-in for OpenAI, Anthropic and Gemini with a scripted agent; no account is needed.",
        epilog="example: agentcc simulate --port 18080",
    )
    cli.add_arguments(parser)
    parser.set_defaults(run=cli.run)
