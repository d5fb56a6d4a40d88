"""Console: the only door for people and HTTP clients; it has no effects of its own."""
