"""Partial-prompt completion: shown the first part of a question, does the base know the rest?

The first floor(ρ·n) units of a question stand as the whole prompt, without any template, and the model
goes on greedily. Units are words (what white space parts) where the question has ten or more, characters
where it has fewer. What it writes is compared with the true rest of the *question*, after it was cut to as
many units: without the cut no match would be exact, since the model goes on to solve.

| number | what |
|---|---|
| EM | the rest is written exactly, white space aside |
| ROUGE-L | F of the longest common subsequence (`rouge`) |
| correct | the whole continuation ends in the gold answer, judged as a reading is |
| chance | EM of whoever knows how problems are drawn, and how long this one is, and nothing else |

The same is asked of fresh problems, which nobody can have seen: clean text too scores 27–33 % ROUGE-L, and
short rests are guessed (10–17 % EM at ρ = 0.8).

The chance is known of `world:arithmetic` alone, where all rests of one length are alike: start, operators and
operands are uniform and independent, and so

    chance = Π over the characters of the rest:  1/3 an operator, 1/8 an operand, 1/10 a further digit of
             the start, 1 the sign at the end

Who does not know the length has less, so luck gives at most this in the mean over problems. (Which chains
belong to the test split is decided by a hash, and not known to anybody who guesses.)

Source: Wu et al. 2025 (arXiv 2507.10532), §3 and its tables. Theirs leaves open the unit of length, how
texts are made comparable for EM, and what counts as an answer; ours are above. Left out: Avg@16 draws, and
the same with the chat template.
"""

from __future__ import annotations

import math
import re
import string
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from titrant.audits.asking import judge_texts
from titrant.audits.contamination.rouge import rouge_l
from titrant.engines.base import Request
from titrant.errors import EngineError
from titrant.seeds import derive
from titrant.signals.ragged import SHARE_SLACK
from titrant.traces.record import normalise
from titrant.worlds.arithmetic import ARITHMETIC, OPERANDS, OPERATORS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.audits.asking import Answered
    from titrant.audits.base import Material, Subject
    from titrant.engines.base import Result
    from titrant.settings import AuditSettings
    from titrant.traces.record import Problem

FEWEST_WORDS = 10
"""Questions of fewer words are cut by characters."""
BENCHMARK, FRESH = "benchmark", "fresh"
"""Names of the two sets in every table of this audit."""
MOST_KEPT = 2000
"""Characters of a continuation that are kept."""
SCHEMA = {
    "set": pl.String,
    "qid": pl.String,
    "share": pl.Float64,
    "unit": pl.String,
    "n_units": pl.Int64,
    "prefix": pl.String,
    "rest": pl.String,
    "continuation": pl.String,
    "begun": pl.String,
    "em": pl.Boolean,
    "rouge": pl.Float64,
    "correct": pl.Boolean,
    "verdict": pl.String,
    "n_tokens": pl.Int64,
    "chance": pl.Float64,
}
"""Columns of the table `probes`: `share` is ρ, `n_units` the units of the whole question, `begun` the
continuation cut to the length of `rest`, `correct` null where there is no gold answer, `chance` what luck
gives at most (see `chance_of`), null where nobody can say."""
ARITHMETIC_SOURCE = f"world:{ARITHMETIC.name}/"

_WORD = re.compile(r"\S+")


class Cut(NamedTuple):
    """A question in two parts."""

    prefix: str
    rest: str
    unit: str
    """`word` or `character`."""
    n_units: int
    """Of the whole question."""


class Item(NamedTuple):
    """One probe."""

    set: str
    problem: Problem
    share: float
    cut: Cut


def cut_question(question: str, share: float) -> Cut | None:
    """The first floor(share · n) units of a question and the rest; `None` where one is empty.

    Example:
        >>> cut_question("47+3*5-2=", 0.6)
        Cut(prefix='47+3*', rest='5-2=', unit='character', n_units=9)
    """
    words = list(_WORD.finditer(question))
    is_long = len(words) >= FEWEST_WORDS
    n = len(words) if is_long else len(question)
    kept = math.floor(share * n + SHARE_SLACK)
    if not 0 < kept < n:
        return None
    at = words[kept - 1].end() if is_long else kept
    unit = "word" if is_long else "character"
    return Cut(question[:at], question[at:], unit, n)


def begun(text: str, cut: Cut) -> str:
    """A continuation cut to as many units as the rest has; blanks at its ends do not count."""
    text, rest = text.strip(), cut.rest.strip()
    if cut.unit == "character":
        return text[: len(rest)]
    ends = [word.end() for word in _WORD.finditer(text)][: len(rest.split())]
    return text[: ends[-1]] if ends else ""


def chance_of(source: str, cut: Cut) -> float | None:
    """The probability of an exact rest for whoever knows how problems are drawn, and the question's length.

    Args:
        source: of the problem.
        cut: its question in two parts.

    Returns:
        See the module docstring; `None` where the source is not the arithmetic world.

    Example:
        >>> cut = Cut("47+3*", "5-2=", "character", 9)
        >>> chance_of("world:arithmetic/easy", cut) == 1 / (8 * 3 * 8)
        True
    """
    if not source.startswith(ARITHMETIC_SOURCE):
        return None
    of_start = len(cut.rest) - len(cut.rest.lstrip(string.digits)) if cut.prefix.isdigit() else 0
    operators = sum(one in OPERATORS for one in cut.rest)
    operands = sum(one.isdigit() for one in cut.rest) - of_start
    return 1 / (10**of_start * len(OPERATORS) ** operators * len(OPERANDS) ** operands)


def chosen(problems: Sequence[Problem], material: Material, most: int) -> list[Problem]:
    """At most so many problems, by a hash of their identity, so that a longer list keeps the shorter."""
    root = material.config.seed
    return sorted(problems, key=lambda p: derive(root, "contamination", p.qid))[:most]


def probe_items(material: Material, settings: AuditSettings) -> list[Item]:
    """Every problem of both sets at every share; a question too short to be cut is left out."""
    found = []
    for name, problems in ((BENCHMARK, material.benchmark), (FRESH, material.fresh)):
        for problem in chosen(problems, material, settings.problems):
            for share in sorted(set(settings.prefixes)):
                cut = cut_question(problem.question, share)
                if cut is not None:
                    found.append(Item(name, problem, share, cut))
    return found


def ask_probes(
    subject: Subject, items: Sequence[Item], material: Material, settings: AuditSettings
) -> pl.DataFrame:
    """One row per probe, in the order of the items; see `SCHEMA`.

    Raises:
        EngineError: the engine failed on one; nothing of the chunk is kept.
    """
    del settings
    results = _continued(subject, items, material)
    problems, texts = [item.problem for item in items], [result.text for result in results]
    judged = judge_texts(problems, texts, results, material)
    rows = [_row(item, answered) for item, answered in zip(items, judged, strict=True)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _row(item: Item, answered: Answered) -> tuple[object, ...]:
    start = begun(answered.text, item.cut)
    return (
        item.set,
        item.problem.qid,
        item.share,
        item.cut.unit,
        item.cut.n_units,
        item.cut.prefix,
        item.cut.rest,
        answered.text[:MOST_KEPT],
        start,
        normalise(start) == normalise(item.cut.rest),
        rouge_l(start, item.cut.rest).f,
        answered.correct if answered.verdict else None,
        answered.verdict or None,
        answered.n_tokens,
        chance_of(item.problem.source, item.cut),
    )


def _continued(subject: Subject, items: Sequence[Item], material: Material) -> list[Result]:
    """Greedy continuations of the bare prefixes, long enough for the rest and an answer.

    A token has a character or more, so the rest never takes the room of the answer. A stop text that
    stands in the rest itself would hide that the model knows it, and is not given.
    """
    decode = material.config.decode
    requests = [
        Request(
            item.cut.prefix,
            decode.max_new_tokens + len(item.cut.rest),
            stop=tuple(mark for mark in decode.stop if mark not in item.cut.rest),
        )
        for item in items
    ]
    found = dict(subject.engine.generate(requests))
    results = [found[i] for i in range(len(requests))]
    for item, result in zip(items, results, strict=True):
        if result.error is not None:
            raise EngineError(
                "a question could not be completed",
                came=f"{result.error} (problem {item.problem.qid}, {item.share:.0%} shown)",
                do="correct the cause and run the same command again: what was asked is kept",
            )
    return results
