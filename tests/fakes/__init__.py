"""Stand-ins for the network: the only thing that tests fake."""
