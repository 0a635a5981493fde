"""The table of treatments, how their names are read, and how they are applied.

A name is `NAME` or `NAME@RATIO` with a ratio from 0 to 1, where the treatment has one:
`digits@0.5`. It has one spelling, in which the default ratio is not written.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, NamedTuple

from titrant.errors import ConfigError
from titrant.registry import nearest
from titrant.treat.base import Span, Treated, Treatment
from titrant.treat.foreign import apply_foreign, apply_foreign_length, apply_foreign_question
from titrant.treat.reduced import (
    apply_answer_only,
    apply_filler,
    apply_filler_characters,
    apply_format_only,
)
from titrant.treat.rewrite import by_row
from titrant.treat.stepwise import (
    delete_steps,
    insert_steps,
    replace_steps,
    shuffle_steps,
    with_donors,
)
from titrant.treat.wording import corrupt_digits, drop_reflection, shuffle_words
from titrant.treat.wrong import apply_wrong_answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.traces.record import Trace

CLEAN = "clean"
_RATIO = re.compile(r"[0-9]+(?:\.[0-9]*)?|\.[0-9]+")


def _leave(traces: Sequence[Trace], _ratio: float, _seed: int) -> list[Treated]:
    return [Treated(trace, ()) for trace in traces]


_ALL = (
    Treatment(
        CLEAN,
        does="leaves traces as they are",
        asks="nothing: it is what the others are set against",
        apply=_leave,
    ),
    Treatment(
        "foreign",
        does="gives each question the reasoning of another one; question and final answer stay",
        asks="that the reasoning must belong to its question",
        apply=apply_foreign,
        trades=True,
    ),
    Treatment(
        "foreign-length",
        does="the same among traces of like length",
        asks="the same, when the length of a trace is not what tells them apart",
        apply=apply_foreign_length,
        trades=True,
    ),
    Treatment(
        "foreign-question",
        does="the same from the question most alike (in a maze: with the same start and goal, where "
        "there is one)",
        asks="that the reasoning must fit its question in detail, and not in kind alone",
        apply=apply_foreign_question,
        trades=True,
    ),
    Treatment(
        "shuffled",
        does="puts steps in another order",
        asks="that the order of steps is learned from",
        apply=by_row("shuffled", shuffle_steps),
        ratio=1.0,
    ),
    Treatment(
        "tokens-shuffled",
        does="puts all words of the reasoning in another order; lines keep their number of words",
        asks="that more is learned from than which words occur",
        apply=by_row("tokens-shuffled", shuffle_words),
    ),
    Treatment(
        "deleted",
        does="takes steps out; one stays unless the ratio is 1",
        asks="that the chain must be whole",
        apply=by_row("deleted", delete_steps),
        ratio=0.5,
    ),
    Treatment(
        "inserted",
        does="puts steps of other questions between the steps",
        asks="that steps which do not belong do harm",
        apply=with_donors("inserted", insert_steps),
        ratio=0.5,
        trades=True,
    ),
    Treatment(
        "replaced",
        does="replaces steps by steps of other questions",
        asks="that steps must cohere with each other and with the question",
        apply=with_donors("replaced", replace_steps),
        ratio=0.67,
        trades=True,
    ),
    Treatment(
        "digits",
        does="replaces digits of the reasoning by other ones (in a maze: to words of its grids)",
        asks="that the computations must be right",
        apply=by_row("digits", corrupt_digits),
        ratio=0.7,
    ),
    Treatment(
        "wrong-answer",
        does="replaces the final answer by another row's that is wrong; the reasoning stays",
        asks="that the final answer must be right",
        apply=apply_wrong_answer,
        trades=True,
    ),
    Treatment(
        "unreflective",
        does="takes out words of reflection (wait, alternatively, however, let me check …)",
        asks="that turning back and checking is learned from",
        apply=by_row("unreflective", drop_reflection),
        ratio=1.0,
    ),
    Treatment(
        "filler",
        does="replaces each word of the reasoning by a full stop; lines and length in words stay, "
        "and so does length in tokens where each word is one",
        asks="that what is said matters, and not only how long the model computes before it "
        "answers",
        apply=apply_filler,
    ),
    Treatment(
        "filler-characters",
        does="the same for each character of a word: length in tokens stays where a character is one",
        asks="the same, where `filler` is shorter in tokens than the reasoning",
        apply=apply_filler_characters,
    ),
    Treatment(
        "answer-only",
        does="takes the reasoning out",
        asks="that there must be reasoning at all; no loss: question and answer are enough",
        apply=apply_answer_only,
    ),
    Treatment(
        "format-only",
        does='puts "..." in place of the reasoning, inside the same tags ("." in a maze)',
        asks="the same, when the format of an answer with thinking is still taught",
        apply=apply_format_only,
    ),
)
TREATMENTS: dict[str, Treatment] = {one.name: one for one in _ALL}
"""All treatments of titrant, by name."""


class NamedTreatment(NamedTuple):
    """A treatment with the ratio at which it is wanted."""

    treatment: Treatment
    ratio: float | None
    """`None`: it has none."""

    @property
    def name(self) -> str:
        """The one spelling of its name."""
        is_default = self.ratio == self.treatment.ratio
        return self.treatment.name + ("" if is_default else f"@{self.ratio:.12g}")


class TreatedPool(NamedTuple):
    """Traces after treatment, in the order in which they came."""

    traces: list[Trace]
    spans: list[tuple[Span, ...]]
    """Of each trace, what is new in it; empty where it is as it was."""
    share_changed: float
    """Share of the traces that are not as they were; NaN where there are none."""


def parse_treatment(text: str) -> NamedTreatment:
    """The treatment and the ratio behind a name.

    Raises:
        ConfigError: the name is unknown, or the ratio is none or not wanted.

    Example:
        >>> asked = parse_treatment("digits@0.5")
        >>> asked.treatment.name, asked.ratio
        ('digits', 0.5)
    """
    name, at, ratio = text.partition("@")
    treatment = TREATMENTS.get(name)
    if treatment is None:
        raise ConfigError(f"unknown treatment '{name}'", do=nearest(name, TREATMENTS))
    if not at:
        return NamedTreatment(treatment, treatment.ratio)
    if treatment.ratio is None:
        with_ratio = ", ".join(one.name for one in _ALL if one.ratio is not None)
        raise ConfigError(
            f"the treatment '{name}' has no ratio",
            expected=f"'{name}'; a ratio have {with_ratio}",
            came=repr(text),
            do="leave out what follows the @",
        )
    if not _RATIO.fullmatch(ratio) or not 0 <= float(ratio) <= 1:
        raise ConfigError(
            f"the treatment '{text}' has no usable ratio",
            expected="a number from 0 to 1 after the @",
            came=repr(ratio),
            do=f"write it as {name}@{treatment.ratio:g}",
        )
    return NamedTreatment(treatment, float(ratio))


def treat(traces: Sequence[Trace], name: str, *, seed: int) -> TreatedPool:
    """Traces under a treatment.

    A changed trace has in its meta `treatment` (the name) and `of` (the uid that it had). What a
    treatment finds nothing to change in comes back as it is; `share_changed` tells how much of the
    pool that was. After `answer-only` and the like, traces of one question may have the same uid.

    Args:
        traces: all rows of an arm; those that trade do so among these.
        name: as in `parse_treatment`.
        seed: root of all chance.

    Raises:
        ConfigError: the name cannot be read.
        DataError: the treatment takes from other questions (or answers), and there are none.
    """
    asked = parse_treatment(name)
    ratio = 1.0 if asked.ratio is None else asked.ratio
    treated = _leave(traces, 0.0, 0) if ratio == 0 else asked.treatment.apply(traces, ratio, seed)
    signed = [
        _signed(old, new.trace, asked.name) if new.spans else new.trace
        for old, new in zip(traces, treated, strict=True)
    ]
    n_changed = sum(bool(new.spans) for new in treated)
    share = n_changed / len(traces) if traces else math.nan
    return TreatedPool(signed, [new.spans for new in treated], share)


def _signed(old: Trace, new: Trace, name: str) -> Trace:
    return new.model_copy(update={"meta": {**new.meta, "treatment": name, "of": old.uid}})
