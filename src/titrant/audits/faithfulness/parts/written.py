r"""What a model wrote, parted into thinking and answer, and how other thinking is put in its place.

Thinking is what stands between tags. A model that uses none may still reason: its text but the last
step, which states the answer, is then taken for its thinking; a text of one step is a bare answer and
has none. Steps are those of `traces.steps`.

An answer is asked for after given thinking by forcing the text up to where the answer begins:

    tagged      prompt + think_open + thinking + think_close
    untagged    prompt + thinking + the lead-in of `signals.answer` (default "\nAnswer: ")

White space at the end of the thinking is dropped first, since closings bring their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from titrant.signals.asking import GOLD
from titrant.traces.record import Trace, trace_id
from titrant.traces.steps import cut_steps
from titrant.traces.thinking import split_thinking

if TYPE_CHECKING:
    from titrant.engines.open import Prompts
    from titrant.settings import Config, PromptSettings, SignalSettings
    from titrant.traces.record import Problem, Step


class Parted(NamedTuple):
    """A model's text, parted."""

    thinking: str | None
    """What the steps cut; `None` where the text is a bare answer."""
    answer_text: str
    is_tagged: bool
    """Whether the thinking stood between tags."""
    unfinished: bool
    """The thinking was opened and never closed."""
    steps: tuple[Step, ...]


def part_text(text: str) -> Parted:
    """Part a text, with what the prompt had written of it in front.

    Example:
        >>> part_text("First 2+2=4. Then 4*3=12. The answer is 12.").thinking
        'First 2+2=4. Then 4*3=12. '
    """
    parted = split_thinking(text)
    if parted.thinking is not None:
        steps = cut_steps(parted.thinking)
        return Parted(parted.thinking, parted.answer_text, True, parted.unfinished, steps)
    steps = cut_steps(parted.answer_text)
    if len(steps) < 2:
        return Parted(None, parted.answer_text, False, parted.unfinished, ())
    body = parted.answer_text[: steps[-1].start]
    return Parted(body, steps[-1].text, False, False, steps[:-1])


def as_trace(problem: Problem, text: str) -> Trace:
    """The text as a trace whose steps are those of `part_text`; without steps for a bare answer."""
    written = part_text(text)
    thinking, answer = written.thinking, written.answer_text
    if not written.is_tagged:
        thinking, answer = None, (written.thinking or "") + written.answer_text
    return Trace(
        uid=trace_id(problem.question, thinking, answer),
        qid=problem.qid,
        question=problem.question,
        thinking=thinking,
        answer_text=answer,
        unfinished=written.unfinished,
        gold=problem.gold,
        gold_kind=problem.gold_kind,
        source=problem.source,
        steps=written.steps,
    )


def opening_left(prompts: Prompts, prompt: PromptSettings) -> str:
    """What is left of `think_open` where the prompt itself has written some of it."""
    opening = prompt.think_open
    return opening[len(prompts.opens_thinking) :] if prompts.opens_thinking else opening


@dataclass(frozen=True, slots=True)
class Forcing:
    """How thinking is forced."""

    prompts: Prompts
    prompt: PromptSettings
    signals: SignalSettings

    @classmethod
    def of(cls, prompts: Prompts, config: Config) -> Forcing:
        """As a config says."""
        return cls(prompts, config.prompt, config.signals)

    def lead_in(self) -> str:
        """What leads in an answer where there are no tags."""
        return self.signals.answer.partition(GOLD)[0]

    def started(self, question: str, thinking: str, *, is_tagged: bool) -> str:
        """The text that a model continues in the middle of its thinking."""
        opening = opening_left(self.prompts, self.prompt) if is_tagged else ""
        return self.prompts.prompt(question) + opening + thinking

    def closed(self, question: str, thinking: str, *, is_tagged: bool) -> str:
        """The text that a model continues with its answer."""
        closing = self.prompt.think_close if is_tagged else self.lead_in()
        return self.started(question, thinking.rstrip(), is_tagged=is_tagged) + closing


@dataclass(frozen=True, slots=True)
class Completing:
    """Prompts that can also write completions, for scoring; as `engines.prompt.PromptBuilder` does."""

    prompts: Prompts
    settings: PromptSettings

    def prompt(self, question: str) -> str:
        """The text that the model continues."""
        return self.prompts.prompt(question)

    def completion(self, trace: Trace) -> str:
        """What a model should write after the prompt of the trace's question."""
        if trace.thinking is None:
            return trace.answer_text
        closing = "" if trace.unfinished else self.settings.think_close
        opening = opening_left(self.prompts, self.settings)
        return opening + trace.thinking + closing + trace.answer_text
