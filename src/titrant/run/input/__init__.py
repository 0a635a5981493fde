"""What a run stands on: pool, benchmarks, the examined base, and what it will cost."""
