"""The baselines of Table I that are trained here as their released code trains them."""
