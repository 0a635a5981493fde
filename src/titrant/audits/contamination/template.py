"""The template gap: what of a gain would come back by merely asking the base in another way.

A base that is asked with a template it does not know answers under its skill, and training on any trace
teaches the template first: that return is not a gain in reasoning. So the base is read with several templates;

    lead = accuracy with another template − accuracy with the run's own

is paired by problem (t with two pseudo-problems, as in `audits.arms`).

| | outcome |
|---|---|
| the base was read with one template | not looked at |
| another is better, one-sided p at most α (Holm over all templates and tests) | alarm |
| else, the interval of every other template's lead ends at 2 points or under | clear |
| else | undecided |

The alarm is about a lead that *would* be counted as gain by whoever counts from the run's own template, as
most results are reported. Whether the gain at hand holds it is another question: a run reads the base arm, the
zero of its gains, under the base's best template (`facts["base_template"]`), and the trained arms under its own.
With a = accuracy of the base,

    trained arms = a[base arm's] + gain
    counted from the run's own = trained arms − a[own] = gain + a[base arm's] − a[own]

The lead is said as a share of the last, and where base arm and run have different templates, that the gain
is counted from the base arm's already. The outcome is the same for both: as it is configured, the base is not
asked as well as it can be, and a comparison with a number that was read so would count the lead.

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
from titrant.audits.contamination import NAME
from titrant.audits.contamination.compare import alpha
from titrant.audits.contamination.split import GAIN, groups_on
from titrant.audits.proportion import wilson
from titrant.audits.words import between, percent, points, probability
from titrant.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from titrant.audits.base import Evidence, Outcome

TITLE = "template gap"
QUESTION = "Would part of a gain come back by merely asking the base with another template?"
MARGIN = 0.02
"""Points between templates that are of no concern."""


class Lead(NamedTuple):
    """Another template against the run's own."""

    template: str
    difference: Estimate
    p: float
    """One-sided, that it is no better."""


class Templates(NamedTuple):
    """The base with every template."""

    own: str
    """The run's, under which trained arms are asked."""
    zero: str
    """That of the base arm, from which the gain is counted."""
    accuracy: dict[str, Estimate]
    """Of the base."""
    leads: tuple[Lead, ...]
    """The best first."""
    gain: Estimate | None
    """Of the clean arms over the base arm, on the benchmark."""
    level: float

    @property
    def trained(self) -> float | None:
        """Accuracy of the clean arms."""
        start = self.accuracy[self.zero].estimate
        if start is None or self.gain is None or self.gain.estimate is None:
            return None
        return start + self.gain.estimate

    @property
    def from_own(self) -> float | None:
        """What the gain would be if it were counted from the run's own template."""
        own = self.accuracy[self.own].estimate
        return None if own is None or self.trained is None else self.trained - own


def look_at_templates(evidence: Evidence) -> Templates | None:
    """Every template against the run's own; `None` where there is only one.

    `facts["templates"]` maps a template to the scores of the problems (float [problems], the same problems
    in the same order for all; NaN: never asked). `facts["template"]` names the run's own; without it the first
    is. `facts["base_template"]` names that of the base arm; without it the one with the best accuracy is, the
    first of equals, as a run chooses its zero. A name that has no scores was not looked at.
    """
    facts, level = evidence.facts, evidence.level
    scores: Mapping[str, np.ndarray] = facts.get("templates") or {}
    if len(scores) < 2:
        return None
    accuracy = {name: _accuracy(one, level) for name, one in scores.items()}
    own = str(facts.get("template") or next(iter(scores)))
    zero = str(facts.get("base_template") or max(accuracy, key=lambda name: _value(accuracy[name])))
    if not {own, zero} <= set(scores):
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
        zero,
        accuracy,
        tuple(sorted(leads, key=lambda lead: -_value(lead.difference))),
        gain,
        level,
    )


def lead_of(other: np.ndarray, own: np.ndarray, level: float) -> tuple[Estimate, float]:
    """Other less own accuracy with its interval, and the one-sided p-value.

    Raises:
        ValueError: the scores are of different numbers of problems.

    Example:
        >>> found, p = lead_of(np.ones(30), np.r_[np.ones(20), np.zeros(10)], 0.9)
        >>> round(found.estimate, 3), p < 0.01
        (0.333, True)
    """
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


def _accuracy(scores: np.ndarray, level: float) -> Estimate:
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
    return f"{text}.{_of_the_gain(found)}"


def _of_the_gain(found: Templates) -> str:
    """What the lead is of the gain, and from where the gain is counted; nothing where no arms were read."""
    if found.gain is None or found.from_own is None:
        return ""
    gain, lead, text = between(found.gain, points), found.leads[0].difference.estimate, ""
    is_own = found.zero == found.own
    if lead is not None and lead > 0 and found.from_own > 0:
        whole = (
            f"the gain of {gain} points" if is_own else f"the trained arms' lead over `{found.own}`"
        )
        share = percent(min(1.0, lead / found.from_own))
        text = f" That is {share} of {whole}: recovered from a wrong template, which is not a gain."
    if not is_own:
        text += (
            f" The gain of {gain} points is already counted from `{found.zero}`; counted from "
            f"`{found.own}` it would be {points(found.from_own)}."
        )
    return text


def _decides(outcome: Outcome, best: Lead) -> str:
    if outcome == "alarm":
        return f"titrate with the template `{best.template}`: what is gained over that base is the traces'"
    if outcome == "clear":
        return f"another template with which the base is more than {points(MARGIN)} points better"
    return "more problems: the interval of the difference reaches over the margin"


def _plot(found: Templates) -> Plot:
    marks = {} if found.trained is None else {"trained, own template": found.trained}
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
