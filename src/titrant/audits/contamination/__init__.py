"""Has the base seen the benchmark? Completion, membership, leaks in the pool, fresh problems, templates."""

NAME = "contamination"
"""Of the audit: in its findings, and in the table of audits."""
