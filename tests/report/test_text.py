"""The answer in a terminal: the same words, and bars whose lengths are the accuracies."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_answers import ANSWERS, curve, enough
from rich.console import Console

from titrant.report.sentence import compose
from titrant.report.text import bar, dose_rows, response_bars, summary


def printed(what, width=100) -> str:
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(what)
    return out.getvalue()


@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_the_summary_says_claim_condition_and_cost(name):
    answer = ANSWERS[name]()
    text = " ".join(printed(summary(answer)).split())
    parts = compose(answer)
    for part in (parts.claim, parts.decides, parts.condition, parts.cost):
        assert " ".join(part.replace("`", "").split()) in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_summary_fits_its_terminal(width):
    assert max(len(line) for line in printed(summary(enough()), width).splitlines()) <= width


def test_the_key_figures_have_short_names():
    lines = printed(summary(enough())).splitlines()
    (line,) = [line for line in lines if line.split()[:1] == ["ED95"]]
    assert " ".join(line.split()) == "ED95 187 traces 90 % interval 128–260 · 4.6 % of the pool"


def test_markup_in_a_name_means_nothing():
    answer = enough(warnings=("[red]not red[/red]",), strategy="[bold]x[/bold]")
    text = printed(summary(answer))
    assert "[red]not red[/red]" in text
    assert "[bold]x[/bold]" in text


def test_the_end_point_stands_between_its_doses():
    lines = [line.split() for line in printed(response_bars(enough())).splitlines()]
    assert [line[0] for line in lines] == [
        "dose", "base", "1", "8", "64", "128", "187", "256", "512", "4,096",
    ]  # fmt: skip


def test_without_readings_there_are_no_bars():
    assert response_bars(ANSWERS["missing"]()) is None


def test_readings_of_one_dose_are_averaged():
    points = curve().readings[0]
    readings = [
        points.model_copy(update={"dose": 8, "seed": i, "accuracy": value})
        for i, value in enumerate((0.2, 0.4, 0.9))
    ]
    row = dose_rows(curve().model_copy(update={"readings": tuple(readings)}))[0]
    assert row == (8, pytest.approx(0.5), 0.2, 0.9, 3)  # (0.2 + 0.4 + 0.9) / 3


@given(st.floats(-1, 2), st.integers(1, 60))
def test_a_bar_is_never_longer_than_its_place(share, cells):
    assert len(bar(share, cells)) <= cells


@pytest.mark.parametrize(
    ("share", "expected"), [(0, ""), (1, "████"), (0.5, "██"), (0.53125, "██▏")]
)
def test_a_bar_is_measured_in_eighths(share, expected):
    assert bar(share, 4) == expected  # 0.53125 × 4 cells × 8 = 17 eighths
