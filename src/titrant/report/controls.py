"""Strategies beside their matched controls: the table, and what is said of the chosen one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.report import typeset
from titrant.report.headline import end_point_name, ordered_responses, response_of
from titrant.report.tables import REMAKE, Cell, Column, Table, ratio_cell, strategy_label

if TYPE_CHECKING:
    from titrant.report.answer import AgainstControl, Answer

OUTCOMES = {
    "better": "✓ better than its control",
    "worse": "✗ loses to its control",
    "not told apart": "? not told apart from its control",
}


def controls(answer: Answer) -> Table | None:
    """Each strategy against random traces matched to it; `None` where no control takes part."""
    rows = tuple(
        (
            Cell(strategy_label(answer, item.strategy)),
            Cell(one.control),
            Cell(ratio_cell(one.ratio, one.p_holm)),
            Cell(OUTCOMES[one.outcome]),
        )
        for item in ordered_responses(answer)
        for one in item.controls
    )
    if not rows:
        return None
    name = end_point_name(answer.level)
    return Table(
        title="Is it more than what it prefers?",
        lead=(
            "A control draws random traces of the same lengths, difficulty or source. A strategy that "
            "is no better than its control gains what these gain."
        ),
        columns=(
            Column("strategy", is_number=False),
            Column("its control", is_number=False),
            Column(f"{name} ÷ the control's"),
            Column("verdict", is_number=False),
        ),
        rows=rows,
        note=f"{typeset.level(answer.ed95.level)} intervals · p Holm-corrected over these rows",
        command=REMAKE,
    )


def control_clause(answer: Answer) -> str:
    """What the sentence says of the headline's controls: "It is not told apart from `a~length`."."""
    chosen = response_of(answer, answer.strategy)
    words = [] if chosen is None else [_words(one) for one in chosen.controls]
    of, sign, control = answer.strategy.rpartition("~")
    if sign:
        words.insert(0, f"is a control: random traces with the {control} of those of `{of}`")
    return f"`{answer.strategy}` {', and '.join(words)}." if words else ""


def _words(one: AgainstControl) -> str:
    said = {"better": "beats", "worse": "loses to", "not told apart": "is not told apart from"}
    _, _, control = one.control.rpartition("~")
    return f"{said[one.outcome]} random traces of the same {control} (`{one.control}`)"
