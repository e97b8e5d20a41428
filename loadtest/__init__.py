"""Load on a running gateway: Locust and k6, slow readers, kills. Start with README.md; run with `python -m loadtest`."""
