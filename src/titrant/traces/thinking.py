"""Where the thinking of an attempt ends and its answer begins.

| source | thinking | answer |
|---|---|---|
| R1, Qwen3, QwQ, GLM | `<think>` … `</think>` | the rest |
| Kimi-VL | `◁think▷` … `◁/think▷` | the rest |
| OpenThoughts | `<|begin_of_thought|>` … `<|end_of_thought|>` | between the solution marks |
| s1 | `<|im_start|>think` … | `<|im_start|>answer` … |
| gpt-oss | channels `analysis`, `commentary` | channel `final` |
| others | `<thinking>`, `[THINK]`, `<thought>` | the rest |

The *last* closing mark counts, as in lm-eval. A missing opening mark is fine: the prompt gave it.
An opening mark that is never closed makes the attempt unfinished, which is not the same as wrong.
White space at the ends of both parts and stop tokens after the answer are dropped; a think block
with nothing in it is no thinking (`None`).
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Thinking(NamedTuple):
    """An attempt, parted."""

    thinking: str | None
    """`None` where there is none."""
    answer_text: str
    """What follows the thinking; the whole attempt where there is no thinking."""
    unfinished: bool
    """The thinking was opened and never closed."""


class Marks(NamedTuple):
    """What opens and closes the thinking of one family of models."""

    opener: str
    closer: str


MARKS = (
    Marks("<think>", "</think>"),
    Marks("◁think▷", "◁/think▷"),
    Marks("<|begin_of_thought|>", "<|end_of_thought|>"),
    Marks("<|im_start|>think", "<|im_start|>answer"),
    Marks("<thinking>", "</thinking>"),
    Marks("[THINK]", "[/THINK]"),
    Marks("<thought>", "</thought>"),
)

_CHANNEL = "<|channel|>"
_MESSAGE = "<|message|>"
_END_OF_MESSAGE = re.compile(r"<\|(?:end|return|call|start)\|>")
_SOLUTION = ("<|begin_of_solution|>", "<|end_of_solution|>")
_STOPS = (
    "<|im_end|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<|eot_id|>",
    "<|end|>",
    "<|return|>",
    "<｜end▁of▁sentence｜>",
    "</s>",
)


def split_thinking(text: str) -> Thinking:
    """Part an attempt into thinking and answer; see the module docstring.

    Example:
        >>> split_thinking("<think>2+2=4</think>4")
        Thinking(thinking='2+2=4', answer_text='4', unfinished=False)
    """
    # Most texts have no mark at all: these searches spare them the seven pairs.
    if "think" in text or "<|" in text or "THINK" in text or "thought" in text:
        for marks in MARKS:
            opened_at, closed_at = text.find(marks.opener), text.rfind(marks.closer)
            if opened_at >= 0 or closed_at >= 0:
                return _split(text, marks, closed_at)
    if _CHANNEL in text:
        return _split_channels(text)
    if text.startswith("analysis") and "assistantfinal" in text:
        return _split_bare_channels(text)
    return Thinking(None, clean_answer(text), unfinished=False)


def clean_answer(text: str) -> str:
    """An answer without solution marks, stop tokens and white space around it."""
    text = text.strip()
    opener, closer = _SOLUTION
    if opener in text:
        text = text.replace(opener, "", 1).replace(closer, "", 1).strip()
    while text.endswith(_STOPS):
        stop = next(stop for stop in _STOPS if text.endswith(stop))
        text = text[: -len(stop)].rstrip()
    return text


def _split(text: str, marks: Marks, closed_at: int) -> Thinking:
    if text.rfind(marks.opener) > closed_at:
        return Thinking(_inner(text, marks.opener), "", unfinished=True)
    answer = clean_answer(text[closed_at + len(marks.closer) :])
    return Thinking(_inner(text[:closed_at], marks.opener), answer, unfinished=False)


def _inner(text: str, opener: str) -> str | None:
    """The text without its first opening mark; words before the mark belong to the thinking."""
    before, mark, after = text.partition(opener)
    if mark:
        head = before.strip()
        text = f"{head}\n\n{after.lstrip()}" if head and not head.startswith("<|") else after
    text = text.strip()
    while text.endswith(_STOPS):
        text = text[: text.rfind("<")].rstrip()
    return text or None


def _split_channels(text: str) -> Thinking:
    """The channels of gpt-oss; the first one's own mark may have been in the prompt."""
    head, *pieces = text.split(_CHANNEL)
    thoughts, final = [_END_OF_MESSAGE.split(head, maxsplit=1)[0].strip()], None
    for piece in pieces:
        channel, _, message = piece.partition(_MESSAGE)
        message = _END_OF_MESSAGE.split(message, maxsplit=1)[0].strip()
        if channel.startswith("final"):
            final = message
        else:
            thoughts.append(message)
    thinking = "\n\n".join(thought for thought in thoughts if thought) or None
    return Thinking(thinking, final or "", unfinished=final is None)


def _split_bare_channels(text: str) -> Thinking:
    """The same after a tokenizer dropped the special tokens and left the channels' names."""
    thinking, _, answer = text.removeprefix("analysis").rpartition("assistantfinal")
    return Thinking(thinking.strip() or None, clean_answer(answer), unfinished=False)
