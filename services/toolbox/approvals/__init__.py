"""Approvals of people: asked for, decided, used once; which calls need one is the policy's."""
