"""What the probes say: do questions of the benchmark come back where fresh ones do not?

Exact match, ROUGE-L and answer accuracy are compared with the fresh problems at every share of the question
that is shown. The finding rests on one of these, named beforehand: exact match at 60 % (the middle share
where 60 % is not asked). Short rests are guessed and ROUGE is high on clean text too, so the others are
shown beside it.

| exact match at the deciding share | outcome |
|---|---|
| more than on fresh problems, Holm-corrected p at most α | alarm |
| else, the interval of the difference ends at or under 10 points | clear |
| the same, but the fresh problems were not made as the benchmark was | undecided |
| then, Wilson's interval of the benchmark's own share ends at or under 10 % | clear |
| else, or under 20 problems in a set | undecided |
| no probes, or no fresh problems | not looked at |

The third row is there since fresh problems that share their words with the benchmark may come back with it:
few more rests than on those say nothing, and only few rests at all do.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import polars as pl

from titrant.audits.base import Excerpt, Finding, FindingTable, Plot, Point
from titrant.audits.contamination import NAME
from titrant.audits.contamination.compare import alpha, means, shares
from titrant.audits.contamination.probe import BENCHMARK, FRESH
from titrant.audits.proportion import wilson
from titrant.audits.words import between, percent, points, probability

if TYPE_CHECKING:
    from collections.abc import Mapping

    from titrant.audits.base import Evidence, Outcome
    from titrant.audits.contamination.compare import Comparison
    from titrant.estimate import Estimate

TITLE = "completion"
QUESTION = "Shown part of a question of the benchmark, does the base write the rest?"
MARGIN = 0.10
"""Excess of exact matches that would be a concern; of other fresh problems, the benchmark's own share."""
FEWEST = 20
"""Problems of a set under which nothing is said."""
DECIDING_SHARE = 0.6
MEASURES = {"em": "exact match", "rouge": "ROUGE-L", "correct": "answer right"}
MOST_ROWS, SHOWN = 20, 3
LEAST_WRITTEN = 0.001
"""Share that a chance is rounded up to, so that no sentence says that luck gives nothing."""
OWN_SOURCE = (
    "fresh problems from the benchmark's own source, made after the base (audit.fresh with "
    "audit.fresh_is_alike)"
)
"""What decides where the fresh problems were not made as the benchmark was."""


class Completion(NamedTuple):
    """The probes of the base, compared."""

    table: pl.DataFrame
    """Of the base alone."""
    values: dict[tuple[str, float, str], np.ndarray]
    """By measure, share shown and set: one value per problem, missing ones left out."""
    compared: dict[tuple[str, float], Comparison]
    """By measure and share shown."""
    deciding: float
    """The share that decides."""
    level: float


def look_at_completion(evidence: Evidence) -> Completion | None:
    """Every measure at every share; `None` where there is nothing to compare."""
    table = evidence.tables.get("probes")
    if table is None:
        return None
    table = table.filter(pl.col("role") == "base")
    if not {BENCHMARK, FRESH} <= set(table["set"]):
        return None
    values = _values(table)
    asked = sorted({share for _, share, _ in values})
    found = {
        (measure, share): (means if measure == "rouge" else shares)(
            values[measure, share, BENCHMARK], values[measure, share, FRESH], evidence.level
        )
        for share in asked
        for measure in MEASURES
    }
    return Completion(table, values, found, deciding_share(asked), evidence.level)


def deciding_share(asked: list[float]) -> float:
    """60 % where it was asked, else the middle one, the larger of two.

    Example:
        >>> deciding_share([0.4, 0.6, 0.8]), deciding_share([0.3, 0.5])
        (0.6, 0.5)
    """
    near = [share for share in asked if math.isclose(share, DECIDING_SHARE)]
    return near[0] if near else sorted(asked)[len(asked) // 2]


def completion_tests(found: Completion | None) -> dict[str, float]:
    """p-values of all comparisons, by name."""
    if found is None:
        return {}
    return {_test(*key): one.p for key, one in found.compared.items()}


def judge_completion(
    found: Completion | None, p: Mapping[str, float], *, is_exchangeable: bool
) -> Finding:
    """The finding.

    Args:
        found: the probes, compared.
        p: Holm-corrected p-values by the names of `completion_tests`.
        is_exchangeable: whether fresh problems were made as the benchmark was.
    """
    if found is None:
        return Finding(
            audit=NAME,
            name=TITLE,
            question=QUESTION,
            statement="The base was not asked to complete questions of the benchmark and fresh ones.",
            outcome="not looked at",
            value=None,
            unit="share of questions",
            decides="fresh problems (audit.fresh) and an engine that continues bare text",
        )
    deciding = found.compared["em", found.deciding]
    corrected = p[_test("em", found.deciding)]
    outcome = _outcome(deciding, corrected, found, is_exchangeable=is_exchangeable)
    return Finding(
        audit=NAME,
        name=TITLE,
        question=QUESTION,
        statement=_statement(found, corrected, is_exchangeable=is_exchangeable),
        outcome=outcome,
        value=deciding.difference,
        unit=f"points of exact matches at {_shown(found.deciding)} shown, benchmark less fresh",
        p=None if math.isnan(corrected) else corrected,
        rows=_rows(found),
        plot=_plot(found),
        examples=_examples(found),
        decides=_decides(outcome, found, is_exchangeable=is_exchangeable),
    )


def completion_table(found: Completion, p: Mapping[str, float]) -> FindingTable:
    """All comparisons."""
    rows = []
    for (measure, share), one in found.compared.items():
        numbers = (_number(one.benchmark), _number(one.fresh), one.difference)
        rows.append((_shown(share), MEASURES[measure], *numbers, _number(p[_test(measure, share)])))
    return FindingTable(
        title="Completion of questions",
        lead="The base is shown the first part of a question, without a template, and writes on greedily.",
        columns=("shown", "measure", "benchmark", "fresh", "difference", "p (Holm, one-sided)"),
        units=("text", "text", "share", "share", "points", "number"),
        rows=tuple(rows),
    )


def _values(table: pl.DataFrame) -> dict[tuple[str, float, str], np.ndarray]:
    sets, shown = table["set"].to_numpy(), table["share"].to_numpy()
    columns = {name: table[name].cast(pl.Float64).to_numpy() for name in MEASURES}
    found = {}
    for share in np.unique(shown).tolist():
        for which in (BENCHMARK, FRESH):
            mine = (sets == which) & (shown == share)
            for name, column in columns.items():
                known = column[mine & np.isfinite(column)]
                found[name, share, which] = known if name == "rouge" else known > 0
    return found


def _test(measure: str, share: float) -> str:
    return f"completion: {measure} at {share:g}"


def _sizes(found: Completion) -> list[int]:
    return [len(found.values["em", found.deciding, which]) for which in (BENCHMARK, FRESH)]


def _own(found: Completion) -> Estimate:
    """Exact rests of the benchmark at the deciding share, whatever fresh problems do."""
    benchmark = found.values["em", found.deciding, BENCHMARK]
    return _share(benchmark, found.level)


def _share(hits: np.ndarray, level: float) -> Estimate:
    return wilson(float(hits.mean()) if len(hits) else 0.0, len(hits), level)


def _outcome(
    deciding: Comparison, p: float, found: Completion, *, is_exchangeable: bool
) -> Outcome:
    difference = deciding.difference
    if min(_sizes(found)) < FEWEST or difference.estimate is None or math.isnan(p):
        return "undecided"
    if p <= alpha(found.level) and difference.estimate > 0:
        return "alarm"
    high = difference.high if is_exchangeable else _own(found).high
    is_small = high is not None and high <= MARGIN
    return "clear" if is_small else "undecided"


def _statement(found: Completion, p: float, *, is_exchangeable: bool) -> str:
    em = found.compared["em", found.deciding]
    text = (
        f"Shown {_shown(found.deciding)} of a question, the base writes the exact rest of "
        f"{percent(_number(em.benchmark))} of the benchmark's and {percent(_number(em.fresh))} of fresh ones: "
        f"{between(em.difference, points)} points"
    )
    text += "" if math.isnan(p) else f", {probability(p)}"
    chance = _chance(found)
    if chance is not None:
        text += f"; luck alone would give at most {percent(max(chance, LEAST_WRITTEN))}"
    if not is_exchangeable:
        text += (
            "; the fresh problems were not made as the benchmark was, so only the benchmark's own share "
            f"could clear it: {between(_own(found))}"
        )
    return f"{text}.{_answered(found)}"


def _answered(found: Completion) -> str:
    """How often the base goes on to the right answer; nothing where a set has no gold answers."""
    answer = found.compared["correct", found.deciding]
    if math.isnan(answer.benchmark) or math.isnan(answer.fresh):
        return ""
    right = f"{percent(answer.benchmark)} and {percent(answer.fresh)}"
    cut = cast("float", (found.table["verdict"] == "truncated").mean())
    limit = f" ({percent(cut)} of all continuations were cut by the limit)" if cut else ""
    return f" It goes on to the right answer in {right}{limit}."


def _chance(found: Completion) -> float | None:
    """Most exact rests that luck gives at the deciding share; `None` where it is not known of a problem."""
    rows = found.table.filter((pl.col("share") == found.deciding) & (pl.col("set") == BENCHMARK))
    chance = rows["chance"]
    return None if chance.null_count() else cast("float | None", chance.mean())


def _decides(outcome: Outcome, found: Completion, *, is_exchangeable: bool) -> str:
    if outcome == "alarm":
        return (
            "fresh problems that come back as often would say that the rests are easy to guess; "
            "score the benchmark without the problems below, or replace it"
        )
    if outcome == "clear" and not is_exchangeable:
        return f"exact rests of more than {percent(MARGIN)} of the benchmark"
    if outcome == "clear":
        return (
            f"more than {percent(MARGIN)} more exact rests on the benchmark than on fresh problems"
        )
    if not is_exchangeable and min(_sizes(found)) >= FEWEST:
        return OWN_SOURCE
    n = found.table["qid"].n_unique()
    return (
        f"more problems (audit.problems; {n} were asked), or longer ones: short rests are guessed"
    )


def _plot(found: Completion) -> Plot:
    points_of = []
    for (name, share, which), hits in sorted(found.values.items()):
        if name == "em":
            y = _share(hits, found.level)
            points_of.append(Point(label=_shown(share), series=which, x=share, y=y))
    chance = _chance(found)
    marks = {} if chance is None else {f"chance at {_shown(found.deciding)}": chance}
    return Plot(
        title="Questions whose rest is written exactly",
        x_name="share of the question shown",
        y_name="exact match",
        unit="share",
        points=tuple(points_of),
        marks=marks,
    )


def _worst(found: Completion) -> pl.DataFrame:
    """Rows of the benchmark, what was written exactly from least of the question first."""
    rows = found.table.filter(pl.col("set") == BENCHMARK).with_columns(
        pl.col("rest").str.len_chars().alias("length")
    )
    return rows.sort(
        ["em", "rouge", "length", "qid"], descending=[True, True, True, False], nulls_last=True
    ).unique("qid", keep="first", maintain_order=True)


def _rows(found: Completion) -> tuple[str, ...]:
    worst = _worst(found)
    return tuple(worst.filter(pl.col("em"))["qid"].head(MOST_ROWS))


def _examples(found: Completion) -> tuple[Excerpt, ...]:
    return tuple(
        Excerpt(
            caption=f"{_shown(row['share'])} shown: {row['prefix']}",
            left_name="the true rest",
            left=row["rest"],
            right_name="what the base wrote",
            right=row["continuation"],
        )
        for row in _worst(found).head(SHOWN).iter_rows(named=True)
    )


def _shown(share: float) -> str:
    return f"{100 * share:g} %"


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
