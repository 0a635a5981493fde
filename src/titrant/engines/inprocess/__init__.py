"""What the engine on vLLM in this process is made of: loading, draws under way, scores of given texts."""
