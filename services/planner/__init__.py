"""Planner: drafts and revises plans, sums tasks up; it calls no tool and causes no effect."""
