"""What the local runtime says when it cannot go on; the text is one line a user can act upon."""


class SetupError(Exception):
    """The machine or the data folder lacks something; the message says what, and what to do."""
