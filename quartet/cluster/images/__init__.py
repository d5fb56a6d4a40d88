"""The images of a local cluster, made without a container engine and kept as archives."""
