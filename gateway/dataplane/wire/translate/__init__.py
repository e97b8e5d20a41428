"""The steps between two dialects: what is done to a turn before it is written, and to events after they were read."""
