"""One HTML file from an Answer: inline style and SVG, no script, no network, same bytes every time.

The page carries a content security policy that forbids everything but its own style, so that even a
trace that got past the escaping could neither run nor load anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from titrant.report.drawing import INK
from titrant.report.figures import dose_response_svg
from titrant.report.real import build_real
from titrant.report.view import FigureView, build_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.audits.base import AuditResult
    from titrant.report.answer import Answer

NARROW_SPACE = "\u202f"
_UNIT = re.compile(r"(?<=\d) (?=(?:%|s|min|h|d|k|M|G|T)(?![\w]))")


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure with its words; the narrow drawing is for phones."""

    about: FigureView
    narrow: Markup
    wide: Markup | None


def render_report(answer: Answer) -> str:
    """The whole page; the same answer gives the same text."""
    view = build_view(answer)
    template = environment().get_template("report.html.j2")
    return template.render(
        view=view,
        figure=None if view.figure is None else _draw_both(answer, view.figure),
        others=[_draw_small(answer, about, i) for i, about in enumerate(view.other_figures)],
        real=build_real(answer.audits),
        light=INK,
    )


def render_findings(results: Sequence[AuditResult], subjects: Sequence[tuple[str, str]]) -> str:
    """A page of findings alone, for audits without a titration.

    Args:
        results: of the audits; at least one.
        subjects: what was audited, as (name, text).
    """
    template = environment().get_template("real_page.html.j2")
    return template.render(real=build_real(results), subjects=subjects, light=INK)


def environment() -> Environment:
    """The templates: autoescape on, an undefined name is an error."""
    loaded = Environment(
        loader=PackageLoader("titrant.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    loaded.filters["tight"] = tight
    return loaded


def tight(text: str) -> str:
    """Our own words as a typographer would set them: units and arrows stay with their numbers, ’ for '."""
    text = _UNIT.sub(NARROW_SPACE, text).replace("'", "’")
    return text.replace(" → ", "\u00a0→\u00a0")


def _draw_both(answer: Answer, about: FigureView) -> Drawn:
    narrow = dose_response_svg(answer, benchmark=about.benchmark, is_narrow=True, prefix="narrow")
    wide = dose_response_svg(answer, benchmark=about.benchmark, prefix="wide")
    return Drawn(about, _trust(narrow), _trust(wide))


def _draw_small(answer: Answer, about: FigureView, index: int) -> Drawn:
    prefix = f"other{index}"
    svg = dose_response_svg(answer, benchmark=about.benchmark, is_narrow=True, prefix=prefix)
    return Drawn(about, _trust(svg), None)


def _trust(svg: str) -> Markup:
    """Markup of our own making: matplotlib escapes every text that it is given."""
    return Markup(svg)
