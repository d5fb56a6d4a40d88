"""Coordinator: intake, the workflows of a task, the task store; it calls no model."""
