"""A one-node Kubernetes on this machine, for tests: real components, in namespaces of their own.

Nothing here is part of a running suite; what a user installs is the chart in `k8s/`.
"""
