"""The official SDKs as the clients of tests/e2e/matrix: the same checks, spoken and read by them."""
