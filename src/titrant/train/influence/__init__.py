"""Gradient influence (LESS): which traces move the weights as the validation problems would.

choose.py     settings, and which questions are held out for validation (no torch)
warmup.py     a short training on a share of the pool; its checkpoints and Adam state, read back
gradients.py  the gradient of each row's loss
project.py    random signs: a long gradient becomes a short vector
score.py      the formula
measure.py    all of it: traces in, one score per trace and what it cost out

Nothing is imported here: all but `choose` needs the train extra and is reached through `titrant.lazy`.
"""
