"""The figure: every reading is drawn, strategies differ in shape, the same answer gives the same bytes."""

import itertools
import math
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_answers import ANSWERS, curve, enough, estimate, response

from titrant.report.drawing import INK, DoseAxis, spread, value_limits
from titrant.report.figures import dose_response_svg, save_png

HERE = Path(__file__).parent


@cache
def drawn(name: str, *, is_narrow: bool = False) -> str:
    return dose_response_svg(ANSWERS[name](), is_narrow=is_narrow)


def words(svg: str) -> list[str]:
    return [element.text for element in ET.fromstring(svg).iter() if element.tag.endswith("}text")]


def marks(svg: str, ink: str) -> int:
    """Hollow marks of one strategy: filled with paper, drawn in its ink."""
    return len(re.findall(rf"<use [^>]*fill: var\(--paper[^>]*stroke: var\(--{ink},", svg))


@pytest.mark.parametrize("name", sorted(ANSWERS))
@pytest.mark.parametrize("is_narrow", [False, True])
def test_every_answer_gives_well_formed_svg_without_a_size(name, is_narrow):
    root = ET.fromstring(drawn(name, is_narrow=is_narrow))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert set(root.attrib) == {"viewBox", "role", "aria-label"}


def test_every_reading_is_a_mark_of_its_own():
    answer = enough()
    assert len(answer.curves[0].readings) == 13  # base 1, then 1 + 1 + 2 + 2 + 2 + 1 + 3 arms
    assert marks(dose_response_svg(answer), "s0") == 13


def shapes(svg: str, ink: str) -> list[str]:
    """Outline of each mark that is drawn in an ink, in the order of drawing."""
    outlines = dict(re.findall(r'<path id="([^"]+)" d="([^"]+)"', svg))
    used = re.findall(rf'<use xlink:href="#([^"]+)"[^>]*stroke: var\(--{ink},', svg)
    return [outlines[name] for name in used]


def test_strategies_differ_in_marker_and_line_and_are_named():
    svg = drawn("several")
    assert marks(svg, "s0") == 12  # legend 1, base 1 and 1 + 1 + 2 + 2 + 1 + 3 arms
    assert marks(svg, "s1") == marks(svg, "s2") == 11  # the base is drawn once
    assert len({shapes(svg, ink)[0] for ink in ("s0", "s1", "s2")}) == 3
    assert {"random", "confidence+coverage", "longest"} <= set(words(svg))
    dashed = r"stroke-dasharray: ([\d.,]+); stroke-dashoffset: 0; stroke: var\(--(s\d),"
    found = re.findall(dashed + r"[^;]*; stroke-width: 1.8", svg)
    dashes = {ink: pattern for pattern, ink in found}
    assert sorted(ink for _, ink in found) == ["s1", "s1", "s2", "s2"]  # curve and legend
    assert dashes["s1"] != dashes["s2"]  # and the headline's line is whole


def test_the_end_point_stands_under_the_curve_with_its_interval():
    shown = words(drawn("enough"))
    assert "ED95: 187 traces, 90 % interval 128–260" in shown
    assert {"92.0 %  plateau", "87.7 %  target", "6.5 %  base"} <= set(shown)
    assert {"0", "base", "1", "4,096"} <= set(shown)


def test_a_strategy_that_never_gets_there_says_so():
    assert "ED95 longest: not reached within 8,192" in words(drawn("several"))


@pytest.mark.parametrize("name", ["no_response", "hurts", "guessing", "undecided"])
def test_no_end_point_is_drawn_where_there_is_none(name):
    shown = " ".join(words(drawn(name)))
    assert "ED95" not in shown
    assert "target" not in shown


def test_guessing_shows_what_the_constant_answer_earns():
    assert "3.0 %  guessing" in words(drawn("guessing"))


def test_an_open_interval_is_drawn_with_an_arrow():
    open_end = estimate(187.0, 128.0, None)
    closed = shapes(drawn("enough"), "end")
    opened = shapes(
        dose_response_svg(enough(ed95=open_end, responses=(response(ed95=open_end),))), "end"
    )
    assert closed[0] == closed[1]  # two caps
    assert opened[0] == closed[0]
    assert opened[1].strip().endswith("z")  # a triangle


def test_another_benchmark_has_its_own_base_and_no_end_point():
    shown = words(dose_response_svg(ANSWERS["several"](), benchmark="longer chains"))
    assert "41.0 %  base" in shown
    assert "accuracy on longer chains" in shown
    assert not any("ED95" in text for text in shown)


def test_without_readings_the_figure_says_so():
    assert "no readings" in words(drawn("missing"))


def test_names_are_shown_as_they_are_and_never_run():
    svg = drawn("hostile")
    assert "<script" not in svg
    assert "accuracy on b_1 & <script>alert('x')</script>" in words(svg)


def test_a_dollar_sign_is_no_formula():
    both = tuple(curve(strategy=name, benchmark="a$\\frac$b") for name in ("x$_{$", "y"))
    shown = words(dose_response_svg(enough(curves=both, provenance=None)))
    assert {"x$_{$", "accuracy on a$\\frac$b"} <= set(shown)


def test_a_name_in_another_script_warns_nobody():
    assert "accuracy on 数学" in words(
        dose_response_svg(enough(curves=(curve(benchmark="数学"),), provenance=None))
    )


def test_ids_of_two_figures_on_one_page_do_not_meet():
    ids = [
        set(re.findall(r'\bid="([^"]+)"', dose_response_svg(enough(), prefix=prefix)))
        for prefix in ("one", "two")
    ]
    assert ids[0]
    assert not ids[0] & ids[1]
    svg = dose_response_svg(enough(), prefix="one")
    used = set(re.findall(r'(?:url\(|href=")#([^")]+)', svg))
    assert used <= ids[0]


def test_colours_come_from_the_style_sheet():
    svg = drawn("several")
    without = re.sub(r"var\(--\w+, #[0-9a-f]{6}\)", "", svg)
    assert re.findall(r"#[0-9a-f]{6}\b(?!-)", re.sub(r'"#?[^"]*#[^"]*"', "", without)) == []
    assert len(set(INK.values())) == len(INK)


def test_the_same_answer_gives_the_same_bytes_in_another_process():
    code = (
        "from report_answers import several; from titrant.report.figures import dose_response_svg;"
        "print(dose_response_svg(several()))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=HERE,
            env={"PYTHONHASHSEED": seed, "PATH": "", "HOME": str(Path.home())},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {drawn("several") + "\n"}


def test_drawing_leaves_the_settings_of_matplotlib_as_they_were():
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    dose_response_svg(enough())
    assert dict(mpl.rcParams) == before


def test_the_picture_is_a_png_of_the_asked_resolution(tmp_path):
    save_png(enough(), tmp_path / "answer.png", dpi=50)
    content = (tmp_path / "answer.png").read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert int.from_bytes(content[16:20], "big") == 500  # 10 inches × 50


@given(st.integers(1, 10_000), st.integers(0, 12), st.integers(2, 12))
def test_ticks_rise_to_the_top_and_never_crowd(first, doublings, most):
    axis = DoseAxis(first, first * 2**doublings + (doublings > 0))
    ticks = axis.ticks(most)
    assert ticks == sorted(set(ticks))
    assert ticks[-1] == axis.top
    assert len(ticks) <= most + 1
    gaps = [math.log2(b / a) for a, b in itertools.pairwise(ticks)]
    assert all(gap >= 0.5 * axis.span / most for gap in gaps)


@given(st.integers(1, 1000), st.integers(1000, 10**8))
def test_dose_0_stands_left_of_every_dose(first, top):
    axis = DoseAxis(first, top)
    left, right = axis.limits
    assert left < axis.place(0) < axis.place(first) <= axis.place(top) < right


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_names_at_the_right_do_not_touch(values):
    placed = spread(values, 0.05, -0.5, 1.5)
    order = sorted(range(len(values)), key=lambda i: values[i])
    gaps = [placed[b] - placed[a] for a, b in itertools.pairwise(order)]
    assert all(gap > 0.045 for gap in gaps)


def test_names_that_have_room_stay_where_they_are():
    assert spread([0.9, 0.1, 0.5], 0.05, 0, 1) == [0.9, 0.1, 0.5]


@given(st.lists(st.floats(0, 1), min_size=1))
def test_the_accuracy_axis_holds_every_value_and_ten_points_at_least(values):
    low, high = value_limits(values)
    assert low < min(values)
    assert max(values) < high
    assert high - low >= 0.0999
