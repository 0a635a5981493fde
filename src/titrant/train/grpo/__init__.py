"""Reinforcement learning as the trainer of an arm: GRPO on the questions of a pool, through TRL.

Nothing is imported here: `labels`, `prompts`, `judge` and `reward` need no torch, `config`, `dropout` and `train` do.
"""
