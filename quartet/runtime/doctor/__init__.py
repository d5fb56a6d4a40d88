"""What `quartet doctor` looks at: whether a running suite is really protected.

It tries every door from its wrong side; a file that says so is no proof. Nothing is changed, and
nothing here starts or stops a suite.
"""
