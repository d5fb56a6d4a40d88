"""The reader service: read tools on untrusted documents, with resource limits."""
