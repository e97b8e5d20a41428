"""What the gateway costs, beside nginx in the same run. Start with README.md; run with `python -m benchmarks`."""
