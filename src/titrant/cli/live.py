"""How a run looks in a terminal, and as plain lines where there is none.

A terminal shows the arms of the current batch in a table that is kept up to date; what is settled
scrolls away above it. A log gets one line per event. The answer is printed the same in both.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from rich.console import Console, RenderableType
    from rich.table import Table

    from titrant.arms import ArmSpec
    from titrant.audits.base import AuditResult
    from titrant.report.answer import Answer
    from titrant.run.watch import ArmState, EndPoint

STAGES = {
    "inputs": "reading pool and benchmark",
    "prepared": "loading the base, examining every row",
    "scores": "scoring the pool with the base",
    "problems": "reading problems",
    "sample": "drawing answers",
    "majority": "drawing the base's majority answers",
    "zero": "choosing the base's best prompt",
    "pilot": "choosing the learning rate",
    "answer": "analysing",
    "audit problems": "making fresh problems for the audits",
    "reading": "reading both models",
    "questions": "asking the models",
    "findings": "judging",
    "report": "writing the report",
}
MARKS = {"waiting": "·", "running": "▸", "done": "✓", "failed": "✗", "reused": "✓"}


MINUTE_S = 60.0
"""Between two lines on how far something is."""


class PlainWatcher:
    """One line per event."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._began = self._told = time.monotonic()

    def __enter__(self) -> PlainWatcher:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held."""

    def _say(self, text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - self._began), 60)
        self.console.print(f"{minutes:3d}:{seconds:02d}  {text}", soft_wrap=True, markup=False)

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._say(STAGES.get(name, name))

    def note(self, text: str) -> None:
        """Something worth saying aloud."""
        self._say(text)

    def warn(self, text: str) -> None:
        """Something the user should act on."""
        self._say(f"warning: {text}")

    def arms(self, title: str, specs: Sequence[ArmSpec]) -> None:
        """These arms are to be run."""
        self._say(f"{title}: {', '.join(spec.arm_id for spec in specs)}")

    def arm(self, arm_id: str, state: ArmState, accuracy: float | None = None) -> None:
        """An arm changes its state."""
        if state in ("done", "failed", "reused"):
            known = "" if accuracy is None else f"  {accuracy:.1%}"
            self._say(f"  {MARKS[state]} {arm_id}  {state}{known}")

    def progress(self, name: str, phase: str, done: int, total: int) -> None:
        """A line a minute; more are too many for a log."""
        if time.monotonic() - self._told >= MINUTE_S:
            self._told = time.monotonic()
            self._say(f"{name}: {phase} {done:,}" + (f" of {total:,}" if total else ""))

    def end_points(self, found: Sequence[EndPoint]) -> None:
        """The current estimates."""
        for point in found:
            self._say(end_point_line(point))


class LiveWatcher:
    """A table of the current arms, kept up to date; a context manager, since it owns the screen."""

    def __init__(self, console: Console) -> None:
        from rich.live import Live

        self.console = console
        self._plain = PlainWatcher(console)
        self._title = self._stage = ""
        self._specs: list[ArmSpec] = []
        self._states: dict[str, tuple[str, float | None]] = {}
        self._progress: dict[str, tuple[str, int, int]] = {}
        self._points: list[EndPoint] = []
        self._live = Live(
            console=console, get_renderable=self._render, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> LiveWatcher:
        self._live.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:  # noqa: ANN401 - passed on
        self._live.__exit__(*error)

    def stage(self, name: str) -> None:
        """A stage begins."""
        self._specs, self._stage, self._progress = [], name, {}
        self._plain.stage(name)

    def note(self, text: str) -> None:
        """Something worth saying aloud."""
        self._plain.note(text)

    def warn(self, text: str) -> None:
        """Something the user should act on."""
        self._plain.warn(text)

    def arms(self, title: str, specs: Sequence[ArmSpec]) -> None:
        """These arms are to be run."""
        self._title, self._specs = title, list(specs)
        self._states = {spec.arm_id: ("waiting", None) for spec in specs}
        self._progress = {}

    def arm(self, arm_id: str, state: ArmState, accuracy: float | None = None) -> None:
        """An arm changes its state."""
        self._states[arm_id] = (state, accuracy)
        self._plain.arm(arm_id, state, accuracy)

    def progress(self, name: str, phase: str, done: int, total: int) -> None:
        """How far a running arm, or the stage under way, is."""
        self._progress[name] = (phase, done, total)

    def end_points(self, found: Sequence[EndPoint]) -> None:
        """The current estimates."""
        self._points = list(found)
        self._plain.end_points(found)

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        lines = [Text(end_point_line(point), style="bold") for point in self._points]
        if self._specs:
            return Group(self._table(), *lines)
        return Group(Text(self._stage_line()), *lines)

    def _stage_line(self) -> str:
        phase, done, total = self._progress.get(self._stage, ("", 0, 0))
        return f"{phase} {done:,}{f' of {total:,}' if total else ''}" if phase else ""

    def _table(self) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table

        table = Table(title=self._title, title_justify="left", box=None, pad_edge=False)
        for name, side in (("", "left"), ("strategy", "left"), ("dose", "right")):
            table.add_column(name, justify=side)  # pyright: ignore[reportArgumentType]
        for name in ("seed", "", "phase", "accuracy"):
            table.add_column(name, justify="right")
        for spec in self._specs:
            state, accuracy = self._states[spec.arm_id]
            phase, done, total = self._progress.get(spec.arm_id, ("", 0, 1))
            is_running = state == "running"
            table.add_row(
                MARKS[state],
                spec.strategy if spec.lr is None else f"{spec.strategy} lr {spec.lr:g}",
                f"{spec.dose:,}",
                str(spec.seed),
                ProgressBar(total=total, completed=done, width=20) if is_running else "",
                phase if is_running else state,
                "" if accuracy is None else f"{accuracy:.1%}",
            )
        return table


def end_point_line(point: EndPoint) -> str:
    """One strategy's current estimate in a line."""
    from titrant.report import typeset

    gain = f"gain {point.gain * 100:+.1f} points ({point.gain_low * 100:+.1f} to "
    gain += f"{point.gain_high * 100:+.1f})"
    if point.ed is None:
        known = "no end point yet"
    else:
        low, high = typeset.low_dose(point.low), typeset.dose(point.high)
        known = f"end point {typeset.dose(point.ed)} ({low}–{high})"
    return f"{point.strategy}: {known}, {gain}, {point.arms} arms: {point.verdict}"


def show_findings(console: Console, results: Sequence[AuditResult]) -> None:
    """A line per finding: what was found, and how sure that is."""
    from titrant.report.real import MARKS

    for result in results:
        console.print(result.question, style="bold", markup=False)
        for finding in result.findings:
            style = {"alarm": "red", "clear": "green"}.get(finding.outcome, "dim")
            mark = MARKS[finding.outcome]
            console.print(f"  {mark} {finding.outcome}", style=style, end="  ", markup=False)
            console.print(finding.statement, markup=False, highlight=False)


def show_answer(console: Console, answer: Answer, out: Path) -> None:
    """The answer, where everything is, and what to do next."""
    from titrant.report.text import summary

    console.print(summary(answer))
    console.print()
    if answer.audits:
        show_findings(console, answer.audits)
        console.print()
    if answer.subset is not None:
        console.print(f"subset   {out / answer.subset.path}", soft_wrap=True, highlight=False)
    console.print(f"answer   {out / 'answer.json'}", soft_wrap=True, highlight=False)
    console.print(f"report   {out / 'report.html'}", soft_wrap=True, highlight=False)
    following = f"export {out} --to DIR" if answer.subset is not None else f"report {out}"
    console.print(f"next     titrant {following}", soft_wrap=True, highlight=False)
