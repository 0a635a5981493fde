"""A run's results for other tools: a subset, readings, curve, answer, or lm-eval's own files."""
