"""The whole: what is found in a pool, why a row is dropped, the record of it, and the file without it."""

import json

import pytest

from titrant.errors import ConfigError
from titrant.select.clean.pool import DROPS, CleanSettings, clean_pool
from titrant.select.clean.report import MOST_EVIDENCE, CleaningReport, describe
from titrant.select.clean.write import write_pool, write_reasons
from titrant.settings import PoolSettings
from titrant.traces.read import read_pool
from titrant.traces.record import Problem, Step, Verdict, question_id
from titrant.traces.steps import cut_steps
from titrant.traces.table import load_traces
from trace_made import made_trace

ASKED = (
    "Natalia sold clips to 48 of her friends in April, and then she sold 24 clips in May. "
    "How many clips did she sell altogether in April and May?"
)
OTHER = "The lighthouse keeper lights 9 lamps every evening and puts them out at dawn. How many?"
OWN = "We count the lamps one by one until dawn comes, and there are nine of them in all.\n#### 9"
QUICK = CleanSettings(planted=3)


def trace(question, answer, **fields):
    return made_trace(question, None, answer, steps=cut_steps(answer), **fields)


TRACES = [
    trace(OTHER, OWN),
    trace(OTHER, OWN),
    trace(OTHER, OWN.replace("dawn comes", "DAWN comes"), gold="9"),
    trace(ASKED, "It is 72."),
    trace(OTHER, f"This is like: {ASKED}\n#### 9"),
    trace("How old are you?", "I am a clock.", meta={"row": 77}),
]


@pytest.fixture(scope="module")
def benchmarks():
    return {
        "b": [Problem(qid=question_id(q), question=q, gold="72") for q in (ASKED, "What is 2+2?")]
    }


@pytest.fixture(scope="module")
def cleaning(benchmarks):
    return clean_pool(TRACES, benchmarks, QUICK)


def test_a_row_has_one_reason_the_first_that_applies(cleaning):
    reasons = cleaning.reasons(["near", "exact", "contaminated"])
    # Rows 0 and 1 are one trace, row 2 nearly repeats it; the lesser uid is kept.
    near = {2: "near"} if TRACES[0].uid < TRACES[2].uid else {0: "near"}
    contaminated = {3: "contaminated", 4: "contaminated"}
    assert {row: r.drop for row, r in reasons.items()} == {1: "exact"} | near | contaminated
    assert reasons[3].detail == f"same question: {question_id(ASKED)} of b (1.00)"
    assert reasons[4].detail.endswith("(1.00, in its answer_text)")


def test_only_what_is_asked_for_is_dropped(cleaning):
    assert cleaning.reasons([]) == {}
    assert {reason.drop for reason in cleaning.reasons(["exact"]).values()} == {"exact"}
    assert cleaning.reasons(["exact"])[1].detail == "the same as row 1"


def test_s1s_rule_drops_whatever_shares_an_ngram(benchmarks):
    sentence = "How many clips did she sell altogether in April and May?"
    pool = [*TRACES, trace(f"{OTHER} {sentence}", OWN)]
    shared = clean_pool(pool, benchmarks, QUICK).reasons(["shared"])
    assert set(shared) == {3, 4, 6}
    assert shared[6].detail.startswith("a shared n-gram: ")


def test_verdicts_are_asked_for_rows_with_copies_only(benchmarks):
    asked = []

    def judge(traces):
        asked.extend(traces)
        return [
            t.model_copy(update={"verdict": Verdict.CORRECT if t.gold else Verdict.WRONG})
            for t in traces
        ]

    done = clean_pool(TRACES, benchmarks, QUICK, judge=judge)
    assert [t.uid for t in asked] == [TRACES[0].uid, TRACES[1].uid, TRACES[2].uid]
    (group,) = done.near
    assert done.pairs.units.rows[group.kept] == (2,)  # the one verified as correct
    assert {row for row, r in done.reasons(["near"]).items() if r.drop == "near"} == {0, 1}


def test_without_a_benchmark_only_copies_are_looked_for():
    done = clean_pool(TRACES, {}, QUICK)
    assert done.overlap is None
    assert set(done.reasons(["contaminated", "shared"])) == set()
    report = describe(done)
    assert (report.benchmarks, report.evidence, report.leaks, report.flagged_before) == (
        (),
        (),
        None,
        None,
    )


def test_the_report_counts_every_row_and_problem_once(cleaning):
    report = describe(cleaning)
    (overlap,) = report.benchmarks
    grades = {grade.grade: grade for grade in overlap.grades}
    assert {name: (g.rows, g.problems, g.flagged_rows) for name, g in grades.items()} == {
        "same question": (1, 1, 1),
        "long overlap": (1, 0, 1),
    }
    assert grades["long overlap"].rows_in_trace_only == 1
    assert (overlap.flagged_rows, overlap.flagged_problems, overlap.expressions) == (2, 1, 1)
    assert report.flagged_uids == tuple(sorted(TRACES[row].uid for row in (3, 4)))
    assert report.flagged_qids == (question_id(ASKED),)
    assert report.flagged_before is not None
    assert (report.flagged_before.n, report.flagged_before.found) == (6, 2)


def test_the_report_shows_copies_and_evidence_with_their_places(cleaning):
    report = describe(cleaning)
    exact, near = report.copies
    assert (exact.kind, exact.groups, exact.copies) == ("exact", 1, 1)
    assert (exact.examples[0].kept_row, exact.examples[0].row) == (1, 2)
    assert near.copies in (1, 2)
    assert near.examples[0].similarity > 0.95
    quoted = next(item for item in report.evidence if item.place == "answer_text")
    (span,) = quoted.spans
    assert quoted.pool_text[span.pool_start : span.pool_end] == ASKED.rstrip("?")
    assert (quoted.row, quoted.uid, quoted.is_flagged) == (5, TRACES[4].uid, True)


def test_the_evidence_is_limited_and_every_grade_is_shown(benchmarks):
    many = [trace(ASKED.replace("clips", "CLIPS", i % 3) + "?" * i, "72") for i in range(40)]
    report = describe(clean_pool([*many, TRACES[4]], benchmarks, QUICK))
    assert len(report.evidence) == MOST_EVIDENCE
    assert {item.grade for item in report.evidence} == {"same question", "long overlap"}


def test_a_report_survives_json_and_is_the_same_every_time(cleaning, benchmarks):
    report = describe(cleaning)
    assert CleaningReport.model_validate_json(report.model_dump_json()) == report
    assert describe(clean_pool(TRACES, benchmarks, QUICK)) == report


def test_copies_in_meaning_are_looked_for_if_asked(benchmarks):
    settings = QUICK.model_copy(update={"semantic": True, "cosine": 0.9, "unit": "question"})
    reworded = OTHER.replace("every evening and", "each evening and he")
    done = clean_pool([*TRACES, trace(reworded, OWN)], benchmarks, settings)
    assert describe(done).copies[2].kind == "semantic"
    assert {r.drop for r in done.reasons(DROPS).values()} >= {"contaminated", "exact"}


def test_drops_that_are_unknown_or_were_not_looked_for_are_refused(cleaning):
    with pytest.raises(ConfigError, match="--drop knows no 'exakt'"):
        cleaning.reasons(["exakt"])
    with pytest.raises(ConfigError, match="copies in meaning were not looked for"):
        cleaning.reasons(["semantic"])


@pytest.mark.parametrize("name", ["clean.jsonl", "clean.parquet"])
def test_a_written_pool_is_read_back_as_it_was(tmp_path, name):
    path = tmp_path / name
    write_pool(path, TRACES)
    assert [t.uid for t in read_pool(PoolSettings(path=str(path))).traces] == [
        t.uid for t in TRACES
    ]
    back = read_pool(PoolSettings(path=str(path))).traces
    for before, after in zip(TRACES, back, strict=True):
        assert (after.question, after.answer_text, after.steps) == (
            before.question,
            before.answer_text,
            before.steps,
        )
        assert (after.gold, after.gold_kind) == (before.gold, before.gold_kind)
    assert back[5].meta["row"] == 77


def test_steps_of_the_source_are_kept_in_both_formats(tmp_path):
    whole = made_trace(OTHER, None, OWN, steps=(Step(OWN, 0, len(OWN)),))
    assert len(cut_steps(OWN)) > 1
    for name in ("clean.jsonl", "clean.parquet"):
        write_pool(tmp_path / name, [whole])
        (back,) = read_pool(PoolSettings(path=str(tmp_path / name))).traces
        assert back.steps == whole.steps


def test_a_parquet_pool_is_a_table_of_traces(tmp_path):
    write_pool(tmp_path / "clean.parquet", TRACES)
    assert load_traces(tmp_path / "clean.parquet") == TRACES


def test_reasons_are_one_line_per_dropped_row(tmp_path, cleaning):
    path = tmp_path / "why.jsonl"
    write_reasons(path, TRACES, cleaning.reasons(["exact", "contaminated"]))
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(row["row"], row["drop"]) for row in rows] == [
        (2, "exact"),
        (4, "contaminated"),
        (5, "contaminated"),
    ]
    assert rows[0]["uid"] == TRACES[1].uid


def test_a_file_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"expected: \.jsonl or \.parquet"):
        write_pool(tmp_path / "clean.csv", TRACES)
