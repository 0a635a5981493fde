"""What an engine is: it turns prompts into text (`generate`) and gives logprobs of text (`score`).

Requests are plain, hashable data: the same request with the same engine is the same work. Not every
engine can do both; `capabilities` says what it can, and asking for more is a ConfigError before any
work is done. A failure of one request becomes a result with `error` set; the batch goes on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from titrant.errors import ConfigError
from titrant.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np

    from titrant.engines.open import Opened, Opening

StopReason = Literal["stop", "length", "weak", "cancelled", "error"]
"""`stop`: it ended itself. `length`: cut by `max_new_tokens` or the context; such an answer is truncated,
not wrong. `weak`: ended by its guard. `cancelled`: no longer wanted. `error`: see the result's `error`."""


class Guard(NamedTuple):
    """Ends a draw whose confidence falls too low; see `drawing.guards`.

    The confidence of a token is that of the request's `top_logprobs` likeliest tokens.
    """

    bar: float
    """The draw ends with the first token at which a full window's mean is under it; in nats."""
    window: int
    """Tokens of a full window."""
    floor: float = -100.0
    """Lesser logprobs count as this."""


@dataclass(frozen=True, slots=True)
class Request:
    """One draw of a continuation."""

    prompt: str
    """The final text that the model continues, template and all."""
    max_new_tokens: int
    temperature: float = 0.0
    """0 is greedy."""
    top_p: float = 1.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    """Strings that end the draw; they are cut off the text. The model's own stop tokens always end."""
    top_logprobs: int = 0
    """How many of the likeliest tokens to report per position; 0 for none."""
    with_distribution: bool = False
    """Whether entropy, variance and mean logprob are wanted, where the engine can say."""
    guard: Guard | None = None
    """What may end the draw for want of confidence; needs `top_logprobs`."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a request."""

    text: str
    token_ids: tuple[int, ...]
    """Generated tokens, the stop token included where one was drawn; −1 for one that a server does not
    name."""
    stop_reason: StopReason
    n_prompt_tokens: int
    """−1 where a server does not tell."""
    logprobs: np.ndarray | None = None
    """Natural-log probability of each generated token, float32 [tokens]."""
    top_ids: np.ndarray | None = None
    """Ids of the likeliest tokens, int32 [tokens, k], best first; exactly k, never k + 1."""
    top_logprobs: np.ndarray | None = None
    """Their logprobs, float32 [tokens, k]."""
    error: str | None = None
    token_ends: np.ndarray | None = None
    """Characters of the text up to the end of each token, int32 [tokens]. A token that holds part of a
    character ends where that character ends; one behind the text, as a stop token, ends with it."""
    entropy: np.ndarray | None = None
    """Entropy of the next-token distribution in nats, float32 [tokens]; `None` where the request did not
    ask or the engine cannot say."""
    variance: np.ndarray | None = None
    """Variance of a token's logprob under that distribution, in nats², float32 [tokens]; as `entropy`."""
    vocab_mean: np.ndarray | None = None
    """Mean logprob over the vocabulary, each token counted once, float32 [tokens]; as `entropy`."""

    @property
    def n_tokens(self) -> int:
        """Generated tokens."""
        return len(self.token_ids)


class Branch(NamedTuple):
    """Text that is teacher-forced after a part of a continuation, as if the rest were not there."""

    at: int
    """Characters of the continuation that stand before it. Inside a token, the whole token does."""
    text: str


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Existing text to be teacher-forced."""

    prefix: str
    continuation: str
    top_logprobs: int = 0
    """How many of the likeliest tokens to report per position; 0 for none."""
    branches: tuple[Branch, ...] = ()
    """Texts to be scored after parts of the continuation; each token of it is still passed once."""
    spans: tuple[tuple[int, int], ...] = ()
    """Pieces of the continuation (characters from, to) whose mean hidden state is wanted."""
    with_hidden: bool = False
    """Whether the mean hidden state of the continuation and of each span is wanted."""
    with_prefix: bool = False
    """Whether logprobs of the prefix are wanted too."""
    with_distribution: bool = True
    """Whether entropy, variance and mean logprob are wanted: more passes over the vocabulary for each
    token of the continuation."""


class BranchScore(NamedTuple):
    """Per-token logprobs of one branch."""

    logprobs: np.ndarray
    """float32 [tokens]."""
    token_ends: np.ndarray
    """Characters of the branch's text up to the end of each token, int32 [tokens]."""


@dataclass(frozen=True, slots=True)
class Score:
    """Per-token numbers of a continuation given its prefix.

    NaN where the model gives none (a first token with an empty prefix), `None` where the request did
    not ask or the engine cannot say.
    """

    token_ids: tuple[int, ...]
    logprobs: np.ndarray
    """Natural-log probability of each token, float32 [tokens]."""
    entropy: np.ndarray | None
    """Entropy of the next-token distribution in nats, float32 [tokens]."""
    top_ids: np.ndarray | None = None
    """Ids of the likeliest tokens, int32 [tokens, k], best first; exactly k, never k + 1."""
    top_logprobs: np.ndarray | None = None
    """Their logprobs, float32 [tokens, k]."""
    token_ends: np.ndarray | None = None
    """Characters of the continuation up to the end of each token, int32 [tokens]. A token that holds
    part of a character ends where that character ends."""
    variance: np.ndarray | None = None
    """Variance of a token's logprob under the next-token distribution, in nats², float32 [tokens]."""
    vocab_mean: np.ndarray | None = None
    """Mean logprob over the vocabulary, each token counted once, float32 [tokens]."""
    n_prefix_tokens: int = 0
    """Tokens of the prefix, special ones included."""
    prefix_logprobs: np.ndarray | None = None
    """Of the prefix's tokens, special ones included, float32 [prefix tokens]; the first is NaN."""
    branches: tuple[BranchScore, ...] = ()
    """One per branch of the request."""
    hidden: np.ndarray | None = None
    """Mean of what goes into the output layer, float32 [1 + spans, width]: over the positions of the
    continuation's tokens first, then over those of each span; NaN for a span without a token."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What goes to the manifest."""

    engine: str
    model: str
    device: str
    dtype: str
    versions: tuple[tuple[str, str], ...]
    """Library versions, name and version, sorted by name."""
    honours_seed: Literal["request", "batch", "no"]
    """Whether a request's seed fixes its draw alone, or only together with its batch."""


class Engine(Protocol):
    """The protocol of all engines; results carry the index of their request."""

    capabilities: frozenset[Literal["generate", "score"]]

    @classmethod
    def open(cls, opening: Opening) -> Opened:
        """The engine of a config's sections, ready, with its prompts; see `engines.open`."""
        ...

    @property
    def info(self) -> EngineInfo:
        """Engine, model, device, dtype and library versions."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """Longest prompt plus continuation, in tokens; `None` if unknown."""
        ...

    def generate(
        self, requests: Sequence[Request], *, cancelled: Callable[[int], bool] | None = None
    ) -> Iterator[tuple[int, Result]]:
        """Yield (index, result) as draws end, in any order, each index once.

        Args:
            requests: what is asked.
            cancelled: says whether a request is no longer wanted; asked again and again while it is
                drawn. Its result then holds what was drawn so far, which may be nothing.
        """
        ...

    def score(self, requests: Sequence[ScoreRequest]) -> Iterator[tuple[int, Score]]:
        """Yield (index, score) as batches finish, in any order, each index once."""
        ...


engines: Registry[type[Engine]] = Registry(
    "engines",
    {
        "fake": "titrant.engines.fake:FakeEngine",
        "transformers": "titrant.engines.transformers:TransformersEngine",
        "vllm": "titrant.engines.vllm:VllmEngine",
        "openai": "titrant.engines.openai:OpenAIEngine",
    },
)


def require(engine: Engine, capability: Literal["generate", "score"]) -> None:
    """Refuse, before any work, an engine that cannot do what is asked.

    Raises:
        ConfigError: the engine lacks the capability.
    """
    if capability not in engine.capabilities:
        can = ", ".join(sorted(engine.capabilities)) or "nothing"
        raise ConfigError(
            f"the engine {engine.info.engine} cannot {capability}",
            came=f"an engine that can {can}",
            do="choose an engine with that capability: titrant doctor lists them",
        )
