"""The report's tables as plain strings: end points, shapes, pilot, other benchmarks, arms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from titrant.report import typeset
from titrant.report.drawing import MARK_NAMES
from titrant.report.headline import (
    NO_GAIN,
    curves_on,
    end_point_name,
    first_benchmark,
    ordered_responses,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from titrant.estimate import Estimate
    from titrant.report.answer import Answer, ArmRow, Response, Selection

REMAKE = "titrant report RUN"
READINGS = "titrant export RUN --to DIR --what readings"
MAX_ARMS = 250
"""Rows of the table of arms; the rest is counted and can be exported."""

SHAPE_NAMES = {
    "hill": "Emax (Hill)",
    "power": "power law with floor",
    "rise_fall": "rise and fall",
}
"""Shapes whose names in the fit are not words."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    is_number: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell; `bar` is the CSS width of a bar behind it, empty for none."""

    text: str
    bar: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with everything that is printed around it."""

    title: str
    lead: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str
    """n, seeds, level of the intervals."""
    command: str
    """What remakes it."""


def strategy_label(answer: Answer, strategy: str) -> str:
    """A strategy with the mark that it has in the figure: "● random"."""
    drawn = [curve.strategy for curve in curves_on(answer, first_benchmark(answer))]
    if len(drawn) < 2 or strategy not in drawn:
        return strategy
    return f"{MARK_NAMES[drawn.index(strategy) % len(MARK_NAMES)]} {strategy}"


def end_point(answer: Answer, end: Estimate) -> str:
    """An end point: "187 (128–260)", "> 4,096" where not reached, "—" where there is no gain."""
    if not typeset.is_missing(end.estimate):
        return typeset.with_interval(end, typeset.dose)
    if answer.verdict in NO_GAIN or answer.verdict == "undecided":
        return typeset.MISSING
    return f"> {typeset.dose(answer.top_dose)}"


def compared(response: Response) -> str:
    """A strategy's end point over the reference's: "0.61 (0.40–0.93), p = 0.012", Holm-corrected."""
    if response.ratio is None or response.p_holm is None:
        return typeset.MISSING
    return ratio_cell(response.ratio, response.p_holm)


def ratio_cell(ratio: Estimate, p_holm: float) -> str:
    """A ratio of end points with its corrected p-value: "0.61 (0.40–0.93), p = 0.012"."""
    text = typeset.with_interval(ratio, lambda x: typeset.MISSING if x is None else f"{x:.2f}")
    return f"{text}, p = {p_holm:.3f}"


def end_points(answer: Answer) -> Table | None:
    """End points of each strategy at several levels, with the shape-free estimate beside them."""
    responses = ordered_responses(answer)
    if not responses:
        return None
    keys = sorted({key for item in responses for key in item.ed_levels}, key=_level_of)
    rival = next((item.versus for item in responses if item.versus), None)
    over, rows = f"> {typeset.dose(answer.top_dose)}", []
    for item in responses:
        levels = [item.ed_levels.get(key) for key in keys]
        rows.append(
            (
                Cell(strategy_label(answer, item.strategy)),
                *(Cell(end_point(answer, end) if end else typeset.MISSING) for end in levels),
                Cell(over if item.beyond_pool else end_point(answer, item.ed95)),
                Cell(end_point(answer, item.isotonic)),
                Cell(typeset.count(item.trace_tokens)),
                *((Cell(compared(item)),) if rival else ()),
            )
        )
    name = end_point_name(answer.level)
    heads = [*(key.upper() for key in keys), name, f"{name}, shape-free", f"{name} in tokens"]
    heads += [f"{name} ÷ that of {rival}"] if rival else []
    return Table(
        title="End points",
        lead=(
            "Traces needed for a part of the gain: ED50 for half of it, and so on. "
            f"{name} sits on the flat of the curve, so the earlier ones are sharper. "
            "The shape-free estimate assumes only that more data does not hurt."
        ),
        columns=(Column("strategy", is_number=False), *(Column(head) for head in heads)),
        rows=tuple(rows),
        note=_facts(answer.ed95, "brackets hold"),
        command=REMAKE,
    )


def selection(answer: Answer) -> Table | None:
    """What choosing cost, strategy by strategy, and what it saves."""
    known = [(r, r.selection) for r in ordered_responses(answer) if r.selection is not None]
    if not any(cost.flops for _, cost in known):
        return None
    rival = next((item.versus for item, _ in known if item.versus), None)
    rows = tuple(
        (
            Cell(strategy_label(answer, item.strategy)),
            Cell(typeset.short(cost.tokens)),
            Cell(typeset.short(cost.flops)),
            Cell(typeset.duration(cost.seconds)),
            Cell(_saving(cost)),
            Cell(pays(cost, is_reference=item.strategy == rival)),
        )
        for item, cost in known
    )
    epochs = next((cost.epochs for _, cost in known if cost.epochs is not None), None)
    passes = "" if epochs is None else f" of {typeset.plural(epochs, 'epoch')}"
    return Table(
        title="Does choosing pay?",
        lead=(
            "What it cost to rank the whole pool, against what one later training"
            f"{passes} on the smaller subset saves. Cheaper traces are not counted."
        ),
        columns=(
            Column("strategy", is_number=False),
            *(Column(head) for head in ("tokens", "cost, FLOP", "time")),
            Column(f"saves against {rival or 'the reference'}, FLOP"),
            Column("verdict", is_number=False),
        ),
        rows=rows,
        note="2 operations per parameter and token passed, 6 per one trained",
        command=REMAKE,
    )


def _saving(cost: Selection) -> str:
    if cost.saving is None:
        return typeset.MISSING
    return typeset.with_interval(cost.saving, typeset.short)


def pays(cost: Selection, *, is_reference: bool) -> str:
    """Whether it pays, and if not, from where on it would."""
    if is_reference:
        return "the reference"
    if cost.saving is None:
        return "no end point to compare"
    if cost.pays:
        return "✓ pays" if cost.flops else "✓ costs nothing and saves"
    mark = "?" if cost.pays is None else "✗"
    if cost.break_even is None:
        return f"{mark} saves nothing"
    if cost.break_even <= 1:
        return f"{mark} would pay, if the lead is real"
    size = f"{mark} from a model {cost.break_even:,.1f} × as large"
    pool = "" if cost.pool is None else f", or a pool under {typeset.count(round(cost.pool))}"
    return size + pool


def shapes(answer: Answer) -> Table | None:
    """The weight of each shape of curve, one column per strategy."""
    responses = [item for item in ordered_responses(answer) if item.shapes]
    if not responses:
        return None
    first = responses[0].shapes
    names = dict.fromkeys(
        [*sorted(first, key=lambda name: -first[name]), *(n for r in responses for n in r.shapes)]
    )
    rows = tuple(
        (Cell(SHAPE_NAMES.get(name, name)), *(_weight(item.shapes.get(name)) for item in responses))
        for name in names
    )
    return Table(
        title="Shapes",
        lead=(
            "How much each shape of curve counts in the fit. Where shapes disagree about "
            f"{end_point_name(answer.level)}, its interval is widened."
        ),
        columns=(
            Column("shape", is_number=False),
            *(Column(strategy_label(answer, r.strategy), is_number=False) for r in responses),
        ),
        rows=rows,
        note=_disagreement(answer),
        command=REMAKE,
    )


def _disagreement(answer: Answer) -> str:
    parts = [
        f"{item.strategy}: by a factor of {item.disagreement:,.1f}"
        for item in ordered_responses(answer)
        if item.disagreement is not None and not typeset.is_missing(item.disagreement)
    ]
    if not parts:
        return ""
    name = end_point_name(answer.level)
    return f"Shapes with a tenth of the weight or more differ in {name} · {' · '.join(parts)}"


def _weight(value: float | None) -> Cell:
    if value is None or typeset.is_missing(value):
        return Cell(typeset.MISSING)
    return Cell(typeset.share(value, 0), f"{100 * min(max(value, 0), 1):.1f}%")


def pilot(answer: Answer) -> Table | None:
    """Learning rates of the pilot."""
    if not answer.pilot:
        return None
    rows = tuple(
        (
            Cell(typeset.rate(point.lr)),
            Cell(typeset.share(point.accuracy)),
            Cell(typeset.count(point.n)),
            Cell("✓ chosen" if point.chosen else ""),
        )
        for point in sorted(answer.pilot, key=lambda point: point.lr)
    )
    return Table(
        title="Pilot of the learning rate",
        lead="Rates tried before the ladder, since the best rate moves the curve.",
        columns=(
            Column("learning rate"),
            Column("accuracy"),
            Column("problems"),
            Column("", is_number=False),
        ),
        rows=rows,
        note="one arm per rate, read on pool problems outside its subset",
        command=REMAKE,
    )


def transfer(answer: Answer) -> Table | None:
    """What the top dose did to the other benchmarks."""
    if not answer.transfer:
        return None
    rows = tuple(
        (
            Cell(name),
            Cell(typeset.count(gain.n)),
            Cell(typeset.points(gain.estimate)),
            Cell(typeset.interval(gain, typeset.points)),
            Cell(_direction(gain)),
        )
        for name, gain in answer.transfer.items()
    )
    levels = sorted({gain.level for gain in answer.transfer.values()})
    return Table(
        title="Other benchmarks",
        lead="What training on the top dose did elsewhere: transfer where it gained, "
        "forgetting where it lost.",
        columns=(
            Column("benchmark", is_number=False),
            Column("problems"),
            Column("gain, points"),
            Column("interval"),
            Column("", is_number=False),
        ),
        rows=rows,
        note=f"{' and '.join(typeset.level(value) for value in levels)} intervals",
        command=READINGS,
    )


def _direction(gain: Estimate) -> str:
    if gain.low is not None and gain.low > 0:
        return "↗ gained"
    if gain.high is not None and gain.high < 0:
        return "↘ lost"
    known = gain.low is not None and gain.high is not None
    return "→ no clear change" if known else typeset.MISSING


def arms(answer: Answer) -> Table | None:
    """One row per arm: the base first, then by strategy, dose and seed."""
    if not answer.arms:
        return None
    others = list(dict.fromkeys(name for arm in answer.arms for name in arm.other_accuracy))
    ordered = sorted(
        answer.arms, key=lambda arm: (arm.dose > 0, arm.strategy, arm.dose, arm.seed, arm.arm_id)
    )
    shown = ordered[:MAX_ARMS]
    heads = ["dose", "seed", "accuracy", *others, "truncated", "unreadable"]
    left_out = len(ordered) - len(shown)
    trained = sum(arm.dose > 0 for arm in ordered)
    note = typeset.plural(trained, "arm") + (" and the base" if trained < len(ordered) else "")
    if left_out:
        note += f" · {typeset.count(left_out)} of them not shown; the command below writes all"
    return Table(
        title="Arms",
        lead="The base and every training run that the answer stands on.",
        columns=(
            Column("arm", is_number=False),
            *(Column(head) for head in [*heads, "tokens trained", "generated", "time"]),
        ),
        rows=tuple(_arm_row(arm, others) for arm in shown),
        note=note,
        command=READINGS,
    )


def _arm_row(arm: ArmRow, others: Iterable[str]) -> tuple[Cell, ...]:
    accuracies = [arm.accuracy, *(arm.other_accuracy.get(name) for name in others)]
    texts = (
        arm.arm_id,
        typeset.count(arm.dose),
        str(arm.seed),
        *(typeset.share(value) for value in accuracies),
        typeset.share(arm.truncated),
        typeset.share(arm.unreadable),
        typeset.short(arm.train_tokens),
        typeset.short(arm.generated_tokens),
        typeset.duration(arm.seconds),
    )
    return tuple(Cell(text) for text in texts)


def _level_of(key: str) -> float:
    digits = key.lower().removeprefix("ed")
    return float(digits) if digits.replace(".", "", 1).isdigit() else 0.0


def _facts(end: Estimate, lead: str) -> str:
    parts = [f"{lead} the {typeset.level(end.level)} interval"]
    if end.n is not None:
        parts.append(typeset.plural(end.n, "problem"))
    if end.seeds is not None:
        parts.append(typeset.plural(end.seeds, "arm"))
    return " · ".join(parts)
