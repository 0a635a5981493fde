"""Strategies: what puts a pool in order, one kind per module, and the grammar of their names."""
