"""The report as plain data: Answer → View, every number already a string.

The template only places what stands here. Missing is "—". Long texts are cut in the middle, with a
note of how much is missing, so that the page stays under a megabyte whatever comes in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from titrant.report import cleaning, controls, tables, typeset
from titrant.report.excerpt import PairView, TraceView, clip, show_pair, show_trace
from titrant.report.headline import NO_GAIN, curves_on, end_point_name, first_benchmark
from titrant.report.sentence import MEANINGS, Sentence, compose
from titrant.report.tables import READINGS, REMAKE, Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from titrant.report.answer import Answer, Curve, VerdictName
    from titrant.report.cleaning import LeakView

SUBSET = "titrant export RUN --to DIR --what subset"
MAX_TRACES = 6
MAX_PAIRS = 6
MAX_WARNINGS = 30
MAX_OTHER_FIGURES = 4

VERDICT_MARKS: Mapping[VerdictName, str] = {
    "enough at N": "✓",
    "a smaller dose beats the pool": "∩",
    "still rising": "↗",
    "no response": "→",
    "no response (guessing)": "≈",
    "hurts": "↘",
    "undecided": "?",
}

WORDS = (
    ("dose", "Number of {unit}s trained on; dose 0 is the base model as it came."),
    ("arm", "One training run: a strategy, a dose, a seed."),
    ("plateau", "Accuracy at the top dose."),
    ("{ed}", "Smallest dose whose expected accuracy reaches {level} of the way to the plateau."),
    ("interval", "Where the true value lies with the stated confidence, over problems and seeds."),
    ("truncated, unreadable", "Answers cut by the length limit or without a final answer; both "
     "stay in the denominator."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tile:
    """One key figure."""

    name: str
    short: str
    """The name where there is little room."""
    value: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FigureView:
    """What is printed around a figure; `benchmark` says which one to draw."""

    benchmark: str | None
    title: str
    caption: str
    note: str
    command: str


@dataclass(frozen=True, slots=True)
class View:
    """The whole report."""

    title: str
    subjects: tuple[tuple[str, str], ...]
    """Base, pool and benchmark with their names."""
    sentence: Sentence
    verdict: str
    mark: str
    meaning: str
    tiles: tuple[Tile, ...]
    figure: FigureView | None
    other_figures: tuple[FigureView, ...]
    end_points: Table | None
    controls: Table | None
    selection: Table | None
    smaller: tuple[Table, ...]
    """Shapes and pilot."""
    is_beside: bool
    """Whether the smaller tables fit beside each other."""
    transfer: Table | None
    arms: Table | None
    cleaning: tuple[Table, ...]
    """Copies in the pool, leaks of the benchmark, recall of the search."""
    leaks: tuple[LeakView, ...]
    traces: tuple[TraceView, ...]
    traces_note: str
    pairs: tuple[PairView, ...]
    warnings: tuple[str, ...]
    warnings_left: str
    warnings_count: str
    cost: tuple[tuple[str, str], ...]
    provenance: tuple[tuple[str, str], ...]
    words: tuple[tuple[str, str], ...]
    remake: str = REMAKE
    readings: str = READINGS
    subset: str = SUBSET


def build_view(answer: Answer) -> View:
    """Everything the page says, in strings."""
    benchmark = first_benchmark(answer)
    others = [c.benchmark for c in answer.curves if c.benchmark != benchmark]
    smaller = (tables.shapes(answer), tables.pilot(answer))
    hidden = len(answer.warnings) - MAX_WARNINGS
    return View(
        title=f"titrant: {_verdict(answer)}",
        subjects=_subjects(answer),
        sentence=_sentence(answer),
        verdict=_verdict(answer),
        mark=VERDICT_MARKS[answer.verdict],
        meaning=MEANINGS[answer.verdict],
        tiles=_tiles(answer),
        figure=_figure(answer, benchmark) if curves_on(answer, benchmark) else None,
        other_figures=tuple(
            _figure(answer, name) for name in list(dict.fromkeys(others))[:MAX_OTHER_FIGURES]
        ),
        end_points=tables.end_points(answer),
        controls=controls.controls(answer),
        selection=tables.selection(answer),
        smaller=tuple(table for table in smaller if table is not None),
        is_beside=len(answer.responses) <= 2,
        transfer=tables.transfer(answer),
        arms=tables.arms(answer),
        cleaning=tuple(
            table
            for table in (cleaning.copies(answer), cleaning.leaks(answer), cleaning.recall(answer))
            if table is not None
        ),
        leaks=cleaning.evidence(answer),
        traces=tuple(show_trace(trace) for trace in answer.traces[:MAX_TRACES]),
        traces_note=_traces_note(answer),
        pairs=tuple(show_pair(pair) for pair in answer.before_after[:MAX_PAIRS]),
        warnings=tuple(clip(text, 400, 100) for text in answer.warnings[:MAX_WARNINGS]),
        warnings_left=f"and {typeset.count(hidden)} more in answer.json" if hidden > 0 else "",
        warnings_count=typeset.plural(len(answer.warnings), "warning"),
        cost=_cost(answer),
        provenance=_provenance(answer),
        words=_words(answer),
    )


def _sentence(answer: Answer) -> Sentence:
    """The parts of the stored sentence; whole where an older version wrote it in another way."""
    parts = compose(answer)
    return parts if answer.sentence in ("", str(parts)) else Sentence(answer.sentence)


def _subjects(answer: Answer) -> tuple[tuple[str, str], ...]:
    if answer.provenance is None:
        name = first_benchmark(answer)
        return (("fitted from readings", name or typeset.MISSING),)
    names = list(answer.provenance.benchmarks)
    more = f" (+{len(names) - 1} more)" if len(names) > 1 else ""
    return (
        ("base", clip(answer.provenance.base, 120, 40)),
        ("pool", clip(answer.provenance.pool, 120, 40)),
        ("benchmark", clip((names or [typeset.MISSING])[0], 120, 40) + more),
    )


def _verdict(answer: Answer) -> str:
    """The verdict's name, with the dose in the place of N where it is known."""
    known = typeset.dose(answer.ed95.estimate)
    return answer.verdict if known == typeset.MISSING else answer.verdict.replace("N", known)


def _tiles(answer: Answer) -> tuple[Tile, ...]:
    level = typeset.level(answer.level)
    end_name = f"{end_point_name(answer.level)}: {answer.dose_unit}s for {level} of the gain"
    return (
        Tile(end_name, end_point_name(answer.level), *_end_tile(answer)),
        _accuracy_tile(answer),
        _gain_tile(answer),
        _cost_tile(answer),
    )


def _accuracy_tile(answer: Answer) -> Tile:
    base, plateau = answer.base, answer.plateau
    values = [typeset.share(end.estimate) for end in (base, plateau)]
    ends = [typeset.interval(end, typeset.share) for end in (base, plateau)]
    return Tile(
        "Accuracy, base → plateau",
        "accuracy",
        typeset.MISSING if set(values) == {typeset.MISSING} else " → ".join(values),
        _notes(
            None if typeset.MISSING in ends else " → ".join(ends),
            None if plateau.n is None else f"on {typeset.plural(plateau.n, 'problem')}",
        ),
    )


def _gain_tile(answer: Answer) -> Tile:
    name = f"Gain of {'the whole pool' if answer.whole_pool else 'the top dose'}"
    gain = typeset.points(answer.gain.estimate)
    if gain == typeset.MISSING:
        return Tile(name, "gain", gain, ())
    clause = typeset.interval_clause(answer.gain, typeset.points)
    return Tile(name, "gain", f"{gain} points", (clause, "paired by problem"))


def _cost_tile(answer: Answer) -> Tile:
    """Arms, tokens and time; what a fit of foreign readings does not know is left out."""
    cost = answer.cost
    spent = (
        None if cost.tokens is None else f"{typeset.short(cost.tokens)} tokens",
        None if cost.seconds is None else typeset.duration(cost.seconds),
    )
    return Tile(
        "Cost, of a full sweep",
        "of a sweep",
        typeset.share(cost.share_of_sweep, 0) if cost.arms else typeset.MISSING,
        _notes(typeset.plural(cost.arms, "arm") if cost.arms else None, ", ".join(_notes(*spent))),
    )


def _end_tile(answer: Answer) -> tuple[str, tuple[str, ...]]:
    """Value and notes of the first key figure."""
    if answer.verdict in NO_GAIN:
        return typeset.MISSING, ("no gain, so no dose to look for",)
    is_bounded = typeset.interval(answer.ed95, typeset.dose) != typeset.MISSING
    clause = typeset.interval_clause(answer.ed95, typeset.dose) if is_bounded else None
    estimate = answer.ed95.estimate
    if estimate is None or typeset.is_missing(estimate):
        is_open = answer.verdict == "undecided"
        value = typeset.MISSING if is_open else f"> {typeset.dose(answer.top_dose)}"
        return value, _notes("not known yet" if is_open else "not reached within the pool", clause)
    part = math.ceil(estimate) / answer.top_dose
    whole = "the pool" if answer.whole_pool else "the top dose"
    return (
        typeset.dose_of(estimate, answer.dose_unit),
        _notes(clause, f"{typeset.share(part, 1 if part < 0.1 else 0)} of {whole}"),
    )


def _notes(*parts: str | None) -> tuple[str, ...]:
    return tuple(part for part in parts if part)


def _figure(answer: Answer, benchmark: str | None) -> FigureView:
    curves = curves_on(answer, benchmark)
    is_first = benchmark == first_benchmark(answer)
    has_bar = answer.verdict not in NO_GAIN and answer.responses
    bar = f" The bar below is the interval of {end_point_name(answer.level)}." if has_bar else ""
    return FigureView(
        benchmark=benchmark,
        title="Dose and response" if is_first else str(benchmark),
        caption=(
            "Each mark is one trained model (an arm); marks side by side are seeds of one dose. "
            f"The line is the fitted response, the shade its interval.{bar}"
            if is_first
            else ""
        ),
        note=_figure_note(answer, curves),
        command=REMAKE,
    )


def _figure_note(answer: Answer, curves: Sequence[Curve]) -> str:
    """What stands behind a figure: n = 500 problems · 1–3 seeds per dose · 90 % intervals."""
    readings = [point for curve in curves for point in curve.readings]
    problems = sorted({point.n for point in readings if point.n is not None})
    seeds: dict[tuple[str, int], int] = {}
    for curve in curves:
        for point in curve.readings:
            if point.dose > 0:
                key = (curve.strategy, int(point.dose))
                seeds[key] = seeds.get(key, 0) + 1
    return _join(
        f"n = {'–'.join(typeset.count(n) for n in dict.fromkeys(problems[:1] + problems[-1:]))} "
        "problems" if problems else None,
        f"{_span(list(seeds.values()))} per dose" if seeds else None,
        f"{typeset.level(answer.ed95.level)} intervals",
    )  # fmt: skip


def _span(counts: Sequence[int]) -> str:
    low, high = min(counts), max(counts)
    return typeset.plural(low, "seed") if low == high else f"{low}–{high} seeds"


def _traces_note(answer: Answer) -> str:
    if answer.subset is None:
        return ""
    subset = answer.subset
    tokens = None if subset.tokens is None else f"{typeset.count(subset.tokens)} tokens"
    chosen = f"{typeset.plural(subset.dose, 'trace')} chosen by `{subset.strategy}`"
    return _join(f"`{subset.path}`", chosen, tokens)


def _cost(answer: Answer) -> tuple[tuple[str, str], ...]:
    """Every number of the bill; a fit of foreign readings knows arms alone, or nothing."""
    cost = answer.cost
    share = typeset.share(cost.share_of_sweep, 0) if cost.arms else typeset.MISSING
    tokens = (cost.train_tokens, cost.generated_tokens, cost.tokens)
    trained, generated, total = (typeset.count(n) for n in tokens)
    return (
        ("arms", typeset.count(cost.arms) if cost.arms else typeset.MISSING),
        ("share of a full sweep", f"{share} (every doubling × 5 seeds per strategy is 100 %)"),
        ("tokens trained", trained),
        ("tokens generated", generated),
        ("tokens in all", total),
        ("time, summed over workers", typeset.duration(cost.seconds)),
    )


def _provenance(answer: Answer) -> tuple[tuple[str, str], ...]:
    origin = answer.provenance
    if origin is None:
        return (("origin", "fitted from readings alone; how they were made is not recorded"),)
    problems = (f"{name} ({typeset.plural(n, 'problem')})" for name, n in origin.benchmarks.items())
    rows = (
        ("recipe", origin.recipe),
        ("base", f"{origin.base} · {origin.base_fingerprint}"),
        ("pool", f"{origin.pool} · {origin.pool_hash}"),
        ("pool size", f"{typeset.plural(origin.pool_rows, 'trace')} for "
                      f"{typeset.plural(origin.pool_questions, 'question')}"),
        ("benchmarks", ", ".join(problems) or typeset.MISSING),
        ("device", f"{origin.device}, {origin.dtype}"),
        ("root seed", str(origin.seed)),
        ("versions", ", ".join(f"{k} {v}" for k, v in {"titrant": origin.titrant,
                                                       **origin.versions}.items())),
        ("created", origin.created),
    )  # fmt: skip
    return tuple((name, clip(text, 600, 200)) for name, text in rows)


def _words(answer: Answer) -> tuple[tuple[str, str], ...]:
    names = {
        "ed": end_point_name(answer.level),
        "level": typeset.level(answer.level),
        "unit": answer.dose_unit,
    }
    return tuple((word.format(**names), text.format(**names)) for word, text in WORDS)


def _join(*parts: str | None) -> str:
    return " · ".join(_notes(*parts))
