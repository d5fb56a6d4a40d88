"""The audit: who, what, when and in which trace; one sequence with a Merkle tree over it."""
