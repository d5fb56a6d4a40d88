"""The models service: the only door to model providers; what is asked belongs to agents."""
