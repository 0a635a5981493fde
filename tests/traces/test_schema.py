"""Every schema is recognised from its rows, and each of its parts lands in its field."""

import json

import pytest

from titrant.errors import ConfigError, DataError
from titrant.settings import PoolSettings
from titrant.traces.formats.catalogue import SCHEMAS
from titrant.traces.read import read_pool
from titrant.traces.schema import recognise

QUESTION = "What is 2+2?"
THOUGHT = "<think>\n2+2=4\n</think>\n\nIt is \\boxed{4}."
OPEN_THOUGHT = (
    "<|begin_of_thought|>\n\n2+2=4\n\n<|end_of_thought|>\n\n"
    "<|begin_of_solution|>\n\nIt is \\boxed{4}.\n\n<|end_of_solution|>"
)


def roles(answer, user="user", assistant="assistant"):
    return [{"role": user, "content": QUESTION}, {"role": assistant, "content": answer}]


def froms(answer, user="human", assistant="gpt"):
    return [{"from": user, "value": QUESTION}, {"from": assistant, "value": answer}]


EXAMPLES = {
    "messages": {"messages": roles(THOUGHT), "gold": "4"},
    "ShareGPT": {"conversations": froms(THOUGHT), "ground_truth": 4},
    "prompt/completion": {"prompt": QUESTION, "completion": THOUGHT, "answer": "4"},
    "Alpaca": {"instruction": QUESTION, "input": "", "output": THOUGHT, "answer": "4"},
    "text": {"text": f"Question: {QUESTION}\nAnswer: {THOUGHT}", "gold": "4"},
    "s1K": {
        "question": QUESTION,
        "thinking_trajectories": ["2+2=4"],
        "attempt": "It is \\boxed{4}.",
        "solution": "4",
        "cot_type": "math",
        "source_type": "x",
        "metadata": "{}",
        "cot": None,
    },
    "s1K-1.1": {
        "question": QUESTION,
        "deepseek_thinking_trajectory": "2+2=4",
        "deepseek_attempt": "It is \\boxed{4}.",
        "gemini_thinking_trajectory": "two and two",
        "gemini_attempt": "Four: \\boxed{4}",
        "solution": "4",
        "deepseek_grade": "Yes",
        "gemini_grade": "No",
    },
    "OpenThoughts (metadata)": {
        "problem": QUESTION,
        "deepseek_reasoning": "2+2=4",
        "deepseek_solution": "It is \\boxed{4}.",
        "ground_truth_solution": "Since 2+2 is four, \\boxed{4}.",
        "domain": "math",
        "source": "x",
    },
    "OpenThoughts-114k": {
        "system": "Write <|begin_of_thought|> and <|end_of_thought|>.",
        "conversations": froms(OPEN_THOUGHT, "user", "assistant"),
    },
    "OpenThoughts2": {
        "conversations": froms(THOUGHT),
        "question": QUESTION,
        "source": "x",
        "id": 3,
    },
    "OpenThoughts3": {
        "conversations": froms(THOUGHT),
        "difficulty": 7,
        "source": "x",
        "domain": "math",
    },
    "Mixture-of-Thoughts": {"messages": roles(THOUGHT), "num_tokens": 12, "source": "math"},
    "Llama-Nemotron": {
        "input": [{"role": "user", "content": QUESTION}],
        "output": THOUGHT,
        "reasoning": "on",
        "system_prompt": "detailed thinking on",
        "generator": "r1",
    },
    "question, thinking, answer": {
        "query": QUESTION,
        "reasoning_content": "2+2=4",
        "response": "It is \\boxed{4}.",
        "gold": "4",
    },
    "question/response": {"Problem": QUESTION, "Generation": THOUGHT, "Answer": "4"},
}
"""Schema → a row that gives the thinking "2+2=4" and the answer "It is \\boxed{4}."."""
WITHOUT_GOLD = {"OpenThoughts-114k", "OpenThoughts2", "OpenThoughts3", "Mixture-of-Thoughts"}
WITHOUT_GOLD |= {"Llama-Nemotron"}


def pool_of(tmp_path, *rows, **settings):
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_pool(PoolSettings(path=str(path), **settings))


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_schema_with_thinking_is_recognised_and_read(tmp_path, name):
    pool = pool_of(tmp_path, EXAMPLES[name])
    (trace,) = pool.traces
    assert pool.report.schema_name == name
    assert (trace.question, trace.thinking) == (QUESTION, "2+2=4")
    if name != "s1K-1.1":
        assert trace.answer_text == "It is \\boxed{4}."
    assert trace.gold == (None if name in WITHOUT_GOLD else "4")


PLAIN = {
    "LIMO": ({"question": QUESTION, "solution": "2+2=4. So \\boxed{4}.", "answer": "4"}, "4"),
    "MATH": ({"problem": QUESTION, "solution": "So \\boxed{4}.", "level": "Level 1"}, "4"),
    "question/answer with ####": ({"question": QUESTION, "answer": "2+2=4\n#### 4"}, "4"),
    "reasoning-gym": (
        {"question": QUESTION, "answer": "4", "metadata": {"source_dataset": "sums"}},
        "4",
    ),
    "question/answer": ({"problem": QUESTION, "answer": 4}, "4"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_schema_without_thinking_is_recognised_and_read(tmp_path, name):
    row, gold = PLAIN[name]
    pool = pool_of(tmp_path, row)
    (trace,) = pool.traces
    assert pool.report.schema_name == name
    assert (trace.question, trace.thinking, trace.gold) == (QUESTION, None, gold)
    assert trace.answer_text == str(row.get("solution", row.get("answer")))


def test_answers_without_a_way_to_them_are_known_as_such(tmp_path):
    assert not pool_of(tmp_path, PLAIN["question/answer"][0]).report.has_traces
    assert pool_of(tmp_path, PLAIN["LIMO"][0]).report.has_traces


def test_many_generations_are_many_traces_that_keep_what_is_said_of_each(tmp_path):
    row = {
        "problem": QUESTION,
        "solution": "So \\boxed{4}.",
        "answer": "4",
        "problem_type": "Algebra",
        "source": "olympiads",
        "uuid": "u",
        "generations": [THOUGHT, "<think>\n2+", ""],
        "is_reasoning_complete": [True, False, False],
        "correctness_math_verify": [True, False, False],
        "finish_reasons": ["stop", "length", "length"],
        "messages": roles(THOUGHT),
    }
    pool = pool_of(tmp_path, row)
    first, second = pool.traces
    assert pool.report.schema_name == "OpenR1-Math"
    assert (first.gold, first.domain, first.source) == ("4", "Algebra", "olympiads")
    assert first.meta == {
        "row": 1,
        "uuid": "u",
        "generation": 0,
        "is_reasoning_complete": True,
        "correctness_math_verify": True,
        "finish_reasons": "stop",
    }
    assert (second.unfinished, second.thinking, second.meta["finish_reasons"]) == (
        True,
        "2+",
        "length",
    )
    assert [(u.reason, u.n) for u in pool.report.unread] == [("a generation without text", 1)]


def test_processbench_keeps_its_steps_with_exact_offsets(tmp_path):
    row = {
        "id": "gsm8k-0",
        "generator": "g",
        "problem": QUESTION,
        "steps": ["First, add.", "2+2=4\n\nwhich is", "\\boxed{4}"],
        "final_answer_correct": True,
        "label": -1,
    }
    (trace,) = pool_of(tmp_path, row).traces
    assert trace.answer_text == "First, add.\n\n2+2=4\n\nwhich is\n\n\\boxed{4}"
    # 11 + 2 = 13 characters, then 15 + 2 = 17, then 9.
    assert [(s.start, s.end) for s in trace.steps] == [(0, 13), (13, 30), (30, 39)]
    assert (trace.meta["label"], trace.meta["final_answer_correct"]) == (-1, True)
    assert trace.gold is None


def test_trl_stepwise_supervision_keeps_steps_and_labels(tmp_path):
    row = {"prompt": QUESTION, "completions": ["2+2=4", "So 5."], "labels": [True, False]}
    pool = pool_of(tmp_path, row)
    (trace,) = pool.traces
    assert pool.report.schema_name == "TRL stepwise supervision"
    assert [s.text for s in trace.steps] == ["2+2=4\n", "So 5."]
    assert trace.meta["labels"] == [True, False]


def test_math_shepherd_is_cut_at_its_marks(tmp_path):
    row = {
        "input": f"{QUESTION} Step 1: 2+2=4 ки\nStep 2: The answer is: 5 ки",
        "label": f"{QUESTION} Step 1: 2+2=4 +\nStep 2: The answer is: 5 -",
        "task": "GSM8K",
    }
    (trace,) = pool_of(tmp_path, row).traces
    assert trace.question == QUESTION
    assert [s.text for s in trace.steps] == ["Step 1: 2+2=4\n", "Step 2: The answer is: 5"]
    assert (trace.meta["labels"], trace.domain) == ([True, False], "GSM8K")


def test_prm800k_reads_the_chosen_steps_with_their_ratings(tmp_path):
    row = {
        "labeler": "a",
        "question": {"problem": QUESTION, "ground_truth_answer": "4"},
        "label": {
            "steps": [
                {
                    "completions": [{"text": "Two.", "rating": -1}, {"text": "Add.", "rating": 1}],
                    "human_completion": None,
                    "chosen_completion": 1,
                },
                {"completions": [{"text": "So 4.", "rating": 0}], "chosen_completion": None},
            ],
            "finish_reason": "solution",
        },
    }
    (trace,) = pool_of(tmp_path, row).traces
    assert [s.text for s in trace.steps] == ["Add.\n", "So 4."]
    assert (trace.gold, trace.meta["ratings"]) == ("4", [1, 0])


def test_prefixes_with_values_become_one_attempt_per_leaf_of_their_tree(tmp_path):
    nodes = [("", 0.5), (" Add.", 0.75), (" Add. So \\boxed{4}", 1.0), (" Guess.", 0.1)]
    row = {
        "question": QUESTION,
        "final_answer": "4",
        "reasoning_steps": [
            {"solution_prefix": QUESTION + text, "mc_value": value} for text, value in nodes
        ],
    }
    done, left = pool_of(tmp_path, row).traces
    assert [s.text for s in done.steps] == ["Add.", " So \\boxed{4}"]
    assert (done.meta["mc_values"], done.unfinished) == ([0.75, 1.0], False)
    assert (left.answer_text, left.unfinished) == ("Guess.", True)


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning", "thinking"])
def test_thinking_beside_the_content_of_a_message_is_read(tmp_path, key):
    row = {"messages": roles("4")}
    row["messages"][1][key] = "2+2=4\n"
    (trace,) = pool_of(tmp_path, row).traces
    assert (trace.thinking, trace.answer_text) == ("2+2=4", "4")


def test_a_content_in_parts_is_read_as_their_texts(tmp_path):
    row = {"messages": roles([{"type": "text", "text": "2+2"}, {"type": "text", "text": "=4"}])}
    assert pool_of(tmp_path, row).traces[0].answer_text == "2+2\n=4"


def test_a_system_message_and_a_system_column_are_both_read(tmp_path):
    inside = [{"role": "system", "content": "Be brief."}, *roles("4")]
    beside = {"conversations": froms("4"), "system": "Be brief."}
    assert pool_of(tmp_path, {"messages": inside}).traces[0].system == "Be brief."
    assert pool_of(tmp_path, beside).traces[0].system == "Be brief."


def test_later_turns_are_left_out_and_told(tmp_path):
    pool = pool_of(tmp_path, {"messages": roles("4") + roles("5")}, {"messages": roles("4")})
    assert [t.answer_text for t in pool.traces] == ["4", "4"]
    assert pool.traces[0].meta["turns"] == 4
    assert any(note.startswith("1 conversations have more turns") for note in pool.report.notes)


def test_prompt_and_completion_may_be_lists_of_messages(tmp_path):
    prompt, completion = roles(THOUGHT)[:1], roles(THOUGHT)[1:]
    (trace,) = pool_of(tmp_path, {"prompt": prompt, "completion": completion}).traces
    assert (trace.question, trace.thinking) == (QUESTION, "2+2=4")


def test_the_input_of_alpaca_belongs_to_the_question(tmp_path):
    row = {"instruction": "Add.", "input": "2 and 2", "output": "4"}
    assert pool_of(tmp_path, row).traces[0].question == "Add.\n2 and 2"


RENDERED = {
    "chatml": f"<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\n{QUESTION}<|im_end|>\n"
    "<|im_start|>assistant\n<|im_start|>think\n2+2=4\n<|im_start|>answer\n4<|im_end|>\n",
    "llama": "<|start_header_id|>user<|end_header_id|>\n\n" + QUESTION + "<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n<think>2+2=4</think>4<|eot_id|>",
    "gpt-oss": f"<|start|>user<|message|>{QUESTION}<|end|><|start|>assistant<|channel|>analysis"
    "<|message|>2+2=4<|end|><|start|>assistant<|channel|>final<|message|>4<|return|>",
    "deepseek": f"<｜User｜>{QUESTION}<｜Assistant｜><think>2+2=4</think>4<｜end▁of▁sentence｜>",
    "mistral": f"<s>[INST] {QUESTION} [/INST] [THINK]2+2=4[/THINK]4</s>",
    "alpaca": f"### Instruction:\n{QUESTION}\n\n### Response:\n<think>2+2=4</think>4",
    "second turn": f"<start_of_turn>user\n{QUESTION}<end_of_turn>\n<start_of_turn>model\n"
    "<think>2+2=4</think>4<end_of_turn>\n<start_of_turn>user\nMore?",
}


@pytest.mark.parametrize("name", RENDERED)
def test_a_rendered_conversation_is_read_by_its_marks(tmp_path, name):
    (trace,) = pool_of(tmp_path, {"text": RENDERED[name]}).traces
    answer = trace.answer_text.removesuffix("<end_of_turn>")
    assert (trace.question, trace.thinking, answer) == (QUESTION, "2+2=4", "4")
    assert trace.system == ("Be brief." if name == "chatml" else None)


def test_columns_override_what_was_recognised(tmp_path):
    row = EXAMPLES["s1K"] | {"german": "Was ist 2+2?"}
    pool = pool_of(tmp_path, row, columns={"question": "german"})
    assert pool.report.schema_name == "s1K"
    assert pool.traces[0].question == "Was ist 2+2?"


def test_choosing_the_other_trajectory_of_s1k_takes_its_attempt_along(tmp_path):
    row = EXAMPLES["s1K-1.1"]
    (first,) = pool_of(tmp_path, row).traces
    columns = {"thinking": "gemini_thinking_trajectory"}
    (other,) = pool_of(tmp_path, row, columns=columns).traces
    assert (first.thinking, first.answer_text) == ("2+2=4", "It is \\boxed{4}.")
    assert (other.thinking, other.answer_text) == ("two and two", "Four: \\boxed{4}")


def test_columns_alone_make_a_schema_of_unknown_names(tmp_path):
    row = {"frage": QUESTION, "weg": "2+2=4", "antwort": "4", "richtig": "4"}
    columns = {"question": "frage", "thinking": "weg", "answer_text": "antwort", "gold": "richtig"}
    (trace,) = pool_of(tmp_path, row, columns=columns).traces
    assert (trace.question, trace.thinking, trace.answer_text, trace.gold) == (
        QUESTION,
        "2+2=4",
        "4",
        "4",
    )


def test_an_unknown_field_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match=r"'questions' is no field of ours[\s\S]*question"):
        pool_of(tmp_path, EXAMPLES["s1K"], columns={"questions": "question"})


def test_an_unknown_column_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match=r"has no column 'atempt'[\s\S]*did you mean attempt"):
        pool_of(tmp_path, EXAMPLES["s1K"], columns={"answer_text": "atempt"})


def test_columns_that_make_no_schema_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="no schema goes with these columns"):
        pool_of(tmp_path, {"a": QUESTION, "b": "4"}, columns={"question": "a"})


def test_unknown_columns_are_answered_with_all_schemas(tmp_path):
    with pytest.raises(DataError) as caught:
        pool_of(tmp_path, {"foo": 1, "bar": "x"})
    text = str(caught.value)
    assert "is in no schema that titrant knows" in text
    assert "columns foo, bar" in text
    assert "--columns question=" in text
    assert all(schema.name in text for schema in SCHEMAS)


def test_rows_that_are_no_objects_are_refused():
    with pytest.raises(DataError, match="holds neither traces nor problems"):
        recognise([[0.5], [1.0]], overrides={}, path="x.json")


def test_one_odd_row_among_the_first_hides_nothing(tmp_path):
    pool = pool_of(tmp_path, {"messages": "broken"}, *[{"messages": roles("4")}] * 3)
    assert pool.report.schema_name == "messages"
    assert [u.reason for u in pool.report.unread] == [
        "column messages is not a list of messages but a text"
    ]


def test_the_report_says_what_was_recognised_and_what_was_not_used(tmp_path):
    report = pool_of(tmp_path, EXAMPLES["s1K"]).report
    assert report.columns["thinking"] == "thinking_trajectories"
    assert set(report.ignored) == {"metadata", "cot"}
    said = "\n".join(report.lines())
    assert "read as s1K (has question, thinking_trajectories and attempt)" in said
    assert "thinking from thinking_trajectories" in said


def test_names_of_schemas_are_unique():
    assert len({schema.name for schema in SCHEMAS}) == len(SCHEMAS)
