"""How a row of each shape becomes drafts: one small function per shape.

A reader gets the row and the columns that recognition settled on; it checks nothing that
recognition has checked, but a single row may still be blank or odd, and then gives its reason.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from titrant.traces.formats.chat import draft_of_chat, draft_of_text
from titrant.traces.formats.draft import (
    Columns,
    Draft,
    Drafts,
    Row,
    Unusable,
    attempt,
    gold_of_reference,
    stepwise,
    text_in,
)

NO_GENERATION = Unusable("a generation without text")
NO_STEPS = Unusable("no steps")

STEP_MARK = "ки"
"""Math-Shepherd writes it after each step."""


def read_flat(row: Row, columns: Columns) -> Drafts:
    """Question, answer and perhaps thinking, each in a column of its own."""
    question = row[columns["question"]]
    context = text_in(row, columns.get("context"))
    if context and context.strip():
        question = f"{question}\n{context}"
    answer = text_in(row, columns.get("answer_text")) or ""
    thinking = text_in(row, columns.get("thinking"))
    return [attempt(question, answer, thinking=thinking)]


def read_answered(row: Row, columns: Columns) -> Drafts:
    """A question whose answer is the right one, with or without the way to it."""
    (draft,) = read_flat(row, columns)
    is_draft = isinstance(draft, Draft)
    return [draft._replace(gold=gold_of_reference(draft.answer_text)) if is_draft else draft]


def read_question(row: Row, columns: Columns) -> Drafts:
    """A question alone, perhaps with its gold answer in a column of its own."""
    return [Draft(row[columns["question"]], "")]


def read_chat(row: Row, columns: Columns) -> Drafts:
    """A conversation in a column."""
    return [draft_of_chat(row[columns["messages"]])]


def read_chat_and_output(row: Row, columns: Columns) -> Drafts:
    """A conversation up to the question, and the answer beside it (prompt and completion)."""
    prompt, completion = row[columns["messages"]], row[columns["answer_text"]]
    if isinstance(prompt, str):
        prompt = [{"role": "user", "content": prompt}]
    if isinstance(completion, str):
        completion = [{"role": "assistant", "content": completion}]
    return [draft_of_chat([*prompt, *completion])]


def read_text(row: Row, columns: Columns) -> Drafts:
    """A rendered conversation in one text."""
    return [draft_of_text(row[columns["text"]])]


def read_generations(row: Row, columns: Columns) -> Drafts:
    """Many attempts at one question; lists beside them, of the same length, are about each one."""
    question, texts = row[columns["question"]], row[columns["generations"]]
    beside = {
        key: value
        for key, value in row.items()
        if isinstance(value, list) and len(value) == len(texts) and value is not texts
    }
    beside.pop("messages", None)  # two messages beside two generations are not about them
    drafts: Drafts = []
    for i, text in enumerate(texts):
        about = {"generation": i} | {key: value[i] for key, value in beside.items()}
        is_text = isinstance(text, str) and bool(text.strip())
        drafts.append(attempt(question, text)._replace(meta=about) if is_text else NO_GENERATION)
    return drafts or [NO_GENERATION]


def is_solution(value: object) -> bool:
    """Whether a cell is one model's solution, in the form of `read_solutions`."""
    return isinstance(value, dict) and isinstance(value.get("solution"), str)


def read_solutions(row: Row, columns: Columns) -> Drafts:
    """Solutions of several models, each in a column named after it: `{solution, is_correct}`."""
    question = row[columns["question"]]
    drafts: Drafts = []
    for model, cell in row.items():
        if is_solution(cell):
            about = {"generator": model, "claimed_correct": cell.get("is_correct")}
            drafts.append(attempt(question, cell["solution"])._replace(meta=about))
    return drafts or [NO_GENERATION]


def read_steps(row: Row, columns: Columns) -> Drafts:
    """A solution that the source has cut into paragraphs (ProcessBench)."""
    return [_steps(row, columns, joint="\n\n")]


def read_completions(row: Row, columns: Columns) -> Drafts:
    """A solution that the source has cut into lines (TRL's stepwise supervision)."""
    return [_steps(row, columns, joint="\n")]


def _steps(row: Row, columns: Columns, *, joint: str) -> Draft | Unusable:
    steps = [step or "" for step in row[columns["steps"]]]
    return stepwise(row[columns["question"]], steps, joint=joint) if steps else NO_STEPS


def read_shepherd(row: Row, columns: Columns) -> Drafts:
    """Math-Shepherd: question and steps in one text, a mark after each; + or - in the label."""
    question, mark, rest = row[columns["input"]].partition("Step 1:")
    if not mark:
        return [NO_STEPS]
    steps = [step.strip() for step in f"{mark}{rest}".split(STEP_MARK)]
    labelled = row[columns["label"]].partition("Step 1:")[2]
    marks = [line.rstrip()[-1:] for line in labelled.split("\n") if line.strip()]
    steps = [step for step in steps if step]
    meta = {"labels": [mark == "+" for mark in marks] if len(marks) == len(steps) else None}
    return (
        [stepwise(question.strip(), steps, joint="\n")._replace(meta=meta)] if steps else [NO_STEPS]
    )


def read_prm800k(row: Row, columns: Columns) -> Drafts:
    """PRM800K as published: the chosen completion of each step (or the human's), with its rating."""
    asked, label = row[columns["question"]], row[columns["label"]]
    steps: list[str] = []
    ratings: list[Any] = []
    for step in label.get("steps") or []:
        chosen, completions = step.get("chosen_completion"), step.get("completions") or []
        best = step.get("human_completion")
        if best is None and completions:
            best = completions[chosen if isinstance(chosen, int) else 0]
        text = best.get("text") if isinstance(best, dict) else best
        if isinstance(text, str):
            steps.append(text)
            ratings.append(best.get("rating") if isinstance(best, dict) else None)
    if not steps:
        return [NO_STEPS]
    meta = {"ratings": ratings, "finish_reason": label.get("finish_reason")}
    draft = stepwise(asked["problem"], steps, joint="\n")
    return [draft._replace(gold=asked.get("ground_truth_answer"), meta=meta)]


def read_prefixes(row: Row, columns: Columns) -> Drafts:
    r"""Prefixes of solutions with Monte-Carlo values, as in OmegaPRM: a tree as a list of paths.

    Each prefix that no other one continues is an attempt; the shorter ones on its path are its
    steps. One without a `\boxed{…}` was left before its answer, so it is unfinished.
    """
    question = row[columns["question"]]
    values: dict[str, Any] = {}
    for node in row[columns["steps"]]:
        prefix = node.get("solution_prefix")
        if isinstance(prefix, str) and prefix.startswith(question):
            values[prefix[len(question) :].strip()] = node.get("mc_value")
    values.pop("", None)
    drafts: Drafts = []
    for leaf in values:
        if any(other != leaf and other.startswith(leaf) for other in values):
            continue
        path = sorted((prefix for prefix in values if leaf.startswith(prefix)), key=len)
        ends = [0, *(len(prefix) for prefix in path)]
        pieces = tuple(leaf[a:b] for a, b in pairwise(ends))
        meta = {"mc_values": [values[prefix] for prefix in path]}
        is_unfinished = r"\boxed" not in leaf
        drafts.append(Draft(question, leaf, unfinished=is_unfinished, pieces=pieces, meta=meta))
    return drafts or [NO_STEPS]


def read_own(row: Row, columns: Columns) -> Drafts:
    """A row that titrant wrote: nothing in it is guessed again, but for the verdict."""
    question, answer = row[columns["question"]], row[columns["answer_text"]]
    thinking = text_in(row, columns.get("thinking"))
    body = answer if thinking is None else thinking
    pieces = tuple(body[step["start"] : step["end"]] for step in row.get("steps") or [])
    meta = row.get("meta") or {}
    return [
        Draft(
            question,
            answer,
            thinking,
            unfinished=bool(row.get("unfinished")),
            gold_kind=row.get("gold_kind") or "auto",
            pieces=pieces if "".join(pieces) == body else None,
            meta=json.loads(meta) if isinstance(meta, str) else meta,
        )
    ]
