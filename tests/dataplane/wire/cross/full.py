"""How much is tried: a deterministic part, or with AGENTCC_TESTS=all everything, which takes a quarter of an hour."""

import os

IS_FULL = os.environ.get("AGENTCC_TESTS") == "all"
