"""Fact-k: questions that need facts learned in weights, and arithmetic on them.

table.py      the facts: entities, attributes, values, how often each is met in pretraining
question.py   questions as chains of facts and numbers, and the right reasoning about them
draw.py       drawing chains; presets, splits
check.py      what each line of a trace claims, and whether it holds
styles.py     terse and verbose wording; traces that misremember or slip
world.py      all that as a World
pool.py       traces of the world's pool
"""

from titrant.worlds.facts.check import FactCheck, LineCheck, check_lines, facts_of

__all__ = ["FactCheck", "LineCheck", "check_lines", "facts_of"]
