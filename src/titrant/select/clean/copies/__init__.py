"""Copies inside a pool: exact, near, and in meaning."""
