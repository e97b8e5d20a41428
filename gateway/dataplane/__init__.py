"""The path that every request walks; never imports the control plane."""
