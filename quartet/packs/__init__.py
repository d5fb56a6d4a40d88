"""Loading and checking a pack: its manifest and its typed tools; running tools is elsewhere."""
