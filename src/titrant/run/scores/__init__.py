"""Numbers about the pool that strategies rank by: which are needed, and the worker that makes them."""
