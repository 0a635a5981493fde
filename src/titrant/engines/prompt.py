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

from typing import TYPE_CHECKING

from titrant.engines.plain import PlainPrompts
from titrant.engines.template import REFUSALS, Messages, chat_heads, render, said
from titrant.errors import ConfigError
from titrant.traces.thinking import MARKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.template import PromptTokenizer
    from titrant.settings import PromptSettings
    from titrant.traces.record import Trace


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
        self._bare_heads = tuple(sorted({*chat_heads(tokenizer), bos or ""} - {""}))

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
        self._plain = PlainPrompts(settings, shots)
        self._encoder = PromptEncoder(tokenizer)
        self.opens_thinking = _opened(self.prompt("?"), settings.think_open)
        """The opening tag, white space after it included, that the prompt itself ends with (some chat
        templates do that): completions leave it out, and whoever reads a generated text puts it back
        in front."""

    def prompt(self, question: str) -> str:
        """The text that the model continues.

        Raises:
            ConfigError: the chat template refuses the conversation.
        """
        return self._chat(question) if self.uses_chat else self._plain.prompt(question)

    def encode(self, text: str) -> list[int]:
        """The tokens of a prompt's text."""
        return self._encoder.encode(text)

    def completion(self, trace: Trace) -> str:
        """What a model should write after the prompt of the trace's question, without stop token.

        A trace without thinking is its answer text alone; where the prompt opens thinking, the
        template doctor refuses such a trace, since nothing would close it. Thinking that was never
        closed is not closed here either.
        """
        if trace.thinking is None:
            return trace.answer_text
        opening = self._settings.think_open
        if self.opens_thinking:  # what is left of it: a line end, say, or nothing
            opening = opening[len(self.opens_thinking) :]
        closing = "" if trace.unfinished else self._settings.think_close
        return opening + trace.thinking + closing + trace.answer_text

    def _chat(self, question: str) -> str:
        messages = _system(self._settings.system)
        for asked, completion in self._shots:
            messages += [said("user", asked), said("assistant", completion)]
        try:
            return render(self._tokenizer, [*messages, said("user", question)])
        except REFUSALS as error:
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
    if n_shots != settings.few_shot:
        raise ConfigError(
            "the number of worked examples is not what prompt.few_shot asks for",
            expected=f"{settings.few_shot} worked examples",
            came=str(n_shots),
            do="lower prompt.few_shot, or take a pool with more correct traces",
        )


def _opened(prompt: str, opening: str) -> str:
    """The tag of `opening` with which the prompt ends, and the white space after it.

    Raises:
        ConfigError: the prompt ends with another tag that opens thinking, so it would stand twice.
    """
    tag, text = opening.rstrip(), prompt.rstrip()
    if not tag:
        return ""
    if text.endswith(tag):
        return prompt[len(text) - len(tag) :]
    other = next((marks for marks in MARKS if text.endswith(marks.opener)), None)
    if other is None:
        return ""
    raise ConfigError(
        "the prompt opens thinking with another tag than prompt.think_open",
        expected=repr(tag),
        came=repr(other.opener),
        do=f"set prompt.think_open to {other.opener!r} and prompt.think_close to {other.closer!r}, "
        "with their line ends, or choose a prompt that opens none",
    )


def _system(text: str | None) -> Messages:
    return [said("system", text)] if text else []
