from titrant.select.shots import choose_shots, without_shots
from titrant.settings import Config
from titrant.traces.record import Trace, Verdict


def make_config(n: int) -> Config:
    return Config.model_validate(
        {"base": "b", "pool": "p", "benchmark": "e", "prompt": {"few_shot": n}}
    )


def make_trace(uid: str, qid: str, verdict: Verdict | None) -> Trace:
    return Trace(
        uid=uid, qid=qid, question=f"Q{qid}", thinking="t", answer_text=uid, verdict=verdict
    )


POOL = [
    make_trace("a", "1", Verdict.WRONG),
    make_trace("b", "2", None),
    make_trace("c", "3", Verdict.CORRECT),
    make_trace("d", "3", Verdict.CORRECT),
    make_trace("e", "4", Verdict.CORRECT),
]


def test_no_examples_unless_asked_for():
    assert choose_shots(POOL, make_config(0)) == []


def test_correct_traces_of_different_questions_come_first_and_wrong_ones_never():
    shots = choose_shots(POOL, make_config(5))

    assert {question for question, _ in shots[:2]} == {"Q3", "Q4"}
    assert [question for question, _ in shots[2:]] == ["Q2"]
    assert shots[2][1] == "<think>\nt\n</think>\n\nb"


def test_the_order_of_the_pool_does_not_matter():
    assert choose_shots(POOL[::-1], make_config(2)) == choose_shots(POOL, make_config(2))


def test_no_trace_of_a_worked_examples_question_is_left_for_the_subsets():
    config = make_config(2)
    shown = {question for question, _ in choose_shots(POOL, config)}
    assert shown == {"Q3", "Q4"}  # c or d stands for Q3: neither may be trained
    assert [t.uid for t in without_shots(POOL, config)] == ["a", "b"]
    assert without_shots(POOL, make_config(0)) == POOL
