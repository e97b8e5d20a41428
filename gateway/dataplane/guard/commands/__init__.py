"""Commands that destroy, or that read credentials, in what a model asks an agent to do."""

from gateway.dataplane.guard.commands.judge import Danger, judged, named_hosts, named_paths
from gateway.dataplane.guard.commands.rules import RULES

__all__ = ["RULES", "Danger", "judged", "named_hosts", "named_paths"]
