"""Nouns and plumbing that every plane shares; knows no room."""
