"""Draws on disk and pools of traces, and what votes work on: all draws as arrays."""
