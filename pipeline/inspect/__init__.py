"""Looks into bundles: what is in one, how two differ, where a sample comes from."""
