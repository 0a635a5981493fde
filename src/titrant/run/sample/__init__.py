"""Drawing answers to problems: the job, its folder, and the pool that comes of it."""
