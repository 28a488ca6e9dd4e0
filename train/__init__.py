"""The paper's method: what reads a bundle, trains on it and evaluates. Imports nothing."""
