"""Critic: reviews results and proposals before anything uses them; it changes no result."""
