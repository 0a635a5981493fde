"""Signals: numbers about a trace or its steps, with unit and direction, and no claim of truth."""
