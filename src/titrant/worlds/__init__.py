"""Procedural worlds, their pools, and the small bases made from them."""
