"""The answer in one sentence: what was found, under which condition, at which cost.

Each verdict has one way of being said. The end point is given in traces and in trace tokens, or in questions; "whole
pool" is said only where one arm saw all of it; nothing is extrapolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from titrant.report import typeset
from titrant.report.controls import control_clause
from titrant.report.headline import best_dose, ordered_responses, response_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from titrant.report.answer import Answer, Response, VerdictName

MEANINGS: Mapping[VerdictName, str] = {
    "enough at N": "A part of the pool gives nearly all of the gain; the rest adds little.",
    "a smaller dose beats the pool": (
        "Accuracy peaks before the end of the pool: more of this data takes some of the gain back."
    ),
    "still rising": (
        "The last doubling still paid, so the pool is smaller than the need; "
        "nothing is extrapolated beyond it."
    ),
    "no response": (
        "Training moves accuracy by less than the smallest gain of interest, "
        "so there is no dose to look for."
    ),
    "no response (guessing)": (
        "The gain is no more than guessing one frequent answer earns, "
        "so it is not taken for reasoning."
    ),
    "hurts": "Training on this data makes the model worse than the base.",
    "undecided": "The readings so far cannot tell the possible answers apart.",
}
"""What each verdict means, in one line for a first reader."""


MOST_OTHERS = 3
"""Other strategies that the sentence names; the table has all."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """The parts of the answer; joined, they are `Answer.sentence`."""

    claim: str
    decides: str = ""
    """What would decide it, where the verdict is undecided."""
    control: str = ""
    """How the chosen strategy stands beside its matched controls, where they take part."""
    condition: str = ""
    cost: str = ""
    selection: str = ""

    def __str__(self) -> str:
        parts = (self.claim, self.decides, self.control)
        parts += (self.condition, self.cost, self.selection)
        return " ".join(part for part in parts if part)


def compose(answer: Answer) -> Sentence:
    """The parts of the sentence, from everything in the answer but its `sentence`."""
    return Sentence(
        claim=_CLAIMS[answer.verdict](answer),
        decides=_decides(answer),
        control=control_clause(answer),
        condition=_condition(answer),
        cost=_cost(answer),
        selection=_selection(answer),
    )


def write_sentence(answer: Answer) -> str:
    """The sentence for `Answer.sentence`; what stands there already is not looked at."""
    return str(compose(answer))


def with_sentence(answer: Answer) -> Answer:
    """The same answer with its sentence filled in."""
    return answer.model_copy(update={"sentence": write_sentence(answer)})


def top_phrase(answer: Answer) -> str:
    """The top dose in words; "the whole pool" only where one arm saw every trace of it."""
    if answer.whole_pool:
        return f"the whole pool ({typeset.plural(answer.top_dose, answer.dose_unit)})"
    seen = f"the top dose of {typeset.plural(answer.top_dose, answer.dose_unit)}"
    if answer.provenance is None:
        return seen
    pool = answer.provenance
    size = pool.pool_rows if answer.dose_unit == "trace" else pool.pool_questions
    whole = typeset.plural(size, answer.dose_unit)
    return f"{seen} (the budget sees {typeset.count(answer.top_dose)} of {whole})"


def _gain_phrase(answer: Answer) -> str:
    if answer.whole_pool:
        return f"the whole pool's gain ({typeset.plural(answer.top_dose, answer.dose_unit)})"
    return f"the gain of {top_phrase(answer)}"


def _moves(answer: Answer, arrow: str = "→") -> str:
    before, after = typeset.share(answer.base.estimate), typeset.share(answer.plateau.estimate)
    return f"{before} {arrow} {after}"


def _dose_phrase(answer: Answer) -> str:
    """The end point: 187 traces (90 % interval 128–260, about 9,537 trace tokens)."""
    notes = [typeset.interval_clause(answer.ed95, typeset.dose)]
    response = response_of(answer, answer.strategy)
    tokens = None if response is None else response.trace_tokens
    if answer.dose_unit == "trace" and not typeset.is_missing(tokens):
        notes.append(f"about {typeset.count(tokens)} trace tokens")
    return f"{typeset.dose_of(answer.ed95.estimate, answer.dose_unit)} ({', '.join(notes)})"


def _reach(answer: Answer) -> str:
    return "reaches" if typeset.dose(answer.ed95.estimate) == "1" else "reach"


def _others(answer: Answer) -> str:
    """What other strategies need: "; `random` needs 410, `longest` more than 4,096".

    The reference comes first, with the factor between the two; then the nearest rivals.
    """
    chosen = response_of(answer, answer.strategy)
    rival = None if chosen is None else chosen.versus
    others = [item for item in ordered_responses(answer) if item.strategy != answer.strategy]
    others.sort(key=lambda item: item.strategy != rival)
    phrases = [
        _need(answer, item) + (_factor(chosen) if item.strategy == rival and chosen else "")
        for item in others[:MOST_OTHERS]
    ]
    left = len(others) - MOST_OTHERS
    if left > 0:
        phrases.append(f"and {typeset.count(left)} more in the table")
    return "; " + ", ".join(phrases) if phrases else ""


def _need(answer: Answer, item: Response) -> str:
    known = not typeset.is_missing(item.ed95.estimate)
    dose = typeset.dose(item.ed95.estimate) if known else typeset.dose(answer.top_dose)
    return f"`{item.strategy}` needs {'' if known else 'more than '}{dose}"


def _factor(chosen: Response) -> str:
    """How many of the reference's traces suffice: " (0.46 times as many suffice, 0.30–0.70)"."""
    ratio = chosen.ratio
    if ratio is None or ratio.estimate is None:
        return ""
    ends = typeset.interval(ratio, lambda x: typeset.MISSING if x is None else f"{x:.2f}")
    return f" ({ratio.estimate:.2f} times as many suffice, {typeset.level(ratio.level)} {ends})"


def _selection(answer: Answer) -> str:
    """What choosing cost and whether it pays; nothing where it cost nothing."""
    chosen = response_of(answer, answer.strategy)
    cost = None if chosen is None else chosen.selection
    if cost is None or not cost.flops:
        return ""
    spent = f"Choosing cost {typeset.short(cost.flops)} floating-point operations"
    if cost.saving is None:
        return f"{spent}."
    if cost.pays:
        return f"{spent} and pays for itself in one training."
    if cost.pays is None:
        return f"{spent}; whether that pays is open, since the lead over `{_rival(chosen)}` is."
    if cost.break_even is None:
        return f"{spent} and saves nothing."
    return f"{spent}: it pays from a model {cost.break_even:,.1f} times as large."


def _rival(chosen: Response | None) -> str:
    return "" if chosen is None or chosen.versus is None else chosen.versus


def _gain_clause(answer: Answer) -> str:
    """The gain: +0.5 points, 90 % interval −0.8 to +1.8."""
    gain = typeset.points(answer.gain.estimate)
    return f"{gain} points, {typeset.interval_clause(answer.gain, typeset.points)}"


def _claim_enough(answer: Answer) -> str:
    return (
        f"{_dose_phrase(answer)} chosen by `{answer.strategy}` {_reach(answer)} "
        f"{typeset.level(answer.level)} of {_gain_phrase(answer)}: "
        f"{_moves(answer)}{_others(answer)}."
    )


def _claim_smaller(answer: Answer) -> str:
    start = f"A smaller dose of `{answer.strategy}` beats {top_phrase(answer)}"
    top = "the whole pool" if answer.whole_pool else "the top dose"
    peak = best_dose(answer)
    if peak is None:
        claim = f"{start}: {_moves(answer)}{_others(answer)}."
    else:
        claim = (
            f"{start}: about {typeset.plural(peak.dose, answer.dose_unit)} reach "
            f"{typeset.share(peak.accuracy)}, {top} {typeset.share(answer.plateau.estimate)}, "
            f"the base {typeset.share(answer.base.estimate)}{_others(answer)}."
        )
    if typeset.is_missing(answer.ed95.estimate):
        return claim
    level = typeset.level(answer.level)
    return f"{claim} {_dose_phrase(answer)} already {_reach(answer)} {level} of {top}'s gain."


def _claim_rising(answer: Answer) -> str:
    top = top_phrase(answer)
    claim = (
        f"Still rising at {top} chosen by `{answer.strategy}`: {_moves(answer)} "
        f"({_gain_clause(answer)}), and the last doubling still gained more than the smallest "
        "gain of interest, so more data of this kind should help."
    )
    if typeset.is_missing(answer.ed95.estimate):
        return claim
    level = typeset.level(answer.level)
    return f"{claim} {_dose_phrase(answer)} {_reach(answer)} {level} of the gain so far."


def _claim_none(answer: Answer) -> str:
    return (
        f"No response: {top_phrase(answer)} moves accuracy from {_moves(answer, 'to')} "
        f"({_gain_clause(answer)}), less than the smallest gain of interest."
    )


def _claim_guessing(answer: Answer) -> str:
    guess = None if answer.guess is None else answer.guess.estimate
    return (
        f"No response (guessing): {top_phrase(answer)} moves accuracy from {_moves(answer, 'to')} "
        f"({_gain_clause(answer)}), no further than always giving the pool's best constant answer, "
        f"which earns {typeset.share(guess)}."
    )


def _claim_hurts(answer: Answer) -> str:
    return (
        f"It hurts: training on {top_phrase(answer)} takes accuracy from {_moves(answer, 'to')} "
        f"({_gain_clause(answer)})."
    )


def _claim_undecided(answer: Answer) -> str:
    if typeset.is_missing(answer.plateau.estimate):
        return f"Undecided: accuracy at {top_phrase(answer)} is not known."
    if typeset.is_missing(answer.ed95.estimate):
        return (
            f"Undecided: {top_phrase(answer)} moves accuracy from {_moves(answer, 'to')} "
            f"({_gain_clause(answer)})."
        )
    return (
        f"Undecided: {_dose_phrase(answer)} chosen by `{answer.strategy}` may reach "
        f"{typeset.level(answer.level)} of {_gain_phrase(answer)}, {_moves(answer)}, "
        "but the interval is too wide to say."
    )


def _decides(answer: Answer) -> str:
    text = (answer.decides or "").strip().rstrip(".")
    return f"What would decide it: {text}." if text and answer.verdict == "undecided" else ""


def _condition(answer: Answer) -> str:
    if answer.provenance is None:
        return "Conditional on the recipe behind these readings."
    return f"Conditional on this recipe: {answer.provenance.recipe.strip().rstrip('.')}."


def _cost(answer: Answer) -> str:
    if not answer.cost.arms:
        return ""
    arms = typeset.plural(answer.cost.arms, "arm")
    part = typeset.share(answer.cost.share_of_sweep, 0)
    return f"Found in {arms}" + ("." if part == typeset.MISSING else f" ({part} of a full sweep).")


_CLAIMS: Mapping[VerdictName, Callable[[Answer], str]] = {
    "enough at N": _claim_enough,
    "a smaller dose beats the pool": _claim_smaller,
    "still rising": _claim_rising,
    "no response": _claim_none,
    "no response (guessing)": _claim_guessing,
    "hurts": _claim_hurts,
    "undecided": _claim_undecided,
}
