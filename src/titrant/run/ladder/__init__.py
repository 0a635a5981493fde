"""The arms of a run: round 0, rounds, their limits and their readings."""
