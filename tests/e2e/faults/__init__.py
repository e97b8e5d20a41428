"""Faults of a provider × routes × moments: what the client gets, what it costs, what the journal says."""
