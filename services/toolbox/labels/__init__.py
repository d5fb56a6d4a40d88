"""Labels of values: how far each can be trusted and who may read it; the tiers are the policy's."""
