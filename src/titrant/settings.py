"""The sections of a config: one record per room, each the record that the room itself takes.

Field docstrings are the reference: `docs/reference/config.md` is generated from them.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from titrant.records import Record


class BaseSettings(Record):
    """The base model whose response is measured."""

    path: str
    """Folder, hub id, or `vitro:<name>` for a base that ships with titrant."""
    revision: str | None = None
    """Hub revision; resolved to a commit hash and written to the resolved config."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of weights for readings; `auto`: float32 on CPU, bfloat16 on GPU. Master weights
    in training are always float32; float16 is refused."""
    trust_remote_code: bool = False
    """Run code that comes with the model. Only for models you trust."""


class PoolSettings(Record):
    """The pool of reasoning traces."""

    path: str
    """File (.jsonl, .json, .parquet, .csv, also .gz/.zst), folder, hub id, or `world:<name>`."""
    revision: str | None = None
    """Hub revision of the data set; resolved to a commit hash in the resolved config."""
    config: str | None = None
    """Configuration name of a hub data set."""
    split: str = "train"
    """Split of a hub data set."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Overrides of the recognised schema: our field (question, thinking, answer_text, gold …) to a
    column of the file."""
    answer_pattern: str | None = None
    """Regular expression with one group that finds the final answer; default: `\\boxed{}`, `####`,
    "answer is", last number."""
    keep: Literal["all", "correct"] = "all"
    """`correct`: train only on traces verified as correct. Wrong traces barely hurt in the
    literature, so the default keeps all."""
    drop: tuple[Literal["near", "contaminated"], ...] = ()
    """What to leave out beside exact duplicates and traces of benchmark questions, which always are:
    `near` duplicates of another trace, and traces `contaminated` by a benchmark in any other way. Both
    are counted and shown in the report in any case."""
    limit: int | None = Field(default=None, ge=1)
    """Read no more than so many traces (the first ones)."""


class BenchmarkSettings(Record):
    """Problems with gold answers on which every arm is read."""

    path: str
    """File, folder, hub id, or `world:<name>[/preset]`."""
    name: str = ""
    """Short name for tables; default: from the path."""
    revision: str | None = None
    """Hub revision of the data set; resolved to a commit hash in the resolved config."""
    config: str | None = None
    """Configuration name of a hub data set."""
    split: str = "test"
    """Split of a hub data set."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Overrides of the recognised schema: our field (question, gold …) to a column of the file."""
    answer_pattern: str | None = None
    """As in `pool`, for what the model writes on these problems."""
    limit: int | None = Field(default=None, ge=1)
    """Ask no more than so many problems (a seeded draw, not the first ones)."""


class PromptSettings(Record):
    """How a question becomes a prompt; the same for training and reading."""

    template: Literal["auto", "chat", "plain"] = "auto"
    """`chat`: the tokenizer's chat template; `plain`: the `format` below; `auto`: chat where the
    tokenizer has one."""
    format: str = "{question}\n"
    """Plain prompt; `{question}` is replaced."""
    system: str | None = None
    """System prompt; under `plain` it stands before the prompt with an empty line between."""
    few_shot: int = Field(default=0, ge=0, le=32)
    """Worked examples from the pool before the question, never from the benchmark."""
    think_open: str = "<think>\n"
    """Written before the thinking of a training row."""
    think_close: str = "\n</think>\n\n"
    """Written between thinking and answer of a training row."""


class DecodeSettings(Record):
    """How readings are generated."""

    engine: str = "transformers"
    """Engine for readings: see `titrant doctor`."""
    max_new_tokens: int = Field(default=512, ge=1)
    """Longest answer in tokens; longer ones are truncated, a verdict of its own."""
    temperature: float = Field(default=0.0, ge=0.0)
    """0 is greedy."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of the probability that draws are made from; 1: all of it."""
    samples_per_problem: int = Field(default=1, ge=1)
    """Draws per problem: accuracy is avg@k, intervals are clustered by problem."""
    batch_tokens: int = Field(default=16_384, ge=256)
    """Prompt plus new tokens that are generated side by side."""
    stop: tuple[str, ...] = ()
    """Texts that end an answer, beside the model's own stop token; they are cut off."""


class LoraSettings(Record):
    """Low-rank adapters (PEFT)."""

    r: int = Field(default=32, ge=1)
    """Rank."""
    alpha: int = Field(default=64, ge=1)
    """Scale; an adapter's output is multiplied by alpha / r."""
    dropout: float = Field(default=0.0, ge=0.0, lt=1.0)
    """Share of the adapter's inputs that is dropped in training."""
    targets: str | tuple[str, ...] = "all-linear"
    """Modules that get an adapter: `all-linear`, a regular expression, or a list of name endings."""


class RecipeSettings(Record):
    """How one arm is trained: fixed for the whole titration, since the answer depends on it."""

    match: Literal["updates", "tokens", "epochs"] = "updates"
    """What every dose has in common. `updates`: the same number of optimiser updates of the same
    number of rows, cycling the subset; `tokens`: the same number of trained tokens; `epochs`: the
    same number of passes, so that small doses train less."""
    updates: int = Field(default=256, ge=1)
    """Updates per arm under `match: updates` (and the budget of the top dose under `tokens`)."""
    epochs: int = Field(default=3, ge=1)
    """Passes under `match: epochs`."""
    rows_per_update: int = Field(default=16, ge=1)
    """Traces in one optimiser update."""
    rows_per_device: int | None = Field(default=None, ge=1)
    """Rows per forward pass; default: all of them. Gradient accumulation fills up the update."""
    lr: float | Literal["auto"] = "auto"
    """Peak learning rate; `auto` runs a small pilot at one dose (half, same and double of
    `lr_centre`), reads it on pool problems outside the subset, and reports it."""
    lr_centre: float | None = Field(default=None, gt=0)
    """Centre of the pilot; default 2e-4 for LoRA and 1e-5 for full training."""
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    """How the learning rate falls after the warm-up."""
    warmup_share: float = Field(default=0.05, ge=0.0, lt=1.0)
    """Share of the updates in which the learning rate rises from 0."""
    weight_decay: float = Field(default=0.0, ge=0.0)
    """Of AdamW."""
    method: Literal["lora", "full"] = "lora"
    """Train low-rank adapters, or all weights."""
    lora: LoraSettings = Field(default_factory=LoraSettings)
    """Counts under `method: lora`."""
    max_tokens: int | None = Field(default=None, ge=8)
    """Longest row; default: the model's context. A row that would be cut is refused, not cut."""
    long_rows: Literal["refuse", "drop"] = "refuse"
    """What to do with rows over `max_tokens`; dropping is counted and reported."""
    gradient_checkpointing: bool = False
    """Trade time for memory in training."""
    checkpoint_every: int = Field(default=200, ge=1)
    """Updates between checkpoints inside an arm."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further fields of TRL's SFTConfig (GRPOConfig under `train.algorithm: grpo`), checked against that
    class."""


class GrpoSettings(Record):
    """Reinforcement learning of an arm, under `train.algorithm: grpo`: prompts are trained, not traces.

    The dose is the number of distinct questions, and `recipe.rows_per_update` counts completions. Group
    advantages and clipping as in DeepSeekMath (arXiv:2402.03300, eq. 3), through TRL's GRPOTrainer.
    """

    reward: Literal["correct", "format", "random", "inverted", "majority", "majority-wrong"] = (
        "correct"
    )
    """What training maximises. `correct`: the verdict, as in a reading; the others are controls of
    Spurious Rewards (arXiv:2506.10947): `format`: an answer can be read behind closed thinking; `random`:
    a coin; `inverted`: 1 − correct; `majority`: agrees with the base's commonest answer;
    `majority-wrong`: the same, on questions where that answer is wrong."""
    group: int = Field(default=16, ge=2)
    """Completions per prompt, whose mean reward is the baseline; 16 as in Spurious Rewards. Divides
    `recipe.rows_per_update`."""
    prompts_per_rollout: int | None = Field(default=None, ge=1)
    """Prompts that are answered before the weights move; default: as many as its updates take, so that
    each completion is trained once. Fewer: several passes over the same completions."""
    updates_per_rollout: int = Field(default=4, ge=2)
    """Optimiser updates between two rollouts; divides `recipe.updates`. With one the importance ratio is 1
    and clipping never acts; Spurious Rewards makes 8 (64 prompts × 16, batch 128)."""
    epsilon: float = Field(default=0.2, gt=0.0)
    """Half width of the clipped range of the importance ratio, as in PPO (arXiv:1707.06347)."""
    clip: bool = True
    """`false`: no clipping at all, the control of arXiv:2506.10947 for what clipping alone teaches."""
    kl: float = Field(default=0.0, ge=0.0)
    """β: weight of the divergence from the base; 0 as in Spurious Rewards."""
    temperature: float = Field(default=1.0, gt=0.0)
    """Of rollouts, and of the logprobs in the ratio; `decode.temperature` is that of readings."""
    top_p: float = Field(default=1.0, gt=0.0, le=1.0)
    """Share of the probability that rollouts are drawn from."""
    votes: int = Field(default=16, ge=2)
    """Draws of the base per question whose commonest answer is the majority's, for the rewards that need
    it; 64 in TTRL (arXiv:2504.16084)."""
    gamma: float = Field(default=0.5, gt=0.0, lt=1.0)
    """γ: chance of a 1 under `reward: random`; 0.5 as in arXiv:2506.10947."""
    max_new_tokens: int | None = Field(default=None, ge=1)
    """Longest completion in tokens; default: `decode.max_new_tokens`. Longer ones are truncated."""


class TrainSettings(Record):
    """Who trains the arms."""

    command: str | None = None
    """External trainer, run once per arm; placeholders {base}, {subset} (JSONL in `messages`), {out},
    {dose}, {seed}, {updates}, {rows_per_update}, {lr}. It must leave a model or a LoRA adapter in
    {out}. Default: TRL, by `algorithm`."""
    algorithm: Literal["sft", "grpo"] = "sft"
    """`sft`: fine-tuning on traces; `grpo`: reinforcement learning on the questions of traces."""
    grpo: GrpoSettings = Field(default_factory=GrpoSettings)
    """Counts under `algorithm: grpo`."""
    keep: Literal["adapters", "models", "none"] = "adapters"
    """What stays on disk of a finished arm; a full model only under `models`."""


class SignalSettings(Record):
    """Numbers about traces, from one pass of the base over the pool."""

    top_logprobs: int = Field(default=20, ge=2)
    """Likeliest tokens per position that token confidence is the mean of; at most the vocabulary."""
    window: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Tokens of a group in group confidence. `auto`: 0.15 × the pool's mean trace, in [8, 2048]."""
    tail: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    """Last tokens that tail confidence is the mean of; `auto`: as `window`."""
    min_k: float = Field(default=0.2, gt=0.0, le=1.0)
    """Share of a trace's tokens that Min-K% and Min-K%++ are the mean of."""
    answer: str = Field(default="\nAnswer: {gold}", pattern=r"\{gold\}")
    """What is teacher-forced after each step for information gain; `{gold}` is replaced, and has to
    stand in it."""
    samples: int = Field(default=8, ge=1)
    """Most answers drawn per question for difficulty."""
    bands: tuple[float, ...] = (0.125, 0.875)
    """Pass rates that part the bands of difficulty: by default *hard*, *middle*, *easy*. A
    rate on a cut belongs to the outer band: of 8 answers 0 or 1 right is hard, 2–6 middle."""
    temperature: float = Field(default=1.0, gt=0.0)
    """Of the draws for difficulty."""


class SelectSettings(Record):
    """What strategies read that the base does not give."""

    history: str | None = None
    """JSON file for `limr` and `history-std`: identifier of a question → its accuracies over the epochs
    of an earlier training run."""
    epochs: int = Field(default=3, ge=1)
    """Passes over a subset in the later training that the saving of a strategy is reckoned for."""


class SampleSettings(Record):
    """How many answers are drawn to a question, and when that is enough; for `titrant sample`."""

    rule: Literal["fixed", "adaptive", "esc", "deepconf-high", "deepconf-low"] = "fixed"
    """When a question has enough draws. `fixed`: at `budget`; `adaptive`: when the two commonest answers
    are far apart (Adaptive-Consistency); `esc`: when a window is unanimous; `deepconf-high`, `-low`:
    draws under a bar of confidence end early, and a consensus ends it."""
    budget: int = Field(default=64, ge=1)
    """Draws per question at most; those that are ended early count."""
    temperature: float = Field(default=0.6, gt=0.0)
    """Of the draws; `decode.temperature` is that of readings."""
    eta: float | None = Field(default=None, gt=0.0, le=100.0)
    """η: share of warm-ups, in percent, at or over the bar; default: 90 for `deepconf-high`, 10 for
    `deepconf-low`."""
    tau: float = Field(default=0.95, gt=0.0)
    """Share of the votes that settles a question under `deepconf`; over 1: none does."""
    warmup: int = Field(default=16, ge=1)
    """Draws that run to their end and set the bar."""
    min_votes: int = Field(default=4, ge=1)
    """Votes without which a consensus does not count; 1: as in the paper."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """Of `adaptive`: posterior probability that the leading answer is the commonest."""
    agree: int = Field(default=5, ge=2)
    """Of `esc`: draws of a window, all of which must agree."""
    width: int = Field(default=8, ge=1)
    """Draws of one question that are made side by side once a vote could settle it. More is faster on
    many cores and may waste a few draws."""
    distribution: bool = True
    """Keep entropy and mean logprob of each token, where the engine can say (self-certainty needs it)."""


class ServerSettings(Record):
    """Where an OpenAI-compatible server is, for `decode.engine: openai`; `base.path` names its model."""

    url: str | None = None
    """Base address, as `http://localhost:8000/v1`; default: the environment's `OPENAI_BASE_URL`."""
    key_env: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; a server without keys needs none."""
    endpoint: Literal["auto", "chat", "completions"] = "auto"
    """Which endpoint is asked; `auto`: completions where the server has them, since they take the prompt
    as it is."""
    concurrency: int = Field(default=32, ge=1)
    """Requests under way at a time."""
    timeout_s: float = Field(default=600.0, gt=0.0)
    """Seconds without a word from the server after which a request is tried again."""
    retries: int = Field(default=6, ge=0)
    """Further tries of a request that failed for the server's sake, with growing pauses."""


class LadderSettings(Record):
    """The dose ladder and its statistics."""

    strategies: tuple[str, ...] = ("random",)
    """Rankings of the pool; all share the same target."""
    level: float = Field(default=0.95, gt=0.0, lt=1.0)
    """Share of the whole pool's gain that the end point must reach."""
    margin: float = Field(default=0.02, gt=0.0, lt=1.0)
    """Smallest gain of interest, in accuracy."""
    precision: float = Field(default=4.0, gt=1.0)
    """Stop when the interval of the end point is narrower than this factor."""
    confidence: float = Field(default=0.90, gt=0.0, lt=1.0)
    """Level of every interval."""
    top_seeds: int = Field(default=3, ge=2)
    """Arms at the top dose in the first round; they give the seed variance its start."""
    first_doses: int = Field(default=4, ge=2)
    """Log-spaced doses of the first round, one arm each."""
    arms_per_round: int = Field(default=2, ge=1)
    """Arms between two decisions."""
    doses: tuple[int, ...] | None = None
    """Allowed doses; default: doublings from 1 to the top dose."""


class LimitSettings(Record):
    """Limits after which the run answers with what it knows."""

    arms: int | None = Field(default=None, ge=1)
    """Arms, base and pilot counted too; default: a third of a full sweep (every doubling × 5 seeds),
    base and pilot not counted."""
    tokens: int | None = Field(default=None, ge=1)
    """Trained plus generated tokens."""
    hours: float | None = Field(default=None, gt=0)
    """Hours on the clock that all sessions of the run have worked together."""
    disk_gb: float | None = Field(default=None, gt=0)
    """Size of the run folder in gigabytes (10⁹ bytes)."""


class ExecutorSettings(Record):
    """Where arms run."""

    workers: int | None = Field(default=None, ge=1)
    """Worker processes; default: one per visible GPU, else one per core (at most 8)."""
    threads: int | None = Field(default=None, ge=1)
    """Threads per worker; default: cores divided by workers."""


class AuditSettings(Record):
    """What is asked after a titration: is the gain real? For `titrant audit` and `run --audit`."""

    names: tuple[str, ...] = ("corruption", "contamination", "faithfulness", "budget")
    """Which audits are made."""
    dose: Annotated[int, Field(ge=1)] | Literal["ed95"] = "ed95"
    """Traces that clean and treated arms are trained on; `ed95`: those of the recommended subset, of the
    top dose where there is none."""
    seeds: int = Field(default=3, ge=2)
    """Arms per treatment, and clean ones."""
    treatments: tuple[str, ...] = ("foreign", "shuffled", "digits@0.5", "answer-only")
    """What is done to the traces of an arm; `@` gives the ratio. See `docs/reference/treatments.md`."""
    fresh: str | None = None
    """Problems that nobody can have seen: file, hub id or `world:<name>[/preset]`; default: made of the
    benchmark (new instances of its world, else its numbers changed where that can be checked)."""
    fresh_is_alike: bool = False
    """Claims that the problems of `fresh` are of the benchmark's own source and form: who has seen neither
    cannot tell them apart. Without it they raise no alarm of membership, and clear a base only where it
    shows little by itself."""
    out: str | None = None
    """Problems out of distribution, as `fresh`; default: the world's own, else none."""
    problems: int = Field(default=200, ge=20)
    """Most problems of each set that models are probed with; arms are read on all of the benchmark."""
    prefixes: tuple[float, ...] = (0.4, 0.6, 0.8)
    """Shares of a question that are shown when its rest is asked for."""
    samples: int = Field(default=8, ge=1)
    """Draws per problem for pass@k, CoT-pass@k and votes at matched tokens."""
    temperature: float = Field(default=1.0, gt=0.0)
    """Of these draws."""
    cuts: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)
    """Shares of a model's own steps after which its answer is asked for."""


def as_section(value: object) -> object:
    """A bare string stands for `{path: …}`."""
    return {"path": value} if isinstance(value, str) else value


class Config(Record):
    """A run: three keys suffice, `base`, `pool` and `benchmark`."""

    version: int = 1
    """Of this schema."""
    base: BaseSettings
    """The model that is titrated."""
    pool: PoolSettings
    """The traces that it is titrated with."""
    benchmark: tuple[BenchmarkSettings, ...] = Field(min_length=1)
    """The first benchmark decides; the others show transfer and forgetting."""
    prompt: PromptSettings = Field(default_factory=PromptSettings)
    """How a question is put, to base and arms alike."""
    decode: DecodeSettings = Field(default_factory=DecodeSettings)
    """How answers are generated."""
    recipe: RecipeSettings = Field(default_factory=RecipeSettings)
    """How every arm is trained; an answer is conditional on it."""
    train: TrainSettings = Field(default_factory=TrainSettings)
    """Who trains, and what is kept."""
    signals: SignalSettings = Field(default_factory=SignalSettings)
    """How the pool is scored, where a strategy needs it."""
    select: SelectSettings = Field(default_factory=SelectSettings)
    """What strategies read beside the scores."""
    sample: SampleSettings = Field(default_factory=SampleSettings)
    """How answers are drawn and votes are settled by `titrant sample`; a run does not read it."""
    server: ServerSettings = Field(default_factory=ServerSettings)
    """Where the server is, for the engine `openai`."""
    ladder: LadderSettings = Field(default_factory=LadderSettings)
    """Which doses are read, and when the answer is good enough."""
    audit: AuditSettings = Field(default_factory=AuditSettings)
    """What is audited once the answer is there."""
    limits: LimitSettings = Field(default_factory=LimitSettings)
    """After which the run answers with what it knows."""
    executor: ExecutorSettings = Field(default_factory=ExecutorSettings)
    """Where arms run."""
    seed: int = Field(default=0, ge=0)
    """Root of all seeds."""

    @field_validator("base", "pool", mode="before")
    @classmethod
    def _section(cls, value: object) -> object:
        return as_section(value)

    @field_validator("benchmark", mode="before")
    @classmethod
    def _benchmarks(cls, value: object) -> object:
        many = value if isinstance(value, list | tuple) else [value]
        return tuple(as_section(item) for item in many)
