"""The corruption audit: is it what the traces say that trains, and do answers follow from it?

Two readings that can disagree. *Training*: arms on treated traces at the same dose, seeds, updates and
rows (`corruption.share`). *Inference*: another trace in the place of a model's own
(`corruption.replace`). Outcome of the second, fixed beforehand, on own − foreign accuracy of the tuned
model, paired by problem: clear where more than half of its own accuracy goes (whole interval of the
ratio), alarm where less than half does, else undecided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.audits.arms import groups_of
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
from titrant.audits.corruption.share import Shares, outcome_of, shares_of
from titrant.audits.words import between, percent, points, probability
from titrant.treat.table import parse_treatment

if TYPE_CHECKING:
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
        return AuditResult(audit=NAME, question=QUESTION, findings=(_not_trained(), *following))
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


def _not_trained() -> Finding:
    return Finding(
        audit=NAME,
        name="content share",
        question=QUESTION,
        statement="No arm was trained on corrupted traces.",
        outcome="not looked at",
        value=None,
        unit="share of the gain",
        decides="titrant run --audit, which trains treated arms beside clean ones",
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
        outcome=outcome_of(share),
        value=share,
        unit="share of the gain that needs what was destroyed",
        p=near.p[name],
        rows=_arm_ids(name, evidence),
        plot=_plot(name, near, far),
        decides=_decides(name, near),
    )


def _statement(name: str, near: Shares, far: Shares | None) -> str:
    share, accuracy = near.share[name], near.accuracy[name]
    if share.estimate is None:
        return (
            f"Clean traces gain {between(near.gain, points)} points, too little to be taken apart: with "
            f"`{name}` accuracy is {percent(accuracy.estimate)}."
        )
    text = (
        f"With `{name}`, accuracy is {percent(accuracy.estimate)} where clean traces give "
        f"{percent(near.clean.estimate)} and the base {percent(near.base.estimate)}: content share "
        f"{between(share)}, {probability(near.p[name])}"
    )
    if far is not None and name in far.share:
        text += f"; out of distribution {between(far.share[name])}"
    return text + "."


def _decides(name: str, near: Shares) -> str:
    share = near.share[name]
    if share.estimate is None:
        return (
            "a dose, recipe or benchmark on which clean traces gain more than two standard errors"
        )
    if outcome_of(share) == "undecided":
        return f"more seeds or problems: the interval holds half of the gain ({between(share)})"
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
        row = [name, *_cells(name, near), near.p.get(name)]
        row += [] if far is None else [*_cells(name, far)]
        rows.append((*row, *_cost(name, evidence)))
    return FindingTable(
        title="Treatments",
        lead="Same dose, seeds, updates and rows. Content share: (clean − treated) / (clean − base).",
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
