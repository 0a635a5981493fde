"""Is it real? Each audit turns evidence into findings: a number, an interval, what would change it."""
