"""The services of the suite, one folder each; no service imports another."""
