"""Numbers are written in one way, and missing is never written as 0."""

import math
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_answers import estimate

from titrant.report import typeset

WRITERS = (
    typeset.share,
    typeset.points,
    typeset.count,
    typeset.dose,
    typeset.low_dose,
    partial(typeset.dose_of, unit="trace"),
    typeset.short,
    typeset.duration,
    typeset.rate,
)


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("nothing", [None, math.nan])
def test_missing_is_a_dash(write, nothing):
    assert write(nothing).split()[0] == "—"
    assert "0" not in write(nothing)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (typeset.share(0.065), "6.5 %"),
        (typeset.share(0.2615, 0), "26 %"),
        (typeset.share(-0.0001), "0.0 %"),
        (typeset.level(0.9), "90 %"),
        (typeset.level(0.975), "97.5 %"),
        (typeset.points(0.855), "+85.5"),
        (typeset.points(-0.43), "−43.0"),
        (typeset.points(0.0), "0.0"),
        (typeset.points(-0.0001), "0.0"),
        (typeset.count(4096), "4,096"),
        (typeset.count(math.inf), "∞"),
        (typeset.dose(186.2), "187"),
        (typeset.low_dose(186.9), "186"),
        (typeset.dose(0.2), "1"),
        (typeset.low_dose(0.2), "1"),
        (typeset.dose_of(0.4, "trace"), "1 trace"),
        (typeset.dose_of(186.2, "question"), "187 questions"),
        (typeset.plural(1, "arm"), "1 arm"),
        (typeset.plural(0, "arm"), "0 arms"),
        (typeset.short(1_234_567), "1.23 M"),
        (typeset.short(999), "999"),
        (typeset.duration(2.34), "2.3 s"),
        (typeset.duration(59), "59 s"),
        (typeset.duration(252), "4 min 12 s"),  # 252 = 4 × 60 + 12
        (typeset.duration(11_100), "3 h 5 min"),  # 11,100 = 3 × 3,600 + 5 × 60
        (typeset.duration(7_200), "2 h"),
        (typeset.duration(532_800), "6 d 4 h"),  # 532,800 = 6 × 86,400 + 4 × 3,600
        (typeset.rate(0.0003), "3e-4"),
        (typeset.rate(1.5e-5), "1.5e-5"),
        (typeset.rate(2.0), "2e0"),
    ],
)
def test_a_number_is_written_like_this(written, expected):
    assert written == expected


@pytest.mark.parametrize(
    ("low", "high", "write", "expected"),
    [
        (127.6, 259.3, typeset.dose, "127–260"),
        (0.048, 0.084, typeset.share, "4.8–8.4 %"),
        (-0.008, 0.018, typeset.points, "−0.8 to +1.8"),
        (0.01, 0.02, typeset.points, "+1.0 to +2.0"),
        (128, None, typeset.dose, "128 or more"),
        (None, 260, typeset.dose, "up to 260"),
        (None, None, typeset.dose, "—"),
    ],
)
def test_an_interval_is_written_like_this(low, high, write, expected):
    assert typeset.interval(estimate(1.0, low, high), write) == expected


def test_an_interval_that_is_not_known_is_said_to_be_so():
    assert typeset.interval_clause(estimate(1.0), typeset.dose) == "interval not known"
    assert typeset.with_interval(estimate(1.0), typeset.dose) == "1"


@given(st.floats(min_value=1e-9, max_value=1e9), st.floats(min_value=1, max_value=10))
def test_the_interval_of_a_dose_never_gets_narrower_by_rounding(low, factor):
    ends = typeset.interval(estimate(low, low, low * factor), typeset.dose)
    left, right = (int(end.replace(",", "")) for end in ends.split("–"))
    assert left <= max(low, 1)
    assert right >= low * factor


@given(st.floats(allow_nan=False, min_value=-1e6, max_value=1e6))
def test_a_difference_says_its_direction(value):
    text = typeset.points(value)
    rounded = round(value * 100, 1)
    sign = {1: "+", -1: "−", 0: "0"}[(rounded > 0) - (rounded < 0)]
    assert text.startswith(sign)
