"""The embedded store: nothing to install, one file per kind of state."""
