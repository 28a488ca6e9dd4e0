"""Looks through a whole bundle in the browser: `ocim browse`."""
