"""Which questions an arm trains under GRPO, and how their prompts reach TRL token by token.

A dose is a number of distinct questions: those of the first traces of the ranking, each once.

TRL tokenises prompts itself: a text with whatever special tokens the tokenizer adds (a stop token behind
it, with some), a conversation by the chat template (which would be applied a second time). Readings use
`PromptEncoder`. So that both feed the same tokens the prompts are handed over in one of two ways, and the
way is taken that gives every prompt's tokens exactly:

- as text, where the tokenizer's own call agrees with the encoder;
- as a conversation of one message under a template that writes that message and nothing else.

TRL cuts no prompt (its `max_prompt_length` is gone in 1.16).
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from titrant.errors import ConfigError, DataError
from titrant.train.grpo.reward import NEED_GOLD

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from transformers import PreTrainedTokenizerBase

    from titrant.engines.prompt import PromptBuilder
    from titrant.select.rank import Ranking
    from titrant.traces.record import Problem, Trace
    from titrant.train.grpo.labels import Label

AS_IT_IS = "{{ messages[0]['content'] }}"
"""A chat template that adds nothing."""


class Prompt(NamedTuple):
    """One question as it is put."""

    problem: Problem
    text: str
    """What the model continues."""
    ids: tuple[int, ...]
    """Its tokens, as a reading feeds them."""
    label: Label | None = None
    """The base's majority answer, for rewards that need it."""


class Handed(NamedTuple):
    """Prompts in a form that TRL turns into exactly their tokens."""

    tokenizer: PreTrainedTokenizerBase
    """A copy, so that TRL's changes stay its own."""
    column: list[Any]
    """Text or conversation of each prompt."""


def prompts_of(
    ranking: Ranking,
    pool: Mapping[str, Trace],
    dose: int,
    *,
    only: Collection[str] | None = None,
) -> list[Problem]:
    """The problems of the first `dose` distinct questions of a ranking, in its order.

    Args:
        ranking: of traces; of several to one question the first counts.
        pool: traces by uid.
        dose: number of questions.
        only: qids that may be taken; `None`: all.

    Raises:
        DataError: the pool misses a trace, or has fewer questions.
    """
    found: dict[str, Problem] = {}
    for row in ranking.rows:
        if len(found) == dose:
            break
        trace = pool.get(row.uid)
        if trace is None:
            raise DataError(
                "the ranking names a trace that the pool has not",
                came=row.uid,
                do="delete the ranking and run the same command again: it is made anew",
            )
        if trace.qid not in found and (only is None or trace.qid in only):
            found[trace.qid] = trace.problem
    if len(found) < dose:
        raise DataError(
            f"a dose of {dose} questions asks for more than the pool has",
            expected=f"at most {len(found)}",
            came=str(dose),
            do="take the dose from ladder.doses, or add traces of other questions to the pool",
        )
    return list(found.values())


def make_prompts(
    problems: Sequence[Problem], builder: PromptBuilder, labels: Mapping[str, Label]
) -> list[Prompt]:
    """The prompts of problems, with the labels of those that have one."""
    texts = [builder.prompt(problem.question) for problem in problems]
    return [
        Prompt(problem, text, tuple(builder.encode(text)), labels.get(problem.qid))
        for problem, text in zip(problems, texts, strict=True)
    ]


def check_gold(prompts: Sequence[Prompt], reward: str) -> None:
    """Refuse questions without a gold answer where the reward asks what is right.

    Raises:
        DataError: names the first one.
    """
    if reward not in NEED_GOLD:
        return
    bare = next((prompt.problem for prompt in prompts if prompt.problem.gold is None), None)
    if bare is not None:
        raise DataError(
            "a question without a gold answer cannot be rewarded",
            expected=f"a gold answer for every question of the pool, under train.grpo.reward: {reward}",
            came=f"none for {bare.question[:80]!r}",
            do="name the column that holds it: pool.columns: {gold: NAME}, leave such traces out, or "
            "take a reward that asks for none, such as majority",
        )


def hand_over(prompts: Sequence[Prompt], tokenizer: PreTrainedTokenizerBase) -> Handed:
    """The prompts for TRL, checked token by token; see the module docstring.

    Raises:
        ConfigError: neither way gives the tokens that a reading feeds.
    """
    copied = copy.deepcopy(tokenizer)
    copied.response_template = copied.response_schema = None  # TRL would parse answers by them
    texts = [prompt.text for prompt in prompts]
    wanted = [list(prompt.ids) for prompt in prompts]
    if _ids(copied(texts)) == wanted:
        return Handed(copied, texts)
    copied.chat_template = AS_IT_IS
    column = [[{"role": "user", "content": _marked(prompt, copied)}] for prompt in prompts]
    applied = copied.apply_chat_template(
        column, add_generation_prompt=True, tokenize=True, return_dict=True
    )
    if _ids(applied) == wanted:
        return Handed(copied, column)
    at = next(i for i, ids in enumerate(_ids(applied)) if ids != wanted[i])
    raise ConfigError(
        "TRL would feed other tokens than readings do",
        expected=f"{wanted[at][:8]} … for {texts[at][:60]!r}",
        came=f"{_ids(applied)[at][:8]} …",
        do="set prompt.template to another kind, or use a tokenizer of transformers' fast kind",
    )


def _ids(encoded: Any) -> list[list[int]]:  # noqa: ANN401 - a BatchEncoding
    return [list(ids) for ids in encoded["input_ids"]]


def _marked(prompt: Prompt, tokenizer: PreTrainedTokenizerBase) -> str:
    """The text with the special tokens in front that the encoder put before it."""
    (bare,) = _ids(tokenizer([prompt.text], add_special_tokens=False))
    before = list(prompt.ids[: max(0, len(prompt.ids) - len(bare))])
    return "".join(tokenizer.convert_ids_to_tokens(before)) + prompt.text
