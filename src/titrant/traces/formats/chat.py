"""Conversations: lists of messages, and texts with a template's marks.

A trace is one exchange: the first question and the assistant's answer to it. Later turns are left
out, and the draft's `meta` says how many turns there were. The thinking of an assistant stands in
`reasoning_content`, `reasoning` or `thinking` beside its content, or between marks inside it.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from titrant.traces.formats.draft import NO_QUESTION, Draft, Unusable, attempt

USER, ASSISTANT, SYSTEM = "user", "assistant", "system"
ROLES = {
    "user": USER,
    "human": USER,
    "prompter": USER,
    "assistant": ASSISTANT,
    "gpt": ASSISTANT,
    "model": ASSISTANT,
    "bot": ASSISTANT,
    "chatgpt": ASSISTANT,
    "system": SYSTEM,
    "developer": SYSTEM,
}
"""Other roles (tool, function, observation) make a conversation that is no plain exchange."""
THINKING_KEYS = ("reasoning_content", "reasoning", "thinking")

NO_ASSISTANT = Unusable("no turn of the assistant after the question")
TOOLS = Unusable("a turn with a tool between question and answer")
NOT_MESSAGES = Unusable("a message without role or content")
NO_MARK = Unusable("text without a mark between question and answer")


def draft_of_chat(messages: object, *, system: str | None = None) -> Draft | Unusable:
    """The first exchange of a conversation in OpenAI's (role, content) or ShareGPT's form."""
    if not isinstance(messages, list):
        return NO_ASSISTANT
    question: str | None = None
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            return NOT_MESSAGES
        said = message.get("role") or message.get("from") or ""
        role = ROLES.get(said) or ROLES.get(str(said).lower())
        content = _content(message)
        if role == USER and content is not None:
            # Two questions in a row are one.
            question = content if question is None else f"{question}\n\n{content}"
        elif role == SYSTEM:
            system = content or system
        elif role is None:
            return TOOLS if said else NOT_MESSAGES
        elif question is not None:
            draft = _answered(question, message, content, system=system)
            has_more = len(messages) > i + 1 and isinstance(draft, Draft)
            return draft._replace(meta={"turns": len(messages)}) if has_more else draft
    return NO_QUESTION if question is None else NO_ASSISTANT


def _answered(
    question: str, message: dict[str, Any], content: str | None, *, system: str | None
) -> Draft | Unusable:
    for key in THINKING_KEYS:
        thinking = message.get(key)
        if isinstance(thinking, str) and thinking.strip():
            return attempt(question, content or "", thinking=thinking, system=system)
    if content is None:
        return TOOLS if message.get("tool_calls") else NOT_MESSAGES
    return attempt(question, content, system=system)


def _content(message: dict[str, Any]) -> str | None:
    """The text of a message; a list of parts gives its text parts."""
    content = message.get("content")
    if content is None:
        content = message.get("value")
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(text for text in texts if isinstance(text, str)) or None
    return content if isinstance(content, str) else None


class Template(NamedTuple):
    """How one family of templates writes a question and the start of the answer to it."""

    question: re.Pattern[str]
    answer: re.Pattern[str]
    end: str
    """What closes the question, if it is not the start of the answer itself."""


def _template(question: str, answer: str, end: str = "") -> Template:
    return Template(re.compile(question), re.compile(answer), end)


TEMPLATES = (
    _template(r"<\|im_start\|>user\n", r"<\|im_start\|>assistant\n", "<|im_end|>"),
    _template(
        r"<\|start_header_id\|>user<\|end_header_id\|>\n*",
        r"<\|start_header_id\|>assistant<\|end_header_id\|>\n*",
        "<|eot_id|>",
    ),
    _template(r"<\|start\|>user<\|message\|>", r"<\|start\|>assistant", "<|end|>"),
    _template(r"<｜User｜>", r"<｜Assistant｜>"),
    _template(r"\[INST\]", r"\[/INST\]"),
    _template(r"<start_of_turn>user\n", r"<start_of_turn>model\n", "<end_of_turn>"),
    _template(
        r"(?m)^### ?(?:Instruction|Question|Problem|Human|User|Input):?\s*",
        r"(?m)^### ?(?:Response|Answer|Solution|Assistant|Output):?\s*",
    ),
    _template(
        r"(?:\A|\n)(?:Question|Problem|Q|Human|User): ?",
        r"\n(?:Answer|Solution|A|Assistant|Response): ?",
    ),
)
_SYSTEM = re.compile(r"<\|im_start\|>system\n(.*?)<\|im_end\|>", re.DOTALL)


def draft_of_text(text: str) -> Draft | Unusable:
    """A whole rendered conversation: question and answer are told apart by a template's marks."""
    for template in TEMPLATES:
        opened = template.question.search(text)
        answered = template.answer.search(text, opened.end()) if opened else None
        if opened and answered:
            question = text[opened.end() : answered.start()].strip()
            question = question.removesuffix(template.end).strip()
            # Only a template with stop tokens tells a later turn from the same word in an answer.
            later = template.question.search(text, answered.end()) if template.end else None
            answer = text[answered.end() : later.start() if later else None]
            system = _SYSTEM.match(text)
            return attempt(question, answer, system=system[1].strip() if system else None)
    return NO_MARK
