"""What the tables of the benchmarks share: rows of Markdown, verdicts, and what a run folder has read and found.

A criterion was written down before the first run; here it is judged by the interval (90 %) of its number:

| verdict | where |
|---|---|
| holds | the whole interval is on the side that the criterion names |
| fails | the whole interval is on the other side |
| open | the interval lies on both, has no ends, or rests on fewer than 20 problems |
| not read | what it needs was not trained or not asked |

A bar that voids a comparison is held against the estimate, as it was written: `holds`, `void`, `not read`.

Intervals of accuracies and of their differences are those of `titrant.audits.arms`: paired by problem, and arms
count as arms, with a variance pooled over all trained groups. Shares of anything else that arms wrote are means of
`titrant.audits.faithfulness.interval`, with the same two noises.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import polars as pl

from titrant.audits.arms import contrasts, groups_of
from titrant.audits.base import AuditResult
from titrant.dose.readings import FEWEST_PROBLEMS
from titrant.errors import DataError
from titrant.estimate import Estimate
from titrant.report import typeset
from titrant.report.real import write_number
from titrant.run.audit.folder import AuditFolder
from titrant.run.audit.plan import AuditPlan
from titrant.run.ladder.readings import read_samples
from titrant.run.session import read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from titrant.run.store.folder import RunFolder

LEVEL = 0.90
FORMS = "Information gain before and after training"
"""The table of forms of the faithfulness audit."""
HOLDS, FAILS, OPEN, VOID, NOT_READ = "holds", "fails", "open", "void", "not read"


def over(found: Estimate | None, bar: float = 0.0) -> str:
    """Whether a number is over a bar: a verdict of the module docstring."""
    if found is None or found.estimate is None:
        return NOT_READ
    if found.low is None or found.high is None or is_few(found):
        return OPEN
    if found.low > bar:
        return HOLDS
    return FAILS if found.high < bar else OPEN


def is_few(found: Estimate) -> bool:
    """Whether too few problems are behind a number for a verdict."""
    return found.n is not None and found.n < FEWEST_PROBLEMS


def under(found: Estimate | None, bar: float = 0.0) -> str:
    """Whether a number is under a bar."""
    return turned(over(found, bar))


def not_over(found: Estimate | None, margin: float) -> str:
    """Whether a number is not over 0: it fails over 0, and holds where its interval ends under the margin."""
    return (
        FAILS if over(found) == HOLDS else {HOLDS: HOLDS}.get(under(found, margin), _unsure(found))
    )


def within(found: Estimate | None, margin: float) -> str:
    """Whether a number is 0 up to a margin: it fails where the whole interval is past the margin."""
    above, below = over(found, -margin), under(found, margin)
    if above == below == HOLDS:
        return HOLDS
    return FAILS if FAILS in (above, below) else _unsure(found)


def apart(found: Estimate | None, lower: Estimate | None) -> str:
    """Whether a number is over another, whose noise is not shared: their intervals do not meet."""
    if NOT_READ in (_unsure(found), _unsure(lower)):
        return NOT_READ
    assert found is not None
    assert lower is not None
    if None in (found.low, found.high, lower.low, lower.high) or is_few(found) or is_few(lower):
        return OPEN
    if found.low > lower.high:  # type: ignore[operator]
        return HOLDS
    return FAILS if found.high < lower.low else OPEN  # type: ignore[operator]


def _unsure(found: Estimate | None) -> str:
    return NOT_READ if found is None or found.estimate is None else OPEN


def turned(verdict: str) -> str:
    """The verdict on the opposite."""
    return {HOLDS: FAILS, FAILS: HOLDS}.get(verdict, verdict)


def void(found: Estimate | None, bar: float) -> str:
    """Whether a share stays under the bar at which the comparison is void."""
    if found is None or found.estimate is None:
        return NOT_READ
    return VOID if found.estimate >= bar else HOLDS


def told(found: Estimate | None, write: Callable[[float | None], str]) -> str:
    """A number with its interval; a dash where it was not read."""
    return typeset.MISSING if found is None else typeset.with_interval(found, write)


def counted(found: Estimate | None) -> str:
    """A plain number with its interval and problems: it may rest on few of them."""
    told = write_number(found, "")
    return told if found is None or found.estimate is None else f"{told}, n {found.n}"


def head(*columns: str) -> None:
    """The head of a table, after an empty line."""
    print()
    row(*columns)
    print("|" + "---|" * len(columns))


def row(*cells: object) -> None:
    """A row of a table."""
    print(f"| {' | '.join(map(str, cells))} |")


def criteria(judged: Iterable[tuple[str, str, str]]) -> None:
    """A table of criteria: what was written, its number, its verdict."""
    head("written beforehand", "number", "verdict")
    for line in judged:
        row(*line)


def arm_readings(folder: RunFolder, *, with_text: bool = False) -> pl.DataFrame | None:
    """What the finished arms of the audits read; `None` where there is none."""
    done = sorted(folder.arms.glob("*-audit/done.json"))
    frames = [read_samples(folder, path.parent.name, with_text=with_text) for path in done]
    return pl.concat(frames) if frames else None


def benchmark_of(folder: RunFolder) -> str | None:
    """The name of the deciding benchmark; `None` where no audit was begun."""
    plan = AuditFolder(folder.audits).plan
    return read_record(plan, AuditPlan).benchmark if plan.exists() else None


def contrast(
    readings: pl.DataFrame | None, benchmark: str, weights: Mapping[str, float]
) -> Estimate | None:
    """A contrast of groups' accuracies on one set; `None` where a group or the set was not read."""
    groups = groups_of(readings, benchmark)
    if groups is None or not weights.keys() <= groups.score.keys():
        return None
    found = contrasts(groups, [weights])
    is_share = list(weights.values()) == [1.0]
    return found.accuracy(0, LEVEL) if is_share else found.estimate(0, LEVEL)


def results(folder: Path, names: Iterable[str]) -> list[AuditResult]:
    """What audits of a run folder have found, as far as they were made."""
    audits = AuditFolder(folder / "audits")
    paths = [audits.result(name) for name in names]
    return [AuditResult.model_validate_json(path.read_text()) for path in paths if path.exists()]


def check_names(
    found: Mapping[str, Sequence[AuditResult]], shown: Mapping[str, Sequence[str]]
) -> None:
    """Refuse a name of `shown` (audit → findings) that is never among the findings of its audit.

    Raises:
        DataError: names it; or no faithfulness audit has the table of forms.
    """
    names: dict[str, set[str]] = {}
    for one in (one for results in found.values() for one in results):
        names.setdefault(one.audit, set()).update(finding.name for finding in one.findings)
    missing = [name for audit in names for name in shown[audit] if name not in names[audit]]
    if "faithfulness" in names and not any(map(forms, found.values())):
        missing.append(FORMS)
    if missing:
        raise DataError(
            "what the table shows is among no audit's findings",
            expected=", ".join(missing),
            came=", ".join(sorted(set[str]().union(*names.values()))),
            do="mend the names that the benchmark shows",
        )


def findings(
    found: Mapping[str, Sequence[AuditResult]], shown: Mapping[str, Sequence[str]]
) -> None:
    """The findings of `shown`, by case."""
    head("case", "finding", "outcome", "number", "n, arms")
    for case, results in found.items():
        for result in results:
            for one in (one for one in result.findings if one.name in shown[result.audit]):
                n = "" if one.value is None else f"{one.value.n}, {one.value.seeds}"
                row(case, one.name, one.outcome, write_number(one.value, one.unit), n)


def forms(results: Iterable[AuditResult]) -> dict[str, tuple[Estimate | None, ...]]:
    """Form of information gain → base, tuned, change, change at equal steps."""
    return {
        str(row[0]): tuple(cell if isinstance(cell, Estimate) else None for cell in row[1:5])
        for result in results
        for found in result.tables
        if found.title == FORMS
        for row in found.rows
    }


def all_forms(found: Mapping[str, Sequence[AuditResult]]) -> None:
    """Information gain in every form, per trace and per step, and at equal numbers of steps."""
    head("case", "form", "base", "tuned", "change", "at equal steps")
    for case, results in found.items():
        for form, cells in forms(results).items():
            row(case, form, *(write_number(one, "") for one in cells))


def dose_of(arm_id: str) -> int:
    """The dose in an arm's name, which `ArmSpec.arm_id` writes; 0 is the base.

    Example:
        >>> dose_of("random-n000512-s00-audit"), dose_of("base-n000000-s00-audit")
        (512, 0)
    """
    found = re.search(r"-n(\d+)-s\d+", arm_id)
    if found is None:
        raise DataError(f"{arm_id} does not name a dose", expected="…-n000512-s00…", came=arm_id)
    return int(found[1])


def accuracies(work: Path, cases: Iterable[str]) -> None:
    """Accuracy of the base and of each arm by set: the benchmark, fresh problems, other kinds of problems."""
    head("case", "set", "base", "arms")
    for case in cases:
        paths = sorted((work / case / "arms").glob("*-audit/done.json"))
        done = {path.parent.name: json.loads(path.read_text())["accuracy"] for path in paths}
        base = next((one for arm_id, one in done.items() if dose_of(arm_id) == 0), {})
        for name, value in base.items():
            arms = [one[name] for arm_id, one in done.items() if dose_of(arm_id)]
            row(case, name, typeset.share(value), ", ".join(map(typeset.share, arms)))
