"""Specialist: the agent loop of its skills; it proposes effects and causes none."""
