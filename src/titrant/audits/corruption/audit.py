"""The corruption audit: is it what the traces say that trains, and do answers follow from it?

Two readings that can disagree. *Training*: arms on treated traces at the same dose, seeds, updates and
rows (`corruption.share`). *Inference*: another trace in the place of a model's own (`corruption.replace`;
judged in `corruption.follow`). Each module states its outcome rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.audits.arms import groups_of, too_few
from titrant.audits.base import (
    Audit,
    AuditResult,
    Evidence,
    Finding,
    FindingTable,
    Part,
    Plot,
    Point,
)
from titrant.audits.corruption.follow import judge_following
from titrant.audits.corruption.replace import pairs, replace_traces
from titrant.audits.corruption.share import HALF, Shares, shares_of
from titrant.audits.words import between, percent, points, probability
from titrant.dose.readings import FEWEST_PROBLEMS
from titrant.treat.table import parse_treatment

if TYPE_CHECKING:
    from titrant.estimate import Estimate
    from titrant.settings import AuditSettings

NAME = "corruption"
QUESTION = "Does the gain come from what the traces say?"
OUT = "out"
"""Name of the problems out of distribution in the readings."""


def judge(evidence: Evidence, settings: AuditSettings) -> AuditResult:
    """Findings on each treatment, and on whether answers follow the trace."""
    del settings
    inside = groups_of(evidence.readings, evidence.benchmark)
    outside = groups_of(evidence.readings, OUT)
    following = judge_following(evidence)
    if inside is None or not inside.treatments:
        first = _not_compared(too_few(evidence.readings, evidence.benchmark))
        return AuditResult(audit=NAME, question=QUESTION, findings=(first, *following))
    near = shares_of(inside, evidence.level)
    far = None if outside is None else shares_of(outside, evidence.level)
    findings = [_finding(name, near, far, evidence) for name in inside.treatments]
    return AuditResult(
        audit=NAME,
        question=QUESTION,
        findings=(*findings, *following),
        tables=(_table(near, far, evidence),),
        notes=_notes(near, evidence),
    )


def _not_compared(n_problems: int | None) -> Finding:
    """The finding of no arms, or of arms that were asked too few problems (`n_problems`)."""
    if n_problems is None:
        statement = "No arm was trained on corrupted traces."
        decides = "titrant run --audit, which trains treated arms beside clean ones"
    else:
        statement = f"Only {n_problems} problems were asked of every arm, too few to compare them."
        decides = f"{FEWEST_PROBLEMS} problems or more with a reading in each arm"
    return Finding(
        audit=NAME,
        name="content share",
        question=QUESTION,
        statement=statement,
        outcome="not looked at",
        value=None,
        unit="share of the gain",
        decides=decides,
    )


def _finding(name: str, near: Shares, far: Shares | None, evidence: Evidence) -> Finding:
    treatment, ratio = parse_treatment(name)
    share = near.share[name]
    at = "" if ratio is None else f" (ratio {ratio:g})"
    return Finding(
        audit=NAME,
        name=f"content share: {name}",
        question=f"What is left of the gain when a treatment {treatment.does}{at}?",
        statement=_statement(name, near, far),
        outcome=near.outcome(name),
        value=share,
        unit="share of the gain that needs what was destroyed",
        p=near.told_p(name),
        rows=_arm_ids(name, evidence),
        plot=_plot(name, near, far),
        decides=_decides(name, near),
    )


def _statement(name: str, near: Shares, far: Shares | None) -> str:
    share, accuracy, p = near.share[name], near.accuracy[name], near.told_p(name)
    if share.estimate is None or p is None:
        return (
            f"Clean traces gain {between(near.gain, points)} points, too little to be taken apart: with "
            f"`{name}` accuracy is {percent(accuracy.estimate)}."
        )
    text = (
        f"With `{name}`, accuracy is {percent(accuracy.estimate)} where clean traces give "
        f"{percent(near.clean.estimate)} and the base {percent(near.base.estimate)}: content share "
        f"{between(share)}, {_side(share)} half: {probability(p)}"
    )
    if far is not None and name in far.share and far.share[name].estimate is not None:
        text += f"; out of distribution {between(far.share[name])}"
    return text + "."


def _side(share: Estimate) -> str:
    return "over" if (share.estimate or 0.0) > HALF else "under"


def _decides(name: str, near: Shares) -> str:
    share = near.share[name]
    if share.estimate is None:
        return (
            "a dose, recipe or benchmark on which clean traces gain more than two standard errors"
        )
    if near.outcome(name) == "undecided":
        return f"more seeds or problems: half of the gain is not told from {between(share)}"
    return (
        f"arms under `{name}` on the other side of half the gain, {percent(_half(near))} accuracy"
    )


def _half(near: Shares) -> float:
    return ((near.clean.estimate or 0.0) + (near.base.estimate or 0.0)) / 2


def _plot(name: str, near: Shares, far: Shares | None) -> Plot:
    marked = [("in distribution", near)] + ([] if far is None else [("out of distribution", far)])
    return Plot(
        title=f"Accuracy with `{name}`",
        y_name="accuracy",
        unit="share",
        points=tuple(
            Point(label=label, series=series, y=value)
            for series, shares in marked
            for label, value in (
                ("base", shares.base),
                (name, shares.accuracy.get(name)),
                ("clean", shares.clean),
            )
            if value is not None
        ),
    )


def _table(near: Shares, far: Shares | None, evidence: Evidence) -> FindingTable:
    columns = ["treatment", "accuracy", "content share", "p (Holm)"]
    units = ["text", "share", "share", "number"]
    if far is not None:
        columns += ["accuracy, out", "content share, out"]
        units += ["share", "share"]
    columns += ["trained tokens", "rows changed"]
    units += ["tokens", "share"]
    rows = []
    for name in ("base", "clean", *near.share):
        row = [name, *_cells(name, near), near.told_p(name)]
        row += [] if far is None else [*_cells(name, far)]
        rows.append((*row, *_cost(name, evidence)))
    return FindingTable(
        title="Treatments",
        lead=(
            "Same dose, seeds, updates and rows. Content share: (clean − treated) / (clean − base). "
            f"Intervals ({near.level:.0%}) are those of one treatment alone; p that the share is on its "
            "side of a half, corrected over all treatments and both sides."
        ),
        columns=tuple(columns),
        units=tuple(units),
        rows=tuple(rows),
    )


def _cells(name: str, shares: Shares) -> tuple[object, object]:
    fixed = {"base": shares.base, "clean": shares.clean}
    return fixed.get(name) or shares.accuracy.get(name), shares.share.get(name)


def _cost(name: str, evidence: Evidence) -> tuple[float | None, float | None]:
    """Mean trained tokens of a group's arms, and the share of rows that were changed."""
    arms = evidence.facts.get("arms", {})
    mine = [arms[arm_id] for arm_id in _arm_ids(name, evidence) if arm_id in arms]
    if not mine or name == "base":
        return None, None
    changed = [one["changed"] for one in mine if one.get("changed") is not None]
    tokens = sum(one["train_tokens"] for one in mine) / len(mine)
    return tokens, sum(changed) / len(changed) if changed else None


def _arm_ids(name: str, evidence: Evidence) -> tuple[str, ...]:
    assert evidence.readings is not None
    rows = evidence.readings.filter(
        (evidence.readings["treatment"] == name) & (evidence.readings["dose"] > 0)
    )
    return tuple(sorted(rows["arm_id"].unique()))


def _notes(near: Shares, evidence: Evidence) -> tuple[str, ...]:
    words = []
    few = too_few(evidence.readings, OUT)
    if few is not None:
        words.append(
            f"only {few} problems out of distribution were asked of every arm, and nothing is said of them: "
            f"{FEWEST_PROBLEMS} would do"
        )
    for name in near.share:
        changed = _cost(name, evidence)[1]
        if changed is not None and changed < 0.5:
            words.append(f"`{name}` changed only {percent(changed)} of the rows it was given")
    return tuple(words)


CORRUPTION = Audit(
    name=NAME,
    question=QUESTION,
    parts=(Part("replace", ("tuned", "base"), pairs, replace_traces),),
    judge=judge,
    treatments=True,
)
"""The audit of this module; see its docstring."""
