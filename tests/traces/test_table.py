"""Tables: what is written is loaded, the same traces are the same bytes, and a write is whole."""

import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from titrant.errors import DataError, ResourceError
from titrant.traces.record import Problem, Step, Trace, Verdict
from titrant.traces.steps import cut_steps
from titrant.traces.table import load_problems, load_traces, write_problems, write_traces
from trace_made import made_trace

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
MAYBE = st.one_of(st.none(), TEXT)
JSON = st.one_of(st.none(), st.booleans(), st.integers(-(2**60), 2**60), TEXT, st.lists(TEXT))


@st.composite
def traces(draw):
    question, thinking, answer = draw(TEXT), draw(MAYBE), draw(TEXT)
    return made_trace(
        question,
        thinking,
        answer,
        system=draw(MAYBE),
        unfinished=draw(st.booleans()),
        final_answer=draw(MAYBE),
        gold=draw(MAYBE),
        gold_kind=draw(st.sampled_from(["auto", "world:x"])),
        verdict=draw(st.one_of(st.none(), st.sampled_from(Verdict))),
        n_tokens=draw(st.one_of(st.none(), st.integers(0, 10**9))),
        steps=cut_steps(answer if thinking is None else thinking),
        meta=draw(st.dictionaries(TEXT, JSON, max_size=3)),
    )


SLOW = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@SLOW
@given(st.lists(traces(), max_size=5))
def test_traces_come_back_as_they_were_and_their_bytes_too(tmp_path, pool):
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write_traces(first, pool)
    assert load_traces(first) == pool
    write_traces(second, load_traces(first))
    assert first.read_bytes() == second.read_bytes()


@SLOW
@given(
    st.lists(
        st.builds(
            Problem,
            qid=TEXT,
            question=TEXT,
            gold=MAYBE,
            meta=st.dictionaries(TEXT, JSON, max_size=2),
        )
    )
)
def test_problems_come_back_as_they_were_and_their_bytes_too(tmp_path, problems):
    first, second = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write_problems(first, problems)
    assert load_problems(first) == problems
    write_problems(second, load_problems(first))
    assert first.read_bytes() == second.read_bytes()


def trace(i: int = 0) -> Trace:
    body = f"{i}+1={i + 1}\n\nso {i + 1}"
    return Trace(
        uid=f"u{i}", qid="q", question="x", thinking=body, answer_text="y", steps=cut_steps(body)
    )


def test_missing_is_null_and_steps_are_offsets(tmp_path):
    write_traces(tmp_path / "a.parquet", [trace()])
    (row,) = pq.read_table(tmp_path / "a.parquet").to_pylist()
    assert row["gold"] is row["verdict"] is row["meta"] is row["n_tokens"] is None
    # "0+1=1\n\n" has 7 characters, "so 1" has 4.
    assert row["steps"] == [{"start": 0, "end": 7}, {"start": 7, "end": 11}]


def test_the_order_of_keys_in_meta_makes_no_difference(tmp_path):
    for name, meta in (("a", {"x": 1, "y": 2}), ("b", {"y": 2, "x": 1})):
        write_traces(tmp_path / name, [trace().model_copy(update={"meta": meta})])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_columns_of_others_are_passed_over(tmp_path):
    path = tmp_path / "a.parquet"
    problems = [Problem(qid="q", question="x", gold="1")]
    write_problems(path, problems)
    pq.write_table(pq.read_table(path).append_column("benchmark", pa.array(["b"])), path)
    assert load_problems(path) == problems


def test_a_step_that_is_not_where_it_says_is_refused(tmp_path):
    wrong = trace().model_copy(update={"steps": (Step("zz", 0, 2),)})
    with pytest.raises(DataError, match="does not stand where its offsets say"):
        write_traces(tmp_path / "a.parquet", [wrong])
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_leaves_the_old_table_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "a.parquet"
    write_traces(path, [trace()])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResourceError, match=r"could not be written[\s\S]*No space left on device"):
        write_traces(path, [trace(1)])
    monkeypatch.undo()
    assert load_traces(path) == [trace()]
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResourceError, match="cannot be written"):
        write_traces(tmp_path / "file" / "a.parquet", [trace()])


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no\.parquet does not exist"):
        load_traces(tmp_path / "no.parquet")


def test_a_table_cut_in_half_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    write_traces(path, [trace(i) for i in range(50)])
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(DataError, match=r"a\.parquet is damaged"):
        load_traces(path)


def test_a_table_of_something_else_is_named(tmp_path):
    pq.write_table(pa.table({"uid": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"is no table of traces[\s\S]*qid"):
        load_traces(tmp_path / "a.parquet")
