"""Digests and signatures over canonical bytes; pure, keys are arguments."""
