"""Is the gain real? The audits over a run folder, or over two models."""
