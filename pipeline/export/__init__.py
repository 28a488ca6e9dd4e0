"""Writes a bundle in the layouts that released code of others reads."""
