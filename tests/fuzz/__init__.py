"""Random and hostile input. What once was interesting is kept in `corpus/` and replayed."""
