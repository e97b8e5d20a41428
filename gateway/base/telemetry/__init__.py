"""Logs and metric names."""
