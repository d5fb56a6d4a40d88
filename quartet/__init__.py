"""Quartet, the suite's shared library: contracts, packs, agents, durable steps and the local runtime; no service lives here."""
