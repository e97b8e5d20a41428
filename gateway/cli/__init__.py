"""The `agentcc` command and the processes that it starts."""
