"""The template gap: what of the gain comes back by asking the base in another way.

A base that is asked with a template it does not know answers under its skill, and training on any trace
teaches the template first: that return is not a gain in reasoning. So the base is read with several templates, and

    recovered = accuracy with the best other template − accuracy with the run's own

stands against the gain, paired by problem where single scores are known (t with two pseudo-problems, as in
`audits.arms`), else by Newcombe's interval of two shares.

| | outcome |
|---|---|
| the base was read with one template | not looked at |
| another is better, one-sided p at most α (Holm over all templates and tests) | alarm |
| else, the interval of every other template's lead ends at 2 points or under | clear |
| else | undecided |

Source: Wu et al. 2025 (arXiv 2507.10532), the effect of templates on base models: Qwen2.5-Math-7B 72.2 % on
MATH-500 without, 50.6 % with its chat template; so early gains of RL are in part a way back.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.stats import t as student

from titrant.audits.arms import PSEUDO_PROBLEMS, contrasts
from titrant.audits.base import Finding, Plot, Point
from titrant.audits.contamination.compare import alpha, shares
from titrant.audits.contamination.completion import NAME
from titrant.audits.contamination.split import GAIN, groups_on
from titrant.audits.proportion import wilson
from titrant.audits.words import between, percent, points, probability
from titrant.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from titrant.audits.base import Evidence, Outcome

TITLE = "template gap"
QUESTION = "Does part of the gain come back by merely asking the base with another template?"
MARGIN = 0.02
"""Points between templates that are of no concern."""


class Accuracy(NamedTuple):
    """A share of right answers where single scores are not known."""

    share: float
    n: int


class Lead(NamedTuple):
    """Another template against the run's own."""

    template: str
    difference: Estimate
    p: float
    """One-sided, that it is no better."""


class Templates(NamedTuple):
    """The base with every template."""

    own: str
    accuracy: dict[str, Estimate]
    leads: tuple[Lead, ...]
    """The best first."""
    gain: Estimate | None
    """Of the clean arms on the benchmark."""
    level: float


def look_at_templates(evidence: Evidence) -> Templates | None:
    """Every template against the run's own; `None` where there is only one.

    `facts["templates"]` maps a template to the scores of the problems (float [problems], the same problems
    in the same order for all; NaN: never asked) or to an `Accuracy`. `facts["template"]` names the run's
    own; without it the first is.
    """
    scores: Mapping[str, np.ndarray | Accuracy] = evidence.facts.get("templates") or {}
    if len(scores) < 2:
        return None
    own, level = str(evidence.facts.get("template") or next(iter(scores))), evidence.level
    if own not in scores:
        return None
    leads = [
        Lead(name, *lead_of(other, scores[own], level))
        for name, other in scores.items()
        if name != own
    ]
    groups = groups_on(evidence, evidence.benchmark)
    gain = None if groups is None else contrasts(groups[0], [GAIN]).estimate(0, level)
    return Templates(
        own,
        {name: _accuracy(one, level) for name, one in scores.items()},
        tuple(sorted(leads, key=lambda lead: -_value(lead.difference))),
        gain,
        level,
    )


def lead_of(
    other: np.ndarray | Accuracy, own: np.ndarray | Accuracy, level: float
) -> tuple[Estimate, float]:
    """Other less own accuracy with its interval, and the one-sided p-value.

    Raises:
        ValueError: the scores are of different numbers of problems.

    Example:
        >>> found, p = lead_of(np.ones(30), np.r_[np.ones(20), np.zeros(10)], 0.9)
        >>> round(found.estimate, 3), p < 0.01
        (0.333, True)
    """
    if isinstance(other, Accuracy) or isinstance(own, Accuracy):
        found = shares(_answers(other), _answers(own), level)
        return found.difference, found.p
    if len(other) != len(own):
        message = f"{len(other)} and {len(own)} problems cannot be paired"
        raise ValueError(message)
    away = np.asarray(other, dtype=float) - np.asarray(own, dtype=float)
    away = away[np.isfinite(away)]
    n, total = len(away), len(away) + PSEUDO_PROBLEMS
    if n < 2:
        return Estimate(estimate=None, low=None, high=None, level=level, n=n), math.nan
    value = float(away.mean())
    squares = float(((away - value) ** 2).sum()) + PSEUDO_PROBLEMS / 2  # a coin each way
    error = math.sqrt(squares / (total * (total - 1)))
    half = float(student.ppf(0.5 + level / 2, total - 1)) * error
    found = Estimate(estimate=value, low=value - half, high=value + half, level=level, n=n)
    return found, float(student.sf(value / error, total - 1))


def _answers(scores: np.ndarray | Accuracy) -> np.ndarray:
    """Right and wrong answers, as many as there are; a share of n is rounded to whole ones."""
    if isinstance(scores, Accuracy):
        return np.arange(scores.n) < round(scores.share * scores.n)
    known = np.asarray(scores, dtype=float)
    known = known[np.isfinite(known)]
    return np.arange(len(known)) < round(float(known.sum()))


def _accuracy(scores: np.ndarray | Accuracy, level: float) -> Estimate:
    if isinstance(scores, Accuracy):
        return wilson(scores.share, scores.n, level)
    known = np.asarray(scores, dtype=float)
    known = known[np.isfinite(known)]
    return wilson(float(known.mean()) if len(known) else 0.0, len(known), level)


def template_tests(found: Templates | None) -> dict[str, float]:
    """p-values of all other templates, by name."""
    return {} if found is None else {_test(lead): lead.p for lead in found.leads}


def judge_templates(found: Templates | None, p: Mapping[str, float]) -> Finding:
    """The finding; `p` are Holm-corrected p-values by the names of `template_tests`."""
    if found is None:
        return Finding(
            audit=NAME,
            name=TITLE,
            question=QUESTION,
            statement="The base was not read with more than one template.",
            outcome="not looked at",
            value=None,
            unit="points of accuracy",
            decides="the base read with its chat template and with the plain one",
        )
    best = found.leads[0]
    corrected = p[_test(best)]
    outcome = _outcome(found, p)
    return Finding(
        audit=NAME,
        name=TITLE,
        question=QUESTION,
        statement=_statement(found, corrected),
        outcome=outcome,
        value=best.difference,
        unit="points that the base gains by another template",
        p=None if math.isnan(corrected) else corrected,
        plot=_plot(found),
        decides=_decides(outcome, best),
    )


def _test(lead: Lead) -> str:
    return f"template: {lead.template}"


def _value(estimate: Estimate) -> float:
    return -math.inf if estimate.estimate is None else estimate.estimate


def _outcome(found: Templates, p: Mapping[str, float]) -> Outcome:
    if found.leads[0].difference.estimate is None:
        return "undecided"
    if any(p[_test(lead)] <= alpha(found.level) for lead in found.leads):
        return "alarm"
    highest = [lead.difference.high for lead in found.leads]
    return "clear" if all(one is not None and one <= MARGIN for one in highest) else "undecided"


def _statement(found: Templates, p: float) -> str:
    best, own = found.leads[0], found.accuracy[found.own]
    text = (
        f"With the template `{best.template}` the base is right "
        f"{percent(found.accuracy[best.template].estimate)} of the time, with the run's own (`{found.own}`) "
        f"{percent(own.estimate)}: {between(best.difference, points)} points"
    )
    text += "" if math.isnan(p) else f", {probability(p)}"
    lead, gain = best.difference.estimate, found.gain
    if lead is None or lead <= 0 or gain is None or gain.estimate is None or gain.estimate <= 0:
        return text + "."
    return (
        f"{text}. That is {percent(min(1.0, lead / gain.estimate))} of the gain of "
        f"{between(gain, points)} points: recovered from a wrong template, which is not a gain."
    )


def _decides(outcome: Outcome, best: Lead) -> str:
    if outcome == "alarm":
        return f"titrate with the template `{best.template}`: what is gained over that base is the traces'"
    if outcome == "clear":
        return f"another template with which the base is more than {points(MARGIN)} points better"
    return "more problems: the interval of the difference reaches over the margin"


def _plot(found: Templates) -> Plot:
    marks = {}
    if found.gain is not None and found.gain.estimate is not None:
        own = found.accuracy[found.own].estimate
        marks = {} if own is None else {"trained, own template": own + found.gain.estimate}
    return Plot(
        title="The base, by template",
        y_name="accuracy",
        unit="share",
        points=tuple(
            Point(label=f"{name} (the run's own)" if name == found.own else name, y=one)
            for name, one in found.accuracy.items()
        ),
        marks=marks,
    )
