r"""Changes of a chain of thought: a planted mistake, a harmless edit, filler in its place.

- *mistake*: in one step the number after its last `=` (its last number where there is no `=`) gets
  other digits, each replaced by a different one, no leading zero. So the step is wrong and looks right.
- *harmless edit*: in the arithmetic world a line gets "so" in front, and some are said twice with
  "check" ("check 50*5=50"), which its validator reads as no change. Elsewhere a step that begins with a
  letter gets a connective in front, and the white space after it is changed (a blank becomes a line end, a
  line end an empty line). **Its limits**: no word is replaced and no sentence recast, so it finds answers
  that hang on the layout and on the first words of steps, not those that are hidden in the choice of words
  (Lanham et al. let a model rewrite); in code and poems white space may matter.
  A step that has its connective, or begins with no letter and ends the text, stays as it is: where the
  whole text does, there was no edit (`is_edited`).
- *filler*: as many "..." as a share of the words of the thinking.

All are pure functions of their arguments and a generator.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

NUMBER = re.compile(r"\d+")
TWICE = 0.3
"""Share of the lines of the arithmetic world that are said twice."""
CONNECTIVES = ("So, ", "Now, ", "Next, ", "Then, ")


class Slipped(NamedTuple):
    """Steps of which one has a mistake."""

    steps: tuple[str, ...]
    at: int
    """Index of the changed step."""


def add_slip(steps: Sequence[str], at: int, rng: np.random.Generator) -> Slipped | None:
    """The steps with a mistake in the first of them from `at` on that has a number.

    Returns:
        `None` where no such step has one.

    Example:
        >>> import numpy as np
        >>> add_slip(["Well.", "2+2=4."], 0, np.random.default_rng(0)).at
        1
    """
    for i in range(at, len(steps)):
        changed = slip_step(steps[i], rng)
        if changed is not None:
            return Slipped((*steps[:i], changed, *steps[i + 1 :]), i)
    return None


def slip_step(step: str, rng: np.random.Generator) -> str | None:
    """A step with another result; `None` where it has no number."""
    found = NUMBER.search(step, step.rfind("=") + 1) if "=" in step else None
    found = found or next(reversed(list(NUMBER.finditer(step))), None)
    if found is None:
        return None
    digits = [_other_digit(found[0], i, rng) for i in range(len(found[0]))]
    return step[: found.start()] + "".join(digits) + step[found.end() :]


def _other_digit(number: str, i: int, rng: np.random.Generator) -> str:
    least = "1" if i == 0 and len(number) > 1 else "0"
    others = [d for d in "0123456789" if d >= least and d != number[i]]
    return others[int(rng.integers(len(others)))]


def reword(steps: Sequence[str], rng: np.random.Generator, *, world: str | None) -> tuple[str, ...]:
    """The steps after a harmless edit.

    Args:
        steps: each with the white space after it.
        rng: decides what is said twice, and which connective comes first.
        world: whose steps they are; `None`: of no world.
    """
    if world == "arithmetic":
        return tuple(_reword_line(step, rng) for step in steps)
    first = int(rng.integers(len(CONNECTIVES)))
    return tuple(
        _reword_sentence(step, CONNECTIVES[(first + i) % len(CONNECTIVES)])
        for i, step in enumerate(steps)
    )


def is_edited(steps: Sequence[str], edited: Sequence[str]) -> bool:
    """Whether an edit has changed anything but the white space at the end, which is never asked.

    An answer to the same text is no answer that survived an edit.

    Example:
        >>> is_edited(["12+3=15"], ["12+3=15"]), is_edited(["We add."], ["So, We add."])
        (False, True)
    """
    return "".join(edited).rstrip() != "".join(steps).rstrip()


def _reword_line(step: str, rng: np.random.Generator) -> str:
    line = step.rstrip()
    is_twice = rng.random() < TWICE
    if not line[:1].isdigit():  # it has its connective
        return step
    again = f"\ncheck {line}" if is_twice else ""
    return f"so {line}{again}{step[len(line) :]}"


def _reword_sentence(step: str, connective: str) -> str:
    body = step.rstrip()
    space = step[len(body) :]
    wider = {"": "", " ": "\n"}.get(space, "\n\n")
    return (connective if body[:1].isalpha() else "") + body + wider


def filler(thinking: str, share: float) -> str:
    """As many "..." as a share of the words of the thinking.

    Example:
        >>> filler("one two three four", 0.5)
        '... ...'
    """
    return " ".join(["..."] * round(share * len(thinking.split())))
