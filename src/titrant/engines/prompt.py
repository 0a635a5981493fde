"""How a question becomes a prompt, a trace its completion, and a prompt its tokens.

There is one way of each, and trainer and evaluator share it: `PromptBuilder` makes the texts,
`PromptEncoder` the tokens. The encoder needs nothing but the tokenizer and the text, so two parties
cannot disagree:

- a text that a chat template made (it starts as the tokenizer's own template starts) is tokenised
  bare, because a template writes its own marks;
- a text that starts with the written-out BOS token is tokenised bare, so there are never two;
- any other text gets the special tokens that the tokenizer puts *before* a text. Those that it puts
  after one (some add a stop token) are left out: the prompt is to be continued.

An empty text is the BOS token where the tokenizer has one, and no token at all where it has none.
"""

from __future__ import annotations

from itertools import takewhile
from typing import TYPE_CHECKING, Any, Protocol

from jinja2.exceptions import TemplateError

from titrant.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from titrant.settings import PromptSettings
    from titrant.traces.record import Trace

Messages = list[dict[str, str]]


class PromptTokenizer(Protocol):
    """The part of a tokenizer of transformers that prompts need."""

    @property
    def chat_template(self) -> Any: ...  # noqa: ANN401, D102 - text, or texts by name

    @property
    def special_tokens_map(self) -> Mapping[str, Any]: ...  # noqa: D102 - such as bos_token

    def __call__(self, text: list[str], *, add_special_tokens: bool) -> Mapping[str, Any]:
        """Token ids of texts under `input_ids`."""
        ...

    def convert_tokens_to_ids(self, tokens: str) -> Any:  # noqa: ANN401 - int for one token
        """The id of a token."""
        ...

    def apply_chat_template(
        self, conversation: Messages, *, tokenize: bool, add_generation_prompt: bool
    ) -> Any:  # noqa: ANN401 - text where tokenize is False
        """A conversation as text."""
        ...


class PromptEncoder:
    """The one way in which a prompt becomes tokens; see the module docstring."""

    def __init__(self, tokenizer: PromptTokenizer) -> None:
        self._tokenizer = tokenizer
        bare, full = (
            list(tokenizer(["a"], add_special_tokens=special)["input_ids"][0])
            for special in (False, True)
        )
        self._before = full[: full.index(bare[0])] if bare and bare[0] in full else []
        bos = tokenizer.special_tokens_map.get("bos_token")
        self._of_empty = self._before or ([tokenizer.convert_tokens_to_ids(bos)] if bos else [])
        self._bare_heads = tuple(sorted({*_chat_heads(tokenizer), bos or ""} - {""}))

    def encode(self, text: str) -> list[int]:
        """The tokens of one prompt."""
        return self.encode_many([text])[0]

    def encode_many(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each prompt; one call for many is faster than many calls."""
        bare = self.encode_continuations(texts)
        return [self._with_marks(text, ids) for text, ids in zip(texts, bare, strict=True)]

    def encode_continuations(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of texts that stand after a prompt: no special token is added.

        The border between prompt and continuation is always a border of tokens, as in generation.
        """
        if not texts:
            return []
        encoded = self._tokenizer(list(texts), add_special_tokens=False)
        return [list(ids) for ids in encoded["input_ids"]]

    def _with_marks(self, text: str, ids: list[int]) -> list[int]:
        if not text:
            return list(self._of_empty)
        return ids if text.startswith(self._bare_heads) else self._before + ids


class PromptBuilder:
    """Makes the prompt of a question and the completion of a trace, for training and reading alike."""

    def __init__(
        self,
        tokenizer: PromptTokenizer,
        settings: PromptSettings,
        *,
        shots: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Checks the template once, so that no later call can fail on it.

        Args:
            tokenizer: the base model's.
            settings: template, system prompt, thinking tags.
            shots: worked examples (question, completion), as many as `settings.few_shot` asks for.

        Raises:
            ConfigError: the template cannot be used with these settings.
        """
        self._tokenizer, self._settings, self._shots = tokenizer, settings, tuple(shots)
        has_template = bool(tokenizer.chat_template)
        self.uses_chat = (
            has_template if settings.template == "auto" else settings.template == "chat"
        )
        _check(settings, n_shots=len(shots), has_template=has_template)
        self._encoder = PromptEncoder(tokenizer)
        self.opens_thinking = _overlap(self.prompt("?"), settings.think_open)
        """The part of `think_open` that the prompt itself ends with (some chat templates do that):
        completions leave it out, and whoever reads a generated text puts it back in front."""

    def prompt(self, question: str) -> str:
        """The text that the model continues.

        Raises:
            ConfigError: the chat template refuses the conversation.
        """
        return self._chat(question) if self.uses_chat else self._plain(question)

    def encode(self, text: str) -> list[int]:
        """The tokens of a prompt's text."""
        return self._encoder.encode(text)

    def completion(self, trace: Trace) -> str:
        """What a model should write after the prompt of the trace's question, without stop token.

        A trace without thinking is its answer text alone. Thinking that was never closed is not
        closed here either.
        """
        if trace.thinking is None:
            return trace.answer_text
        opening = self._settings.think_open[len(self.opens_thinking) :]
        closing = "" if trace.unfinished else self._settings.think_close
        return opening + trace.thinking + closing + trace.answer_text

    def _plain(self, question: str) -> str:
        settings = self._settings
        system = f"{settings.system}\n\n" if settings.system else ""
        worked = "".join(f"{self._ask(q)}{completion}\n\n" for q, completion in self._shots)
        return system + worked + self._ask(question)

    def _ask(self, question: str) -> str:
        return self._settings.format.replace("{question}", question)

    def _chat(self, question: str) -> str:
        messages = _system(self._settings.system)
        for asked, completion in self._shots:
            messages += [_said("user", asked), _said("assistant", completion)]
        try:
            return _render(self._tokenizer, [*messages, _said("user", question)])
        except (TemplateError, TypeError) as error:
            raise ConfigError(
                f"the chat template refuses this conversation: {error}",
                came=" → ".join([*(turn["role"] for turn in messages), "user"]),
                do="leave out prompt.system or prompt.few_shot, or set prompt.template: plain",
            ) from error


def _check(settings: PromptSettings, *, n_shots: int, has_template: bool) -> None:
    if settings.template == "chat" and not has_template:
        raise ConfigError(
            "prompt.template is chat, but the tokenizer has no chat template",
            do="set prompt.template: plain, or take a base whose tokenizer has one",
        )
    if "{question}" not in settings.format:
        raise ConfigError(
            "prompt.format has no place for the question",
            expected="a text with {question} in it",
            came=repr(settings.format),
            do="add {question}",
        )
    if n_shots != settings.few_shot:
        raise ConfigError(
            "the number of worked examples is not what prompt.few_shot asks for",
            expected=f"{settings.few_shot} worked examples",
            came=str(n_shots),
            do="lower prompt.few_shot, or take a pool with more correct traces",
        )


def _overlap(prompt: str, opening: str) -> str:
    """The longest start of `opening`, its whole tag at least, with which the prompt ends."""
    tag = opening.rstrip()
    lengths = range(len(opening), len(tag) - 1, -1)
    fits = (opening[:n] for n in lengths if tag and prompt.endswith(opening[:n]))
    return next(fits, "")


def _chat_heads(tokenizer: PromptTokenizer) -> set[str]:
    """How texts of the tokenizer's chat template begin, with and without a system prompt."""
    if not tokenizer.chat_template:
        return set()
    heads = set()
    for pair in (
        [[_said("user", mark)] for mark in "AB"],
        [[_said("system", mark), _said("user", mark)] for mark in "AB"],
    ):
        try:
            left, right = (_render(tokenizer, turns) for turns in pair)
        except (TemplateError, TypeError):  # such as a template that knows no system prompt
            continue
        same = takewhile(lambda chars: chars[0] == chars[1], zip(left, right, strict=False))
        heads.add("".join(char for char, _ in same))
    return heads


def _render(tokenizer: PromptTokenizer, messages: Messages) -> str:
    return tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)


def _system(text: str | None) -> Messages:
    return [_said("system", text)] if text else []


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
