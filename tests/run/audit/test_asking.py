"""What models are asked: under which template, and which earlier answers count."""

from pathlib import Path

import fake_arms
import polars as pl
import pytest

from titrant.run.audit.asking import AskedModel, part_fingerprints, parts_by_name
from titrant.run.audit.folder import AuditFolder, read_part
from titrant.run.audit.models import Asking, stages_of_jobs
from titrant.settings import AuditSettings

AUDITS = ("contamination", "faithfulness", "budget")
CONFIG = fake_arms.fake_config(audit=AuditSettings(names=AUDITS))


def models(seeds: int, template: str | None = "plain") -> list[AskedModel]:
    tuned = [AskedModel("tuned", seed, Path(f"arm-{seed}")) for seed in range(seeds)]
    return [AskedModel("base", 0, None, template), *tuned]


@pytest.fixture
def problems(tmp_path):
    path = tmp_path / "audit.parquet"
    path.write_bytes(b"problems")
    return path


def test_a_part_that_reads_others_answers_is_asked_anew_for_other_models(problems):
    two, three = (part_fingerprints(CONFIG, problems, models(n)) for n in (2, 3))
    needing = {name for name, part in parts_by_name(AUDITS).items() if part.needs}
    assert needing
    assert {name for name in two if two[name] != three[name]} == needing


def test_every_part_is_asked_anew_under_another_template_of_the_base(problems):
    plain, chat = (part_fingerprints(CONFIG, problems, models(2, t)) for t in ("plain", "chat"))
    assert all(plain[name] != chat[name] for name in plain)


def test_problems_decide_every_part_and_treatments_none(problems):
    before = part_fingerprints(CONFIG, problems, models(2))
    audit = CONFIG.audit.model_copy(update={"treatments": ("foreign",), "seeds": 9})
    assert (
        part_fingerprints(CONFIG.model_copy(update={"audit": audit}), problems, models(2)) == before
    )
    other = problems.with_name("other.parquet")
    other.write_bytes(b"others")
    after = part_fingerprints(CONFIG, other, models(2))
    assert all(before[name] != after[name] for name in before)


def test_the_base_is_asked_under_the_template_of_its_reading(problems):
    asking = Asking(problems.parent, problems, "arithmetic", CONFIG)
    jobs = [job for jobs in stages_of_jobs(asking, models(1, "chat")) for job in jobs]
    assert {job.config.prompt.template for job in jobs if job.role == "base"} == {"chat"}
    own = CONFIG.prompt.template
    assert {job.config.prompt.template for job in jobs if job.role == "tuned"} == {own}
    assert len({tuple(sorted(job.fingerprints.items())) for job in jobs}) == 1


def test_answers_of_models_that_are_not_asked_are_left_aside(tmp_path):
    folder = AuditFolder(tmp_path)
    place = folder.part("draws", "0123")
    place.mkdir(parents=True)
    for role, seed in (("base", 0), ("tuned", 0), ("tuned", 1), ("tuned", 10)):
        for number in range(2):
            frame = pl.DataFrame({"who": [f"{role} {seed}"]})
            frame.write_parquet(folder.chunk(place, role, seed, number))
    found = read_part(place, [("base", 0), ("tuned", 1)])
    assert found is not None
    assert found["who"].to_list() == ["base 0", "base 0", "tuned 1", "tuned 1"]
    assert read_part(place, [("tuned", 5)]) is None
    everything = read_part(place)
    assert everything is not None
    assert len(everything) == 8
