"""Building one service: settings, FastAPI app, database, serving; domain code lives elsewhere."""
