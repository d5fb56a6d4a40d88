"""Budgets: accounts, reservations and what ends them; policy on effects is elsewhere."""
