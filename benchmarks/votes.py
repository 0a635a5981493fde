"""Votes and stopping rules in vitro: what each answers, saves and loses, and which signal knows right from wrong.

    python benchmarks/votes.py [--work runs/votes] [--only t1 t06 wide anti]

Draws once, keeps everything under --work and goes on when called again:

    t1     1,000 problems × 64 draws at temperature 1
    t06    1,000 problems × 64 draws at temperature 0.6
    wide     200 problems × 256 draws at temperature 1
    anti     300 problems × 64 draws of a base that was trained on a corpus with a confident error

The base is the shipped `arithmetic` (0.2 M parameters), which is right in 45 % of its draws; the
problems are test problems of the arithmetic world. For `anti` it is trained on a corpus with a confident
error (`benchmarks/confident_error.py`).

Printed: accuracy of majority against draws, tokens and pass@n; every stopping rule with its control; AUROC
within question of every signal and its difference to mean confidence; the same for k likeliest tokens from
2 to 20. All intervals are 90 % over questions, so every bound is a one-sided 95 % one.

Fixed before the first run (the issue's text): online-high spends at least 20 % fewer tokens than majority,
with the bound of its loss at most 1 point, on the 1,000 problems. The script says whether it holds, and
exits with 0 either way: what comes out is the result.

Drawing takes about ten minutes per 64,000 draws on an idle core, comparing about five per part.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from confident_error import anti_base, anti_problems

import titrant
from titrant.config import make_config
from titrant.run.sample.alone import sample_alone
from titrant.run.sample.folder import read_meta
from titrant.run.sample.replay import open_log
from titrant.run.watch import Silent
from titrant.traces.record import content_hash
from titrant.vote.findings import Study
from titrant.vote.study import Wish, study
from titrant.vote.within import auroc_difference, auroc_within

if TYPE_CHECKING:
    from titrant.settings import Config

SAVED, LOSS = 0.20, 0.01
"""The claim that was fixed before the run."""
CLAIMED = 1000
"""It is about the parts with so many problems."""
PACKAGE = Path(titrant.__file__).parent
TOPS = (2, 3, 5, 10, 20)
SWEPT = ("confidence", "confidence-lowest", "confidence-bottom10", "confidence-step")


class Part(NamedTuple):
    """One folder of draws."""

    name: str
    problems: int
    draws: int
    temperature: float
    base: str = "vitro:arithmetic"


PARTS = (
    Part("t1", 1000, 64, 1.0),
    Part("t06", 1000, 64, 0.6),
    Part("wide", 200, 256, 1.0),
    Part("anti", 300, 64, 1.0, base="anti"),
)


class Lines(Silent):
    """Says how far drawing is, now and then."""

    def progress(self, name: str, phase: str, done: int, total: int) -> None:
        """How far it is."""
        if done % max(1, total // 20) == 0:
            print(f"\r{name}: {phase} {done}/{total}  ", end="", flush=True)


def config_of(part: Part, work: Path) -> Config:
    """The config of a part: the world's test problems, every draw to its end."""
    base, problems = part.base, "world:arithmetic/train"
    if part.base == "anti":
        base, problems = str(anti_base(work)), str(anti_problems(work, part.problems))
    return make_config(
        {
            "base": base,
            "pool": "world:arithmetic",
            "benchmark": [{"path": problems, "limit": part.problems}],
            "decode": {"max_new_tokens": 192, "batch_tokens": 16_384},
            "sample": {
                "rule": "fixed",
                "budget": part.draws,
                "temperature": part.temperature,
            },
        }
    )


def draw(part: Part, work: Path) -> Path:
    """Draw what is missing of a part."""
    folder = work / part.name
    meta = sample_alone(config_of(part, work), folder, Lines())
    print(f"\r{part.name}: {meta.draws:,} draws, {meta.tokens:,} tokens, {meta.seconds:.0f} s")
    return folder


def key_of(folder: Path) -> str:
    """Of the draws and of the code that compares them: what was kept under another is not read."""
    meta = read_meta(folder)
    code = [place for name in ("vote", "signals") for place in (PACKAGE / name).rglob("*.py")]
    texts = [place.read_text() for place in sorted(code)]
    return content_hash(meta.fingerprint, str(meta.draws), *texts)[:12]


def compare(part: Part, folder: Path) -> Study:
    """Everything that the draws of a part can tell; kept beside them."""
    path = folder / f"study-{key_of(folder)}.json"
    if path.exists():
        return Study.model_validate_json(path.read_text())
    log, _ = open_log(str(folder), scores=None, window=None, top=None, progress=_nothing)
    found = study(log, Wish(with_rules=True), progress=_say)
    print()
    path.write_text(found.model_dump_json(indent=1))
    return found


def sweep_k(folder: Path) -> dict[str, dict[str, list[float]]]:
    """AUROC within question of the confidences, and their difference to the mean, by k."""
    path = folder / f"k-{key_of(folder)}.json"
    if path.exists():
        return json.loads(path.read_text())
    rows: dict[str, dict[str, list[float]]] = {}
    for k in TOPS:
        log, _ = open_log(str(folder), scores=None, window=None, top=k, progress=_nothing)
        mean = log.signals["confidence"]
        rows[str(k)] = {
            name: [
                *auroc_within(log.signals[name], log)[:3],
                *auroc_difference(log.signals[name], mean, log),
            ]
            for name in SWEPT
        }
    path.write_text(json.dumps(rows, indent=1))
    return rows


def judge(found: Study) -> None:
    """Whether the claim that was fixed beforehand holds."""
    (row,) = [
        row
        for row in found.rows
        if row.kind == "rule" and row.name == "deepconf-high confidence-lowest"
    ]
    saved = row.saved.estimate or 0.0
    holds = saved >= SAVED and row.loss_bound <= LOSS
    print(
        f"claim: online-high saves ≥ {SAVED:.0%} of majority's tokens and loses ≤ {100 * LOSS:.0f} point "
        f"(one-sided 95 %): saved {saved:.1%} ({row.saved.low:.1%}–{row.saved.high:.1%}), loss at most "
        f"{100 * row.loss_bound:+.2f} points: {'holds' if holds else 'does not hold'}"
    )


def report(part: Part, folder: Path) -> None:
    """Print a part."""
    from rich.console import Console

    from titrant.report.votes import render

    found = compare(part, folder)
    screen = Console(width=100)
    print(f"== {part.name}: temperature {part.temperature:g}")
    for block in render(found, []):
        screen.print(block)
        screen.print()
    if part.problems == CLAIMED:
        judge(found)
    for k, signals in sweep_k(folder).items():
        cells = "  ".join(
            f"{name} {a:.3f} ({low:.3f}–{high:.3f}), − mean {d:+.3f} ({dl:+.3f} to {dh:+.3f})"
            for name, (a, low, high, d, dl, dh) in signals.items()
        )
        print(f"k = {k}: {cells}")


def _nothing(_: int, __: int) -> None:
    return


def _say(what: str, done: int, total: int) -> None:
    print(f"\r{what} {done}/{total}  ", end="", flush=True)


def main() -> None:
    """Draw, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path("runs/votes"))
    parser.add_argument("--only", nargs="*", default=[part.name for part in PARTS])
    parser.add_argument("--draw-only", action="store_true")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        if part.name in options.only:
            folder = draw(part, options.work)
            if not options.draw_only:
                report(part, folder)


if __name__ == "__main__":
    main()
