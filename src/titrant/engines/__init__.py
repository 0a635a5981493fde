"""Engines: prompts become text, and text gets logprobs. `base` has the protocol and the registry."""
