"""People, policy and projections of the journal; may be slow, may be off."""
