"""Doubles that satisfy the ports, builders, scripted peers for tests; no product code uses it."""
