"""The toolbox: the gate, effects, trusted read tools and the ledger; it never plans."""
