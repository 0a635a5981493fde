"""The last stage: from finished arms to `answer.json`, `subsets/`, `report.html` and the manifest.

Everything here is a pure function of the run folder (but for the times), so a run that was killed
and taken up again ends with the same answer. Answer and report are written last: a run that has both
is finished.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from titrant.dose.judge.analysis import Analysis, analyse
from titrant.dose.readings import ReadingTable
from titrant.files import write_frame, write_text
from titrant.report.html import render_report
from titrant.report.sentence import with_sentence
from titrant.run.input.cleaning import read_cleaning
from titrant.run.input.inputs import load_benchmarks
from titrant.run.input.scale import counts_questions
from titrant.run.ladder.preliminary import Pilot, Zero
from titrant.run.ladder.readings import write_readings
from titrant.run.ladder.rounds import guess_of, read_frame
from titrant.run.result.answer import Findings, build_answer
from titrant.run.result.examples import before_after, show_traces, shown_arm
from titrant.run.result.selection import with_selection
from titrant.run.result.subset import chosen_dose, subset_record, write_chosen
from titrant.run.scores.ranked import ensure_ranking
from titrant.run.session import read_record
from titrant.run.store.manifest import begin_manifest, finish_manifest
from titrant.select.rank import draw_of, first_of_questions, read_ranking
from titrant.train.job import ArmOutcome

if TYPE_CHECKING:
    from titrant.report.answer import Answer
    from titrant.run.input.inputs import Inputs
    from titrant.run.input.prepare import Prepared
    from titrant.run.ladder.rounds import Ladder, Round
    from titrant.run.session import Session
    from titrant.select.rank import RankedRow
    from titrant.signals.meta import ScoresMeta
    from titrant.traces.record import Trace


class Known(NamedTuple):
    """What was found before the first arm."""

    inputs: Inputs
    prepared: Prepared
    scores: ScoresMeta | None
    """`None` where no strategy needs any."""


def finish(session: Session, ladder: Ladder, last: Round, known: Known) -> Answer:
    """Write everything that the run leaves, answer and report last."""
    folder, config = session.folder, session.config
    session.watcher.stage("answer")
    session.journal.start_stage("answer")
    frame = read_frame(session, ladder)
    write_readings(folder, frame)
    begun = begin_manifest(folder, config)
    found = gather(session, ladder, last, known, frame=frame)
    answer = build_answer(config, found, created=begun.created)
    answer = with_selection(session, found, answer)
    answer = answer.model_copy(update={"cleaning": read_cleaning(folder)})
    answer = _with_examples(session, found, answer)
    answer = _with_subset(session, found, answer)
    _write_curves(session, answer)
    finish_manifest(folder, begun, known.prepared, answer.cost)
    write_text(folder.answer, answer.model_dump_json(indent=2) + "\n")
    session.watcher.stage("report")
    write_text(folder.report, render_report(answer))
    session.journal.end_stage("answer", answer.verdict)
    return answer


def gather(
    session: Session,
    ladder: Ladder,
    last: Round,
    known: Known,
    *,
    frame: pl.DataFrame,
) -> Findings:
    """Read back everything that the answer is made of."""
    entries = session.journal.arms()
    outcomes = {
        arm_id: ArmOutcome.model_validate_json(entry.outcome)
        for arm_id, entry in entries.items()
        if entry.outcome is not None and entry.spec.purpose != "audit"
    }
    return Findings(
        ladder=ladder,
        last=last,
        inputs=known.inputs,
        prepared=known.prepared,
        scores=known.scores,
        counts_questions=counts_questions(session.config),
        zero=read_record(session.folder.stage("zero"), Zero),
        pilot=read_record(session.folder.stage("pilot"), Pilot),
        entries=entries,
        outcomes=outcomes,
        base=ReadingTable.from_frame(
            frame.filter(pl.col("dose") == 0), benchmark=ladder.benchmarks[0]
        ),
        analyses=analyse_all(session, ladder, frame),
    )


def analyse_all(session: Session, ladder: Ladder, frame: pl.DataFrame) -> dict[str, Analysis]:
    """One analysis per benchmark; none at all where a limit came before the top dose was read."""
    tops = set(frame.filter(pl.col("dose") == ladder.plan.top_dose)["strategy"].unique())
    needed = set() if ladder.plan.shared_dose else set(ladder.plan.strategies)
    if not tops or not needed <= tops:
        return {}
    analyses = {}
    for name in ladder.benchmarks:
        table = ReadingTable.from_frame(frame, benchmark=name).paired()
        decides = name == ladder.benchmarks[0]
        analyses[name] = analyse(
            table,
            settings=session.config.ladder,
            plan=ladder.plan,
            guess=guess_of(table, ladder) if decides else None,
        )
    return analyses


def _with_examples(session: Session, found: Findings, answer: Answer) -> Answer:
    """What the base wrote, and what the arm nearest to the recommended dose (else the top) writes."""
    specs = [
        entry.spec
        for entry in found.entries.values()
        if entry.state == "done"
        and entry.spec.purpose == "ladder"
        and entry.spec.strategy == answer.strategy
    ]
    arm = shown_arm(specs, _recommended(found) or answer.ed95.estimate or answer.top_dose)
    if arm is None:
        return answer
    benchmark = found.ladder.benchmarks[0]
    pairs = before_after(
        session.folder,
        load_benchmarks(session.folder)[benchmark],
        zero=found.ladder.zero,
        arm_id=arm.arm_id,
        benchmark=benchmark,
    )
    return answer.model_copy(update={"before_after": pairs})


def _recommended(found: Findings) -> int | None:
    analysis = found.analyses.get(found.ladder.benchmarks[0])
    return None if analysis is None else chosen_dose(analysis)


def _with_subset(session: Session, found: Findings, answer: Answer) -> Answer:
    """The answer with its sentence and, where it recommends a dose, that subset on disk."""
    dose = _recommended(found)
    if dose is None:
        return with_sentence(answer)
    rows = _subset_rows(session, found, answer.strategy, dose)
    answer = with_sentence(
        answer.model_copy(
            update={
                "subset": subset_record(rows, strategy=answer.strategy),
                "traces": show_traces([trace for _, trace in rows]),
            }
        )
    )
    write_chosen(session.folder, rows, session.config, answer=answer)
    return answer


def _subset_rows(
    session: Session, found: Findings, strategy: str, dose: int
) -> list[tuple[RankedRow, Trace]]:
    pool, draw = found.ladder.pool, draw_of(strategy, 0)
    ensure_ranking(session.folder, pool, session.config, strategy=strategy, draw=draw)
    ranking = read_ranking(session.folder.ranking(strategy, draw))
    by_uid = {trace.uid: trace for trace in pool}
    rows = {row.uid: row for row in ranking.rows}
    traces = [by_uid[uid] for uid in rows]
    if counts_questions(session.config):
        return [(rows[trace.uid], trace) for trace in first_of_questions(traces, dose)]
    return [(rows[trace.uid], trace) for trace in traces[:dose]]


def _write_curves(session: Session, answer: Answer) -> None:
    """`curve.parquet`: every reading of every arm and the fitted bands."""
    rows = [
        {
            "strategy": curve.strategy,
            "benchmark": curve.benchmark,
            "kind": kind,
            **point.model_dump(),
        }
        for curve in answer.curves
        for kind, points in (("reading", curve.readings), ("band", curve.band))
        for point in points
    ]
    write_frame(session.folder.curve, pl.DataFrame(rows, infer_schema_length=None))
