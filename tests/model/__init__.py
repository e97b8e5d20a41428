"""Random lives of the whole, against a plain model of what must come out."""
