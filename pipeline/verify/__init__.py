"""Checks a bundle, byte by byte and rule by rule."""
