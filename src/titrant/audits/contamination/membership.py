"""Membership: is the benchmark likelier to the base, token by token, than fresh problems of its kind?

Three scores of a text without its first token, of which high speaks for a member: the mean logprob (`loss`,
with its sign turned), Min-K% and Min-K%++ (`signals.membership`). Each is taken of the question alone and of
the question with its gold answer, and judged by AUROC of benchmark against fresh problems. k is swept; the
finding rests on Min-K%++ of the question at the config's `signals.min_k` (on Min-K% where the engine gives
no distribution).

| AUROC of the leading score | outcome |
|---|---|
| over 0.5, Holm-corrected p at most α | alarm |
| the same, but the fresh problems were not made as the benchmark was | undecided |
| else, the interval ends at or under 0.60 | clear |
| the same, but fresh problems of another making, and it begins under 0.40 | undecided |
| else, or under 20 problems in a set | undecided |
| no scores, or no fresh problems | not looked at |

The second and fourth rows are there since these scores compare within one kind of text only: exchanged
numbers alone make a question a little less likely, and an AUROC near 0 says that the sets are of two kinds,
not that the benchmark is unknown.

Source: Shi et al. 2023 (arXiv 2310.16789), Zhang et al. 2024 (arXiv 2404.02936) and its code: k from 0.1 to
1, AUROC and the true-positive rate at 5 % false positives.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np
import polars as pl

from titrant.audits.base import Finding, FindingTable, Plot, Point
from titrant.audits.contamination import NAME
from titrant.audits.contamination.compare import alpha, auroc
from titrant.audits.contamination.completion import FEWEST, MOST_ROWS, OWN_SOURCE
from titrant.audits.contamination.probe import BENCHMARK, FRESH, chosen
from titrant.audits.words import between, percent, probability
from titrant.engines.base import ScoreRequest, require
from titrant.errors import EngineError
from titrant.signals.membership import min_k, normalised
from titrant.signals.ragged import Ragged

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from titrant.audits.base import Evidence, Material, Outcome, Subject
    from titrant.audits.contamination.compare import Auroc
    from titrant.engines.base import Score
    from titrant.settings import AuditSettings
    from titrant.traces.record import Problem

TITLE = "membership"
QUESTION = "Is the benchmark likelier to the base than fresh problems of its kind?"
ALONE, WITH_GOLD = "question", "question and gold"
LOSS, MIN_K, MIN_K_PLUS = "loss", "min-k", "min-k++"
SWEEP = tuple(round(k / 10, 1) for k in range(1, 11))
MARGIN = 0.60
"""AUROC that would be a concern."""
LEAST = 0.40
"""AUROC under which sets of two makings cannot be compared."""
SCHEMA = {
    "set": pl.String,
    "qid": pl.String,
    "text": pl.String,
    "method": pl.String,
    "k": pl.Float64,
    "value": pl.Float64,
    "leads": pl.Boolean,
    "n_tokens": pl.Int64,
}
"""Columns of the table `membership`: one row per text and score; `k` is null for `loss`, `value` null where
the engine gives no distribution or the text has one token, `leads` marks the score that decides."""

Test = tuple[str, str, float | None]
"""Text, method and k."""


class Member(NamedTuple):
    """One problem of one set."""

    set: str
    problem: Problem


class Membership(NamedTuple):
    """AUROC of every score."""

    areas: dict[Test, Auroc]
    leading: dict[str, Test]
    """The score that leads, by text; a text without gold answers is not there."""
    over: tuple[str, ...]
    """Problems of the benchmark over the score that 5 % of fresh ones exceed, highest first."""
    sizes: tuple[int, int]
    level: float


def membership_items(material: Material, settings: AuditSettings) -> list[Member]:
    """The problems of both sets."""
    both = ((BENCHMARK, material.benchmark), (FRESH, material.fresh))
    return [
        Member(name, problem)
        for name, problems in both
        for problem in chosen(problems, material, settings.problems)
    ]


def ask_membership(
    subject: Subject, items: Sequence[Member], material: Material, settings: AuditSettings
) -> pl.DataFrame:
    """All scores of both texts of each problem.

    Raises:
        ConfigError: the engine cannot score.
        EngineError: a text could not be scored; nothing of the chunk is kept.
    """
    del settings
    require(subject.engine, "score")
    lead = material.config.signals.answer
    texts = [(item, ALONE, item.problem.question) for item in items]
    texts += [
        (item, WITH_GOLD, item.problem.question + lead.replace("{gold}", item.problem.gold))
        for item in items
        if item.problem.gold is not None
    ]
    found = dict(subject.engine.score([ScoreRequest("", text) for *_, text in texts]))
    rows = []
    for i, (item, name, _) in enumerate(texts):
        _check(found[i], item)
        head = (item.set, item.problem.qid, name)
        rows += [(*head, *row) for row in scores_of(found[i], material.config.signals.min_k)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def scores_of(
    score: Score, default: float
) -> list[tuple[str, float | None, float | None, bool, int]]:
    """All scores of a text: method, k, value, whether it leads, tokens.

    Args:
        score: of the text after an empty prefix.
        default: the k that leads.
    """
    n = len(score.token_ids)
    logprobs = np.asarray(score.logprobs, dtype=np.float64)
    rows = {LOSS: logprobs, MIN_K: logprobs, MIN_K_PLUS: None}
    if score.entropy is not None and score.variance is not None:
        rows[MIN_K_PLUS] = normalised(logprobs, -score.entropy, score.variance)
    best = MIN_K if rows[MIN_K_PLUS] is None else MIN_K_PLUS
    found: list[tuple[str, float | None, float | None, bool, int]]
    found = [(LOSS, None, _lowest(logprobs, 1.0), False, n)]
    for method in (MIN_K, MIN_K_PLUS):
        for k in sorted({*SWEEP, default}):
            leads = method == best and k == default
            found.append((method, k, _lowest(rows[method], k), leads, n))
    return found


def _lowest(values: np.ndarray | None, share: float) -> float | None:
    if values is None:
        return None
    found = float(min_k(Ragged.of_rows([values]), share)[0])
    return found if math.isfinite(found) else None


def _check(score: Score, item: Member) -> None:
    if score.error is not None:
        raise EngineError(
            "a question could not be scored",
            came=f"{score.error} (problem {item.problem.qid})",
            do="correct the cause and run the same command again: what was asked is kept",
        )


def look_at_membership(evidence: Evidence) -> Membership | None:
    """AUROC of every score of the base; `None` where there is nothing to compare."""
    table = evidence.tables.get("membership")
    if table is None:
        return None
    table = table.filter((pl.col("role") == "base") & pl.col("value").is_not_null())
    if not {BENCHMARK, FRESH} <= set(table["set"]):
        return None
    areas, leading, over, sizes = {}, {}, (), (0, 0)
    keys = ["text", "method", "k", "leads"]
    for key, rows in table.partition_by(keys, as_dict=True, include_key=False).items():
        *test, leads = cast("tuple[str, str, float | None, bool]", key)
        test = cast("Test", tuple(test))
        is_mine, values = rows["set"].to_numpy() == BENCHMARK, rows["value"].to_numpy()
        areas[test] = auroc(values[is_mine], values[~is_mine], evidence.level)
        if leads:
            leading[test[0]] = test
        if leads and test[0] == ALONE:
            sizes = int(is_mine.sum()), int((~is_mine).sum())
            over = _over(rows.filter(pl.col("set") == BENCHMARK), areas[test])
    return Membership(areas, leading, over, sizes, evidence.level)


def _over(mine: pl.DataFrame, area: Auroc) -> tuple[str, ...]:
    ordered = mine.sort(["value", "qid"], descending=[True, False])
    n = 0 if math.isnan(area.caught) else round(area.caught * len(mine))
    return tuple(ordered["qid"].head(min(n, MOST_ROWS)))


def membership_tests(found: Membership | None) -> dict[str, float]:
    """p-values of the leading scores, by name."""
    if found is None:
        return {}
    return {_name(text): found.areas[test].p for text, test in found.leading.items()}


def judge_membership(
    found: Membership | None, p: Mapping[str, float], *, is_exchangeable: bool
) -> Finding:
    """The finding.

    Args:
        found: all scores.
        p: Holm-corrected p-values by the names of `membership_tests`.
        is_exchangeable: whether fresh problems were made as the benchmark was.
    """
    if found is None or ALONE not in found.leading:
        return Finding(
            audit=NAME,
            name=TITLE,
            question=QUESTION,
            statement="The questions were not scored under the base.",
            outcome="not looked at",
            value=None,
            unit="AUROC",
            decides="fresh problems (audit.fresh) and an engine that scores text",
        )
    test = found.leading[ALONE]
    lead, corrected = found.areas[test], p[_name(ALONE)]
    outcome = _outcome(lead, corrected, found, is_exchangeable=is_exchangeable)
    return Finding(
        audit=NAME,
        name=TITLE,
        question=QUESTION,
        statement=_statement(found, corrected, is_exchangeable=is_exchangeable),
        outcome=outcome,
        value=lead.area,
        unit=f"AUROC of {_score(test)}, benchmark against fresh",
        p=None if math.isnan(corrected) else corrected,
        rows=found.over,
        plot=_plot(found),
        decides=_decides(outcome, is_exchangeable=is_exchangeable),
    )


TABLED = (None, 0.2, 0.6, 1.0)
"""Shares k in the table; the plot has them all."""


def membership_table(found: Membership) -> FindingTable:
    """Scores with their AUROC, at some k and at the leading one."""
    shown = {*TABLED, *(k for _, _, k in found.leading.values())}
    return FindingTable(
        title="Membership scores",
        lead="AUROC of benchmark against fresh problems; 0.5 is a coin.",
        columns=("text", "score", "k", "AUROC", "caught at 5 % false positives"),
        units=("text", "text", "share", "number", "share"),
        rows=tuple(
            (text, method, k, one.area, None if math.isnan(one.caught) else one.caught)
            for (text, method, k), one in found.areas.items()
            if k in shown
        ),
    )


def _name(text: str) -> str:
    return f"membership: {text}"


def _score(test: Test) -> str:
    _, method, k = test
    return method if k is None else f"{method} at k = {100 * k:g} %"


def _outcome(lead: Auroc, p: float, found: Membership, *, is_exchangeable: bool) -> Outcome:
    area = lead.area
    if min(found.sizes) < FEWEST or area.estimate is None or area.high is None or math.isnan(p):
        return "undecided"
    if p <= alpha(found.level) and area.estimate > 0.5:
        return "alarm" if is_exchangeable else "undecided"
    is_alike = is_exchangeable or (area.low is not None and area.low >= LEAST)
    return "clear" if is_alike and area.high <= MARGIN else "undecided"


def _statement(found: Membership, p: float, *, is_exchangeable: bool) -> str:
    test = found.leading[ALONE]
    lead = found.areas[test]
    text = (
        f"{_score(test)} of the question tells benchmark from fresh problems with an AUROC of "
        f"{between(lead.area, _plain)}"
    )
    text += "" if math.isnan(p) else f", {probability(p)}"
    text += f", and catches {percent(lead.caught)} of them at 5 % false positives"
    if WITH_GOLD in found.leading:
        other = found.areas[found.leading[WITH_GOLD]]
        text += f"; with the gold answer behind it {between(other.area, _plain)}"
    if not is_exchangeable:
        text += "; the fresh problems were not made as the benchmark was, which alone may tell them apart"
    return text + "."


def _decides(outcome: Outcome, *, is_exchangeable: bool) -> str:
    if outcome == "alarm":
        return "an AUROC near 0.5 against fresh problems that are closer to the benchmark in kind"
    if outcome == "clear":
        return f"an AUROC over {MARGIN:.2f}"
    if not is_exchangeable:
        return OWN_SOURCE
    return "more problems of both sets (audit.problems)"


def _plain(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def _plot(found: Membership) -> Plot:
    marks = {"a coin": 0.5}
    loss = found.areas.get((ALONE, LOSS, None))
    if loss is not None and loss.area.estimate is not None:
        marks[LOSS] = loss.area.estimate
    return Plot(
        title="Telling benchmark from fresh questions",
        x_name="k, share of the least likely tokens",
        y_name="AUROC",
        unit="number",
        points=tuple(
            Point(label=f"{100 * k:g} %", series=method, x=k, y=one.area)
            for (text, method, k), one in sorted(found.areas.items(), key=lambda pair: str(pair[0]))
            if text == ALONE and k is not None
        ),
        marks=marks,
    )
