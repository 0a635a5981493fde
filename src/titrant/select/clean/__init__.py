"""Cleaning a pool: copies inside it, and what it shares with a benchmark."""
