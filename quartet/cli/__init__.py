"""The `quartet` command: verbs for people; what they do lives in the packages below."""
