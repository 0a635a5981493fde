"""What the engine for OpenAI-compatible servers is made of: client, probe, streams of tokens."""
