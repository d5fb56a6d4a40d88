"""Policy as code: which tier a resolved call has, and who says so; nothing is carried out here."""
