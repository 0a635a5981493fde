"""One door to every engine: from a config's sections to an engine, its prompts, and what it can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from titrant.engines.base import engines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.engines.base import Engine
    from titrant.settings import BaseSettings, DecodeSettings, PromptSettings, ServerSettings


class Prompts(Protocol):
    """What makes prompts; `PromptBuilder` and `PlainPrompts` do."""

    opens_thinking: str
    """What the prompt itself has already written of the answer."""

    def prompt(self, question: str) -> str:
        """The text that the model continues."""
        ...


class Opened(NamedTuple):
    """An engine that is ready."""

    engine: Engine
    prompts: Prompts
    name: str
    """Of the model, for people."""
    fingerprint: str
    """Of what decides its output, as far as it can be known."""
    vocab: int
    """Tokens that the model knows; 0: not known."""
    most_top: int
    """Likeliest tokens that can be given per position; 0: no logprobs at all."""
    notes: tuple[str, ...] = ()
    """What the engine cannot do, in sentences."""


class Opening(NamedTuple):
    """The sections of a config that an engine is opened with."""

    base: BaseSettings
    prompt: PromptSettings
    decode: DecodeSettings
    server: ServerSettings
    shots: Sequence[tuple[str, str]] = ()


def open_engine(
    base: BaseSettings,
    prompt: PromptSettings,
    decode: DecodeSettings,
    server: ServerSettings,
    *,
    shots: Sequence[tuple[str, str]] = (),
) -> Opened:
    """Open the engine that `decode.engine` names.

    Raises:
        ConfigError: the engine is unknown, or its settings cannot be used.
        MissingPackageError: what it needs is not installed.
        DataError: the model cannot be loaded.
        EngineError: the server cannot be reached.
    """
    return engines.get(decode.engine).open(Opening(base, prompt, decode, server, shots))
