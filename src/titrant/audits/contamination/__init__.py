"""Has the base seen the benchmark? Completion, membership, leaks in the pool, fresh problems, templates."""
