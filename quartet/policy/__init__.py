"""Policy as code: Cedar texts parsed and checked once, and their ruling on the facts of a call."""
