"""What a server can do, as `probe` found it out."""

from __future__ import annotations

from typing import Literal, NamedTuple

Endpoint = Literal["chat", "completions"]
TOPS = (20, 10, 5, 2, 1)
"""Numbers of likeliest tokens that are tried, the largest first."""


class Served(NamedTuple):
    """What a server can do."""

    model: str
    endpoint: Endpoint
    most_top: int
    """Likeliest tokens that it gives per position; 0: no logprobs."""
    has_logprobs: bool
    honours_seed: bool
    scores: bool
    """Whether it gives logprobs of a prompt."""
    names_ids: bool
    """Whether it can name tokens by their ids."""
    context: int | None
    """Longest prompt plus continuation in tokens, where it says so."""
    version: str

    @property
    def notes(self) -> tuple[str, ...]:
        """What it cannot do, in sentences."""
        lines = []
        if not self.has_logprobs:
            lines.append(
                "the server gives no logprobs: no confidence is known, so nothing is stopped by it"
            )
        elif self.most_top < TOPS[0]:
            lines.append(
                f"the server gives {self.most_top} likeliest tokens per position, not {TOPS[0]}: "
                "confidences are made of these"
            )
        if not self.honours_seed:
            lines.append(
                "the server does not show that it honours seeds: drawing again may give other draws"
            )
        if self.endpoint == "chat":
            lines.append("the chat endpoint renders its own template around the question")
        else:
            lines.append(
                "the completions endpoint is asked: the model continues plain text, without its chat "
                "template (server.endpoint: chat asks the other)"
            )
        return tuple(lines)
