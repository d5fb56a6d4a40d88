"""Quartet, the suite's shared library, from contracts to the local runtime; no service."""
