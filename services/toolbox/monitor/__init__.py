"""The monitor: warns of agents that call too often, in circles or too dear, then pauses them."""
