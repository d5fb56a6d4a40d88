"""The packs: what teaches the suite a domain; generic code lives elsewhere."""
