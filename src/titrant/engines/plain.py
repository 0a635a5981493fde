"""Plain prompts: the format of the settings filled with a question, and no tokenizer needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.settings import PromptSettings


class PlainPrompts:
    """Fills `prompt.format`; the system prompt and worked examples stand before it."""

    opens_thinking = ""

    def __init__(self, settings: PromptSettings, shots: Sequence[tuple[str, str]] = ()) -> None:
        """Checks the format once.

        Raises:
            ConfigError: the format has no place for the question.
        """
        if "{question}" not in settings.format:
            raise ConfigError(
                "prompt.format has no place for the question",
                expected="a text with {question} in it",
                came=repr(settings.format),
                do="add {question}",
            )
        self._settings, self._shots = settings, tuple(shots)

    def prompt(self, question: str) -> str:
        """The text that the model continues."""
        settings = self._settings
        system = f"{settings.system}\n\n" if settings.system else ""
        worked = "".join(f"{self._ask(q)}{text}\n\n" for q, text in self._shots)
        return system + worked + self._ask(question)

    def _ask(self, question: str) -> str:
        return self._settings.format.replace("{question}", question)


def as_user(settings: PromptSettings, shots: Sequence[tuple[str, str]] = ()) -> PlainPrompts:
    """What the user says to a server that renders the conversation: the question as it is.

    Worked examples stand before it, each question on lines of its own. Under `template: plain` the format is
    filled in all the same.
    """
    form = settings.format
    if settings.template != "plain":
        form = "{question}\n\n" if shots else "{question}"
    return PlainPrompts(settings.model_copy(update={"format": form, "system": None}), shots)


def unused_format(settings: PromptSettings) -> tuple[str, ...]:
    """What to say where a format was set and `as_user` does not use it."""
    is_set = settings.format != type(settings).model_fields["format"].default
    if settings.template == "plain" or not is_set:
        return ()
    return (
        "prompt.format is not used: the user's message is the question alone (prompt.template: plain fills "
        "the format in)",
    )


def without_tokenizer(
    settings: PromptSettings, shots: Sequence[tuple[str, str]] = ()
) -> PlainPrompts:
    """Plain prompts of an engine that has no tokenizer here.

    Raises:
        ConfigError: a chat template is asked for, or the format has no place for the question.
    """
    if settings.template == "chat":
        raise ConfigError(
            "prompt.template is chat, but there is no tokenizer to render it",
            do="set prompt.template: plain, or ask the server's chat endpoint (server.endpoint: chat), "
            "which renders its own",
        )
    return PlainPrompts(settings, shots)
