"""What TRL calls a reward function: judges the completions of a rollout, rewards them, and counts.

What is judged are the tokens, decoded as the engine decodes them: TRL's own text has lost the special
tokens, and thinking tags are such in some vocabularies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from titrant.engines.drawing.ends import text_of
from titrant.errors import ConfigError
from titrant.traces.record import Verdict
from titrant.train.grpo.judge import Completion, ended, judge
from titrant.train.grpo.reward import REWARDS, Coin

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from transformers import PreTrainedTokenizerBase, TrainerState

    from titrant.settings import GrpoSettings
    from titrant.traces.verify.verdict import Verifier
    from titrant.train.grpo.judge import Attempt
    from titrant.train.grpo.prompts import Prompt

COLUMN = "number"
"""Of the data set: the prompt's number."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How completions are drawn and read; the same as for the arm's reading but for the draw."""

    settings: GrpoSettings
    max_new_tokens: int
    stop_ids: frozenset[int]
    """Tokens that end a completion: those on which the engine stops."""
    stop: tuple[str, ...] = ()
    """Texts behind which nothing is read."""
    opens_thinking: str = ""
    """What the prompt itself has written of the answer."""
    answer_pattern: str | None = None


@dataclass(frozen=True, slots=True)
class Rewarder:
    """Rewards of one training, in the form that TRL calls."""

    prompts: Sequence[Prompt]
    rules: Rules
    tokenizer: PreTrainedTokenizerBase
    verifier: Verifier
    root: int
    """Of the coins."""

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        *,
        completion_ids: Sequence[Sequence[int]],
        number: Sequence[int],
        trainer_state: TrainerState,
        log_metric: Callable[[str, float], None],
        **_: object,
    ) -> list[float | None]:
        """One reward per completion; `None` skips it.

        Args:
            prompts: as TRL has them; `number` says which they are.
            completions: as TRL has decoded them; `completion_ids` are read instead.
            completion_ids: drawn tokens, the stop token included.
            number: of each completion's prompt.
            trainer_state: of the trainer.
            log_metric: takes a number for the log of the update.
            _: what else TRL gives.
        """
        asked = [self.prompts[i] for i in number]
        drawn = [self._read(prompt, ids) for prompt, ids in zip(asked, completion_ids, strict=True)]
        attempts = judge(drawn, self.verifier, pattern=self.rules.answer_pattern)
        for name, value in _shares(attempts).items():
            log_metric(name, value)
        log_metric("generated_tokens", sum(map(len, completion_ids)))
        log_metric("prompt_tokens", sum(len(prompt.ids) for prompt in asked))
        settings = self.rules.settings
        coin = Coin(self.root, settings.gamma, trainer_state.global_step)
        return REWARDS[settings.reward](attempts, coin)

    def _read(self, prompt: Prompt, ids: Sequence[int]) -> Completion:
        is_cut = not ids or ids[-1] not in self.rules.stop_ids
        text = text_of(self.tokenizer, ids if is_cut else ids[:-1])
        text, is_cut = ended(text, self.rules.stop, is_cut=is_cut)
        return Completion(prompt, self.rules.opens_thinking + text, is_cut)


def _shares(attempts: Sequence[Attempt]) -> dict[str, float]:
    """Shares of all attempts; none of `correct` where no gold answer is known."""
    verdicts = [attempt.verdict for attempt in attempts]
    names = ("correct", "truncated", "unreadable") if any(verdicts) else ()
    return {name: verdicts.count(Verdict(name)) / len(verdicts) for name in names}


def room_for_answers(prompts: Sequence[Prompt], wanted: int, context_tokens: int | None) -> int:
    """New tokens that fit behind the longest prompt, at most `wanted`.

    Raises:
        ConfigError: the longest prompt fills the context.
    """
    longest = max((len(prompt.ids) for prompt in prompts), default=0)
    if context_tokens is None:
        return wanted
    if longest >= context_tokens:
        raise ConfigError(
            "a prompt leaves no room for an answer",
            expected=f"prompts under {context_tokens} tokens, the context of the base",
            came=f"{longest} tokens",
            do="take a base with a longer context, lower prompt.few_shot, or leave such questions out",
        )
    return min(wanted, context_tokens - longest)
