"""The schemas that titrant recognises, as a table, the most special one first.

Each entry says which of our fields it needs and may use, in which columns they stand and what kind
of value they hold; the first entry whose needs are met is the schema of a file. To add a schema, add
an entry here, and a reader in `readers` only if none of them fits.

Sources: the ecosystem's conventions as collected for this project (TRL, LLaMA-Factory, s1, LIMO,
OpenThoughts, open-r1, ProcessBench, PRM800K, Math-Shepherd, reasoning-gym, grade-school-math).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from titrant.traces.formats import readers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from titrant.traces.formats.draft import Columns, Drafts, Row


class Kind(StrEnum):
    """What a cell must hold, in words for messages."""

    TEXT = "text"
    VALUE = "a text or a number"
    TEXTS = "a text or a list of texts"
    LIST_OF_TEXTS = "a list of texts"
    LIST = "a list"
    CHAT = "a list of messages"
    CHAT_OR_TEXT = "a list of messages or a text"
    OBJECT = "an object"
    PREFIXES = "a list of solution prefixes"
    SOLUTION = "an object with a solution"
    THOUGHT = "a text with <|begin_of_thought|>"
    HASHED = "a text with ####"
    MARKED = "a text with step marks"


def _is_texts(cell: object) -> bool:
    return isinstance(cell, list) and all(isinstance(item, str) or item is None for item in cell)


def _is_chat(cell: object) -> bool:
    if not isinstance(cell, list):
        return False
    for item in cell:  # a loop, since this is asked of every row
        if not isinstance(item, dict) or not ("role" in item or "from" in item):
            return False
    return True


def _is_prefixes(cell: object) -> bool:
    return isinstance(cell, list) and all(
        isinstance(item, dict) and "solution_prefix" in item for item in cell
    )


HOLDS: dict[Kind, Callable[[object], bool]] = {
    Kind.TEXT: lambda cell: isinstance(cell, str),
    Kind.VALUE: lambda cell: isinstance(cell, str | int | float) or _is_texts(cell),
    Kind.TEXTS: lambda cell: isinstance(cell, str) or _is_texts(cell),
    Kind.LIST_OF_TEXTS: _is_texts,
    Kind.LIST: lambda cell: isinstance(cell, list),
    Kind.CHAT: _is_chat,
    Kind.CHAT_OR_TEXT: lambda cell: isinstance(cell, str) or _is_chat(cell),
    Kind.OBJECT: lambda cell: isinstance(cell, dict),
    Kind.PREFIXES: _is_prefixes,
    Kind.SOLUTION: readers.is_solution,
    Kind.THOUGHT: lambda cell: isinstance(cell, str) and "<|begin_of_thought|>" in cell,
    Kind.HASHED: lambda cell: isinstance(cell, str) and "####" in cell,
    Kind.MARKED: lambda cell: isinstance(cell, str) and readers.STEP_MARK in cell,
}


OF_A_ROW = {Kind.HASHED: Kind.TEXT, Kind.MARKED: Kind.TEXT}
"""What a single row is held to, where the kind is a sign for the whole file."""


class Want(NamedTuple):
    """A field: the kind of its cells and the columns it may stand in, the best one first.

    No columns at all means any column of that kind.
    """

    kind: Kind
    columns: tuple[str, ...]


def _want(kind: Kind, *columns: str) -> Want:
    return Want(kind, columns)


@dataclass(frozen=True, slots=True)
class Schema:
    """One way in which a source writes traces or problems."""

    name: str
    needs: Mapping[str, Want]
    """Our field → where it stands; the schema needs all of them, and so does each row."""
    read: Callable[[Row, Columns], Drafts]
    signs: Mapping[str, Want] = field(default_factory=dict)
    """Columns that tell the schema and that a row may lack."""
    may: Mapping[str, Want] = field(default_factory=dict)
    keep: tuple[str, ...] = ()
    """Columns that go to the trace's `meta`."""
    aligned: tuple[str, ...] = ()
    """Fields whose columns belong together: choosing the second of one chooses that of all."""
    also: tuple[str, ...] = ()
    """Columns that the reader reads under their own names."""
    reads_all: Kind | None = None
    """The reader reads all columns of this kind."""
    has_traces: bool = True
    """False: an answer without a way to it, so the file looks like a benchmark."""
    answer_is_gold: bool = True
    """Whether a benchmark without a gold column may take the answer given as the right one."""


_QUESTION = _want(Kind.TEXT, "question", "problem", "query", "prompt", "instruction", "input")
_GOLD = _want(Kind.VALUE, "gold", "ground_truth", "final_answer", "answer", "target")
_ABOUT = {
    "source": _want(Kind.TEXT, "source", "data_source", "source_type"),
    "domain": _want(Kind.TEXT, "domain", "subject", "problem_type", "category", "type", "cot_type"),
}
_SYSTEM = {"system": _want(Kind.TEXT, "system", "system_prompt")}
_REFERENCE = {
    "gold": _want(Kind.VALUE, "gold", "ground_truth", "final_answer", "answer"),
    "reference": _want(Kind.TEXT, "ground_truth_solution", "solution"),
}
_IDS = ("id", "uuid", "unique_id", "difficulty", "level")

SCHEMAS: tuple[Schema, ...] = (
    Schema(
        "titrant",
        needs={
            "question": _want(Kind.TEXT, "question"),
            "answer_text": _want(Kind.TEXT, "answer_text"),
        },
        signs={"uid": _want(Kind.TEXT, "uid")},
        also=("version", "qid", "unfinished", "gold_kind", "steps", "meta"),
        may={"thinking": _want(Kind.TEXT, "thinking"), "gold": _want(Kind.VALUE, "gold")}
        | _SYSTEM
        | _ABOUT,
        read=readers.read_own,
    ),
    Schema(
        "ProcessBench",
        needs={
            "question": _want(Kind.TEXT, "problem", "question"),
            "steps": _want(Kind.LIST_OF_TEXTS, "steps"),
        },
        signs={"label": _want(Kind.VALUE, "label")},
        may={"gold": _want(Kind.VALUE, "gold", "answer")},
        keep=("id", "generator", "label", "final_answer_correct"),
        read=readers.read_steps,
        answer_is_gold=False,
    ),
    Schema(
        "PRM800K",
        needs={
            "question": _want(Kind.OBJECT, "question"),
            "label": _want(Kind.OBJECT, "label"),
        },
        keep=("labeler", "generation", "is_quality_control_question"),
        read=readers.read_prm800k,
        answer_is_gold=False,
    ),
    Schema(
        "Math-Shepherd",
        needs={"input": _want(Kind.MARKED, "input"), "label": _want(Kind.TEXT, "label")},
        may={"domain": _want(Kind.TEXT, "task")},
        read=readers.read_shepherd,
        answer_is_gold=False,
    ),
    Schema(
        "solution prefixes with Monte-Carlo values",
        needs={
            "question": _want(Kind.TEXT, "question"),
            "steps": _want(Kind.PREFIXES, "reasoning_steps"),
        },
        may={"gold": _want(Kind.VALUE, "final_answer")},
        keep=("question_id",),
        read=readers.read_prefixes,
        answer_is_gold=False,
    ),
    Schema(
        "TRL stepwise supervision",
        needs={
            "question": _want(Kind.TEXT, "prompt"),
            "steps": _want(Kind.LIST_OF_TEXTS, "completions"),
        },
        signs={"labels": _want(Kind.LIST, "labels")},
        keep=("labels",),
        read=readers.read_completions,
        answer_is_gold=False,
    ),
    Schema(
        "GSM8K model solutions",
        needs={"question": _want(Kind.TEXT, "question")},
        signs={"solutions": _want(Kind.SOLUTION)},
        may={"reference": _want(Kind.TEXT, "ground_truth")},
        reads_all=Kind.SOLUTION,
        read=readers.read_solutions,
    ),
    Schema(
        "OpenR1-Math",
        needs={
            "question": _want(Kind.TEXT, "problem", "question", "prompt"),
            "generations": _want(Kind.LIST_OF_TEXTS, "generations"),
        },
        may=_REFERENCE | _ABOUT,
        keep=(
            "uuid",
            "is_reasoning_complete",
            "correctness_math_verify",
            "correctness_llama",
            "finish_reasons",
        ),
        read=readers.read_generations,
    ),
    Schema(
        "s1K-1.1",
        needs={
            "question": _want(Kind.TEXT, "question"),
            "thinking": _want(
                Kind.TEXTS, "deepseek_thinking_trajectory", "gemini_thinking_trajectory"
            ),
            "answer_text": _want(Kind.TEXT, "deepseek_attempt", "gemini_attempt"),
        },
        may=_REFERENCE | _ABOUT,
        keep=("deepseek_grade", "gemini_grade", "source_type"),
        aligned=("thinking", "answer_text"),
        read=readers.read_flat,
    ),
    Schema(
        "s1K",
        needs={
            "question": _want(Kind.TEXT, "question"),
            "thinking": _want(Kind.TEXTS, "thinking_trajectories"),
            "answer_text": _want(Kind.TEXT, "attempt"),
        },
        may=_REFERENCE | _ABOUT,
        keep=("source_type",),
        read=readers.read_flat,
    ),
    Schema(
        "OpenThoughts (metadata)",
        needs={
            "question": _want(Kind.TEXT, "problem"),
            "thinking": _want(Kind.TEXT, "deepseek_reasoning", "reasoning"),
            "answer_text": _want(Kind.TEXT, "deepseek_solution"),
        },
        may=_REFERENCE | _ABOUT,
        read=readers.read_flat,
    ),
    Schema(
        "Llama-Nemotron",
        needs={
            "messages": _want(Kind.CHAT, "input"),
            "answer_text": _want(Kind.TEXT, "output"),
        },
        may=_SYSTEM | _ABOUT,
        keep=("generator", "reasoning"),
        read=readers.read_chat_and_output,
    ),
    Schema(
        "OpenThoughts-114k",
        needs={"messages": _want(Kind.CHAT, "conversations")},
        signs={"system": _want(Kind.THOUGHT, "system")},
        may=_ABOUT,
        read=readers.read_chat,
    ),
    Schema(
        "OpenThoughts2",
        needs={"messages": _want(Kind.CHAT, "conversations")},
        signs={"prompt": _want(Kind.TEXT, "question"), "id": _want(Kind.VALUE, "id")},
        may=_ABOUT,
        keep=("id",),
        read=readers.read_chat,
    ),
    Schema(
        "OpenThoughts3",
        needs={"messages": _want(Kind.CHAT, "conversations")},
        signs={
            "difficulty": _want(Kind.VALUE, "difficulty"),
            "domain": _want(Kind.TEXT, "domain"),
        },
        may=_ABOUT,
        keep=("difficulty",),
        read=readers.read_chat,
    ),
    Schema(
        "Mixture-of-Thoughts",
        needs={"messages": _want(Kind.CHAT, "messages")},
        signs={"num_tokens": _want(Kind.VALUE, "num_tokens")},
        may=_ABOUT,
        keep=("num_tokens",),
        read=readers.read_chat,
    ),
    Schema(
        "ShareGPT",
        needs={"messages": _want(Kind.CHAT, "conversations", "conversation")},
        may=_REFERENCE | _SYSTEM | _ABOUT,
        keep=_IDS,
        read=readers.read_chat,
    ),
    Schema(
        "messages",
        needs={"messages": _want(Kind.CHAT, "messages")},
        may=_REFERENCE | _SYSTEM | _ABOUT,
        keep=_IDS,
        read=readers.read_chat,
    ),
    Schema(
        "prompt/completion",
        needs={
            "messages": _want(Kind.CHAT_OR_TEXT, "prompt"),
            "answer_text": _want(Kind.CHAT_OR_TEXT, "completion"),
        },
        may=_REFERENCE | _SYSTEM | _ABOUT,
        keep=_IDS,
        read=readers.read_chat_and_output,
    ),
    Schema(
        "Alpaca",
        needs={
            "question": _want(Kind.TEXT, "instruction"),
            "answer_text": _want(Kind.TEXT, "output"),
        },
        may={"context": _want(Kind.TEXT, "input")} | _REFERENCE | _SYSTEM | _ABOUT,
        keep=_IDS,
        read=readers.read_flat,
    ),
    Schema(
        "reasoning-gym",
        needs={
            "question": _want(Kind.TEXT, "question"),
            "answer_text": _want(Kind.VALUE, "answer"),
        },
        signs={"metadata": _want(Kind.OBJECT, "metadata")},
        may={"gold": _want(Kind.VALUE, "answer")},
        keep=("metadata",),
        read=readers.read_flat,
        has_traces=False,
    ),
    Schema(
        "question/answer with ####",
        needs={
            "question": _want(Kind.TEXT, "question", "problem", "prompt"),
            "answer_text": _want(Kind.HASHED, "answer", "solution", "response"),
        },
        may={"gold": _want(Kind.VALUE, "gold", "ground_truth")} | _ABOUT,
        keep=_IDS,
        read=readers.read_answered,
    ),
    Schema(
        "LIMO",
        needs={
            "question": _want(Kind.TEXT, "question"),
            "answer_text": _want(Kind.TEXT, "solution"),
        },
        signs={"gold": _want(Kind.VALUE, "answer")},
        may=_ABOUT,
        keep=_IDS,
        read=readers.read_flat,
    ),
    Schema(
        "MATH",
        needs={
            "question": _want(Kind.TEXT, "problem", "question"),
            "answer_text": _want(Kind.TEXT, "solution"),
        },
        may=_REFERENCE | _ABOUT,
        keep=_IDS,
        read=readers.read_flat,
    ),
    Schema(
        "question, thinking, answer",
        needs={
            "question": _QUESTION,
            "thinking": _want(
                Kind.TEXTS,
                "thinking",
                "reasoning",
                "reasoning_content",
                "cot",
                "rationale",
                "thought",
            ),
            "answer_text": _want(
                Kind.VALUE, "answer_text", "response", "output", "completion", "solution", "answer"
            ),
        },
        may={"gold": _GOLD} | _SYSTEM | _ABOUT,
        keep=_IDS,
        read=readers.read_flat,
    ),
    Schema(
        "question/response",
        needs={
            "question": _QUESTION,
            "answer_text": _want(
                Kind.TEXT,
                "answer_text",
                "response",
                "output",
                "completion",
                "generation",
                "solution",
            ),
        },
        may={"gold": _GOLD} | _REFERENCE | _SYSTEM | _ABOUT,
        keep=_IDS,
        read=readers.read_flat,
    ),
    Schema(
        "text",
        needs={"text": _want(Kind.TEXT, "text")},
        may={"gold": _GOLD} | _ABOUT,
        keep=_IDS,
        read=readers.read_text,
    ),
    Schema(
        "question/answer",
        needs={
            "question": _QUESTION,
            "answer_text": _want(
                Kind.VALUE, "answer", "gold", "ground_truth", "final_answer", "target", "expected"
            ),
        },
        may={"gold": _want(Kind.VALUE, "gold", "ground_truth", "final_answer")} | _ABOUT,
        keep=_IDS,
        read=readers.read_answered,
        has_traces=False,
    ),
)

QUESTIONS = Schema(
    "questions",
    needs={"question": _QUESTION},
    may={"gold": _GOLD} | _ABOUT,
    keep=_IDS,
    read=readers.read_question,
    has_traces=False,
    answer_is_gold=False,
)
"""Questions and nothing else: asked for only where answers are to be drawn, and after all others, for any
file with a column named like a question would pass."""
