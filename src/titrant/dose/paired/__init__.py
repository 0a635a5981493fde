"""Two models on the same problems: interval and tests that know that the problems are the same."""
