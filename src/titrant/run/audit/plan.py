"""What the audits rest on: problems, dose, arms. Decided once and written down before it is acted on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.arms import ArmSpec
from titrant.audits.base import audits
from titrant.dose.readings import BASE
from titrant.errors import ConfigError
from titrant.files import write_text
from titrant.records import Record
from titrant.run.audit.material import FreshNote
from titrant.run.input.scale import counts_questions
from titrant.run.session import read_record
from titrant.treat.table import CLEAN, parse_treatment

if TYPE_CHECKING:
    from titrant.report.answer import Answer
    from titrant.run.audit.folder import AuditFolder
    from titrant.settings import AuditSettings, Config

AUDIT_ROUND = 9000
"""The round of the journal that the arms of audits belong to."""


class AuditPlan(Record):
    """`audits/plan.json`."""

    version: int = 1
    strategy: str
    """How the traces of the audits' arms were ranked."""
    dose: int
    """Traces of each arm."""
    seeds: int
    treatments: tuple[str, ...]
    """Without `clean`, which always takes part."""
    benchmark: str
    """Name of the deciding benchmark."""
    asked: tuple[str | None, str | None, int]
    """`audit.fresh`, `audit.out` and `audit.problems`, by which the sets were made."""
    fresh: FreshNote | None = None
    """How the fresh problems were made; `None`: not yet."""
    out: str | None = None
    """Where problems out of distribution come from."""

    @property
    def specs(self) -> tuple[ArmSpec, ...]:
        """The base, the clean arms, the treated ones; seed by seed, so that a limit cuts all alike."""
        trained = [
            ArmSpec(
                strategy=self.strategy,
                dose=self.dose,
                seed=seed,
                treatment=treatment,
                purpose="audit",
            )
            for seed in range(self.seeds)
            for treatment in ("clean", *self.treatments)
        ]
        return (ArmSpec(strategy=BASE, dose=0, seed=0, purpose="audit"), *trained)

    @property
    def clean(self) -> tuple[ArmSpec, ...]:
        """The arms whose models are asked."""
        return tuple(s for s in self.specs if s.treatment == "clean" and s.dose > 0)


def check_settings(settings: AuditSettings) -> None:
    """Refuse unknown audits and treatments before any work is done.

    Raises:
        ConfigError: names the nearest known ones.
    """
    for name in settings.names:
        audits.check(name)
    for name in settings.treatments:
        if parse_treatment(name).treatment.name == CLEAN:
            raise ConfigError(
                "audit.treatments names `clean`",
                expected="what is done to traces; clean arms always take part",
                came=", ".join(settings.treatments),
                do="leave it out",
            )


def plan_audit(folder: AuditFolder, config: Config, answer: Answer) -> AuditPlan:
    """The plan for an answer; see `continued`.

    Raises:
        ConfigError: the settings ask for other problems or another dose than those on disk.
    """
    settings = config.audit
    wanted = AuditPlan(
        strategy=answer.strategy,
        dose=_dose(settings, answer),
        seeds=settings.seeds,
        treatments=wanted_treatments(config),
        benchmark=_benchmark(answer),
        asked=(settings.fresh, settings.out, settings.problems),
    )
    return continued(folder, wanted)


def continued(folder: AuditFolder, wanted: AuditPlan) -> AuditPlan:
    """The plan on disk, with what is wanted of treatments and seeds now; without one, what is wanted.

    Raises:
        ConfigError: the plan on disk is about other problems, another dose or another strategy.
    """
    if not folder.plan.exists():
        return wanted
    known = read_record(folder.plan, AuditPlan)
    if (known.dose, known.strategy, known.asked) != (wanted.dose, wanted.strategy, wanted.asked):
        raise ConfigError(
            f"the audits in {folder.root} were begun with other settings",
            expected=f"dose {known.dose} of {known.strategy}, fresh, out, problems = {known.asked}",
            came=f"dose {wanted.dose} of {wanted.strategy}, {wanted.asked}",
            do="give the old values back, or delete audits/, audit.parquet and the arms that end in "
            "-audit",
        )
    return wanted.model_copy(update={"fresh": known.fresh, "out": known.out})


def write_plan(folder: AuditFolder, plan: AuditPlan) -> None:
    """Write the plan."""
    write_text(folder.plan, plan.model_dump_json(indent=2) + "\n")


def wanted_treatments(config: Config) -> tuple[str, ...]:
    """The treatments that an audit of the config reads.

    None where no audit reads any, and none under reinforcement learning, which trains no traces.
    """
    settings = config.audit
    reads = not counts_questions(config) and any(
        audits.get(name).treatments for name in settings.names
    )
    return tuple(parse_treatment(name).name for name in settings.treatments) if reads else ()


def _dose(settings: AuditSettings, answer: Answer) -> int:
    if settings.dose != "ed95":
        return min(settings.dose, answer.top_dose)
    return answer.top_dose if answer.subset is None else answer.subset.dose


def _benchmark(answer: Answer) -> str:
    if answer.provenance is None or not answer.provenance.benchmarks:
        raise ConfigError(
            "this answer does not say what it was read on",
            expected="the answer of a titration",
            came="an answer fitted from readings alone",
            do="audit a folder that `titrant run` made",
        )
    return next(iter(answer.provenance.benchmarks))
