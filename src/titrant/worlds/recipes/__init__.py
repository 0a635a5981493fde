"""How the small bases are made: recipes, and the text that each kind of recipe is pretrained on.

- `base.py`: what every recipe says; documents and how they are written.
- `chains.py`: the text of the arithmetic world, direct answers and step-by-step solutions.
- `facts.py`: the text of the world of facts, bare facts by their frequency and questions.
- `planted.py`: the text of the arithmetic world with test problems planted in it, and the record of
  them.
- `table.py`: the recipes by name, and which text belongs to which kind.

No tensor library is needed here; `worlds.vitro` does the training.
"""
