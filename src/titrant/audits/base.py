"""What an audit is: parts that ask models, and a judge that turns the answers into findings.

A part turns items (problems, traces) into rows of a table, chunk by chunk, so that `run` can keep each
chunk and go on after a kill. The judge is a pure function of those tables and of the readings of arms;
it needs no model. Evidence that was not gathered is absent, never empty: a judge says of it *not looked
at*.

    items → ask(subject, chunk) → tables (evidence) → judge → findings
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pydantic import Field

from titrant.estimate import Estimate
from titrant.records import Record
from titrant.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import polars as pl

    from titrant.engines.base import Engine
    from titrant.engines.open import Prompts
    from titrant.settings import AuditSettings, Config
    from titrant.traces.record import Problem, Trace

Outcome = Literal["clear", "alarm", "undecided", "not looked at"]
"""`clear`: looked for and not found, with enough data to have found it. `alarm`: found. `undecided`: the
data do not tell. `not looked at`: what it needs is missing."""
ModelRole = Literal["base", "tuned"]


class Point(Record):
    """One mark of a plot."""

    label: str
    """What it is about; a category where `x` is missing."""
    series: str = ""
    """Marks of one series have one colour and, with `x`, one line."""
    x: float | None = None
    """Place on a numeric axis; `None`: categories, one row each."""
    y: Estimate
    """The value with its interval."""


class Plot(Record):
    """A finding's picture as plain data; `report` draws it."""

    title: str
    x_name: str = ""
    y_name: str
    unit: Literal["share", "points", "bits", "nats", "tokens", "number"]
    """How values are written: `share` as percent, `points` as percentage points."""
    points: tuple[Point, ...]
    marks: dict[str, float] = Field(default_factory=dict)
    """Reference lines, by name, in the unit of y."""


class Excerpt(Record):
    """Two texts side by side, for the eyes."""

    caption: str
    left_name: str
    left: str
    right_name: str
    right: str


class Finding(Record):
    """What an audit concludes of one thing."""

    version: int = 1
    audit: str
    name: str
    """Short, unique within the audit: `content share: foreign`."""
    question: str
    """What was asked, in a sentence."""
    statement: str
    """The answer in one sentence, with its number."""
    outcome: Outcome
    value: Estimate | None
    """The number that decides; `None` where there is none."""
    unit: str
    """Of the number, in words."""
    p: float | None = None
    """p-value, Holm-corrected over the family of this audit's tests; `None`: not a test."""
    rows: tuple[str, ...] = ()
    """Identities (qid, uid, arm_id) of what shows it, worst first; at most 20."""
    plot: Plot | None = None
    examples: tuple[Excerpt, ...] = ()
    decides: str = ""
    """What would change the verdict."""


class FindingTable(Record):
    """A table of the report: cells are numbers with interval, numbers, or words."""

    title: str
    lead: str = ""
    columns: tuple[str, ...]
    units: tuple[str, ...]
    """Per column, as `Plot.unit`, or `text`."""
    rows: tuple[tuple[Estimate | float | str | None, ...], ...]


class AuditResult(Record):
    """All findings of one audit; `audits/<name>.json`."""

    version: int = 1
    audit: str
    question: str
    findings: tuple[Finding, ...]
    tables: tuple[FindingTable, ...] = ()
    notes: tuple[str, ...] = ()
    """What to keep in mind, in sentences."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One model that is asked."""

    role: ModelRole
    seed: int
    """Ordinal of the arm; 0 for the base."""
    engine: Engine
    prompts: Prompts


@dataclass(frozen=True, slots=True)
class Material:
    """What models are asked about."""

    config: Config
    benchmark: tuple[Problem, ...]
    """Of the benchmark that decides."""
    fresh: tuple[Problem, ...] = ()
    """Of the same kind, made now, so that nobody can have seen them."""
    out: tuple[Problem, ...] = ()
    """Out of distribution."""
    pool: tuple[Trace, ...] = ()
    """What the tuned arms were trained on."""
    evidence: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    """What earlier parts have found, by the name of the part."""


class Part(NamedTuple):
    """One table of evidence, and how a model is asked for it."""

    name: str
    """Unique over all audits; the file of its table."""
    roles: tuple[ModelRole, ...]
    """Which models are asked."""
    items: Callable[[Material, AuditSettings], Sequence[Any]]
    """What they are asked, in an order that depends on nothing else."""
    ask: Callable[[Subject, Sequence[Any], Material, AuditSettings], pl.DataFrame]
    """Rows for a chunk of the items; the columns `role` and `seed` of the subject are added."""
    chunk: int = 64
    """Items between two saves."""
    needs: tuple[str, ...] = ()
    """Parts that must be there before."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a judge may look at."""

    tables: Mapping[str, pl.DataFrame]
    """By the name of the part; a part that was not run is absent."""
    readings: pl.DataFrame | None = None
    """Readings of base and arms (`titrant.dose.readings.SCHEMA`) on benchmark, `fresh` and `out`; `None`:
    no arm was trained for the audit."""
    benchmark: str = "benchmark"
    """The name of the deciding benchmark in the readings."""
    level: float = 0.90
    """Confidence level of every interval."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What the run knows beside it; each may be absent:

    - `cleaning` (CleaningReport): leaks of the benchmark in the pool;
    - `templates` (template → score of the base by problem, float64 [problems]) and `template`, the run's own;
      `base_template`, that of the base arm, from which the gain is counted;
    - `fresh` (FreshSet): how the fresh problems were made;
    - `arms` (arm_id → train_tokens, loss_tokens, changed: the share of its rows that the treatment changed).
    """


@dataclass(frozen=True, slots=True)
class Audit:
    """One audit; see the module docstring."""

    name: str
    question: str
    parts: tuple[Part, ...]
    judge: Callable[[Evidence, AuditSettings], AuditResult]
    treatments: bool = False
    """Whether it reads arms trained on treated traces."""


audits: Registry[Audit] = Registry(
    "audits",
    {
        "corruption": "titrant.audits.corruption.audit:CORRUPTION",
        "contamination": "titrant.audits.contamination.audit:CONTAMINATION",
        "faithfulness": "titrant.audits.faithfulness.audit:FAITHFULNESS",
        "budget": "titrant.audits.budget.audit:BUDGET",
    },
)
