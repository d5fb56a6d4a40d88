"""The loop of an agent turn, independent of Dapr; prompts and rules belong to packs."""
