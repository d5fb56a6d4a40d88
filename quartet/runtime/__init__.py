"""The local control plane: builds, starts, supervises and stops Dapr, Redis and the suite."""
