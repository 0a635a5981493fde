"""What comparisons say in a terminal: who stands against whom, a table, and one sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from titrant.report import typeset

if TYPE_CHECKING:
    from rich.console import RenderableType

    from titrant.dose.paired.findings import PairedComparison, PairedStudy, Side

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ARROW = " → "
LEAST_P = 0.001


def with_statements(study: PairedStudy) -> PairedStudy:
    """The study with a sentence under each comparison."""
    n = len(study.comparisons)
    names_benchmark = len({one.benchmark for one in study.comparisons}) > 1
    found = tuple(
        one.model_copy(
            update={"statement": statement(one, study, family=n, names_benchmark=names_benchmark)}
        )
        for one in study.comparisons
    )
    return study.model_copy(update={"comparisons": found})


def statement(
    one: PairedComparison, study: PairedStudy, *, family: int, names_benchmark: bool
) -> str:
    """One comparison in plain words.

    Args:
        one: the comparison.
        study: the study it belongs to.
        family: how many tests Holm's correction was over.
        names_benchmark: whether the sentence begins with the benchmark.
    """
    where = f"on {one.benchmark}, " if names_benchmark else ""
    after = f" after Holm over {family} tests" if family > 1 else ""
    unpaired = (
        f"; the unpaired test says p {p_value(one.p_unpaired)}"
        if one.p_unpaired is not None
        else ""
    )
    told = f"p {p_value(one.p_holm)}{after}{unpaired}"
    ends = typeset.interval(one.difference, typeset.points)
    if one.outcome == "not told apart":
        more = (
            f"; {typeset.count(one.needed)} problems would tell {_size(study.margin)} points apart, "
            f"four times in five"
            if one.needed > one.problems
            else ""
        )
        change = typeset.points(one.difference.estimate)
        return (
            f"{where}{one.b} is not told apart from {one.a}: {change} points ({ends}), {told}{more}"
        )
    size = _size(abs(one.difference.estimate or 0.0))
    return f"{where}{one.b} is {one.outcome} than {one.a} by {size} points ({_ends(one)}), {told}"


def _ends(one: PairedComparison) -> str:
    """The interval of the size: signs go where both ends lie on the side of the estimate."""
    low, high = one.difference.low, one.difference.high
    if low is None or high is None:
        return typeset.MISSING
    if one.outcome == "worse":
        low, high = -high, -low
    if low <= 0:
        return f"{typeset.points(low)} to {typeset.points(high)}"
    return f"{_size(low)}–{_size(high)}"


def _size(value: float) -> str:
    return f"{value * 100:.1f}"


def p_value(p: float) -> str:
    """With its sign: "= 0.004", "< 0.001"."""
    if p < LEAST_P:
        return f"< {LEAST_P:g}"
    return f"= {p:.2g}" if p < 0.1 else f"= {p:.2f}"


def render(study: PairedStudy) -> list[RenderableType]:
    """The parts that are printed, one after the other."""
    parts: list[RenderableType] = [_sides(study)]
    parts += [Text(f"note: {line}", style="yellow") for line in study.notes]
    for benchmark in dict.fromkeys(one.benchmark for one in study.comparisons):
        parts.append(_table(study, benchmark))
    parts.append(_sentences(study))
    parts.append(Text(_how(study), style="dim"))
    return parts


def _sides(study: PairedStudy) -> Table:
    table = Table.grid(padding=(0, 2))
    for letter, side in zip(letters(study), study.sides, strict=True):
        table.add_row(Text(letter, style="bold"), Text(side.name), Text(_about(side), style="dim"))
    return table


def _about(side: Side) -> str:
    arms = f"{typeset.plural(side.arms, 'arm')}, " if side.arms > 1 else ""
    unasked = f", {typeset.count(side.unasked)} without a verdict" if side.unasked else ""
    return f"{arms}{typeset.plural(side.rows, 'answer')}{unasked}"


def letters(study: PairedStudy) -> list[str]:
    """A, B, C … of the sides; numbers beyond Z."""
    n = len(study.sides)
    return list(LETTERS[:n]) if n <= len(LETTERS) else [str(i + 1) for i in range(n)]


def pair_of(one: PairedComparison, study: PairedStudy) -> str:
    """Which stands against which, in letters: "A → B"."""
    by_name = dict(zip((side.name for side in study.sides), letters(study), strict=True))
    return f"{by_name[one.a]}{ARROW}{by_name[one.b]}"


def _table(study: PairedStudy, benchmark: str) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    table.add_column(benchmark, no_wrap=True)
    holm = "p, Holm" if len(study.comparisons) > 1 else "p"
    for head in ("first", "second", "points", holm, "unpaired p", "alone right"):
        table.add_column(head, justify="right", overflow="fold")
    for one in study.comparisons:
        if one.benchmark != benchmark:
            continue
        told = one.outcome != "not told apart"
        unpaired = one.p_unpaired
        table.add_row(
            pair_of(one, study),
            typeset.share(one.accuracy_a),
            typeset.share(one.accuracy_b),
            Text(typeset.with_interval(one.difference, typeset.points), style="bold" * told),
            Text(p_value(one.p_holm).removeprefix("= "), style="bold" * told),
            typeset.MISSING if unpaired is None else p_value(unpaired).removeprefix("= "),
            f"{one.a_alone:,} : {one.b_alone:,}",
        )
    return table


def _sentences(study: PairedStudy) -> Text:
    text = Text()
    for i, one in enumerate(study.comparisons):
        text.append("\n" if i else "")
        text.append(f"{_capital(one.statement)}.")
        for line in (_problems(one, study), _tested(one, study)):
            text.append(f"\n  {line}", style="dim")
    return text


def _capital(text: str) -> str:
    """A sentence that begins with a name keeps it as it is."""
    return f"On {text.removeprefix('on ')}" if text.startswith("on ") else text


def _problems(one: PairedComparison, study: PairedStudy) -> str:
    a, b = pair_of(one, study).split(ARROW)
    partly = f", {typeset.count(one.partly)} not of each arm" if one.partly else ""
    r = one.correlation
    together = "" if r is None else f"; correlation {f'{r:.2f}'.replace('-', typeset.MINUS)}"
    return (
        f"{typeset.plural(one.problems, 'problem')} in both, {typeset.count(one.only_a)} only in "
        f"{a}, {typeset.count(one.only_b)} only in {b}{partly}{together}"
    )


def _tested(one: PairedComparison, study: PairedStudy) -> str:
    needed = f"{_size(study.margin)} points need {typeset.plural(one.needed, 'problem')}"
    if one.test == "exact McNemar":
        mid = typeset.MISSING if one.p_mid is None else p_value(one.p_mid).removeprefix("= ")
        return f"exact McNemar (mid-p {mid}); {needed}"
    if one.test == "sign-flip":
        return f"sign-flip over problems; {needed}"
    sides = zip(pair_of(one, study).split(ARROW), (one.seed_sd_a, one.seed_sd_b), strict=True)
    spreads = [f"{letter} ±{_size(sd)}" for letter, sd in sides if sd is not None]
    return f"seeds {', '.join(spreads)} points (sd), t with arms − 1 degrees of freedom; {needed}"


def _how(study: PairedStudy) -> str:
    seeds = any(one.test == "t with seeds" for one in study.comparisons)
    rest = "" if seeds else "; about these very models, other training seeds aside"
    return (
        f"{typeset.level(study.level)} intervals, each alone, paired by problem{rest}; told apart: p at "
        f"most {1 - study.level:.2g}; need: to be told with 80 % power"
    )
