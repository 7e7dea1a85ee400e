"""Flax Linen modules: the pure functions of `ops`, with parameters."""
