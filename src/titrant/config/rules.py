"""What no single field of a config can check by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from titrant.config.explain import Mistake, show
from titrant.config.schema import describe, key_at

if TYPE_CHECKING:
    from collections.abc import Iterator

    from titrant.config.schema import Loc
    from titrant.settings import Config

PLACEHOLDERS = ("base", "subset", "out", "dose", "seed", "updates", "rows_per_update", "lr")
"""What `train.command` may use."""


def broken_rules(config: Config) -> list[Mistake]:
    """Every rule that a config breaks; empty for a good one."""
    return [
        *_paths(config),
        *_patterns(config),
        *_prompt(config),
        *_reading(config),
        *_ladder(config),
        *_training(config),
    ]


def misplaced_booleans(tree: Any, loc: Loc = ()) -> list[Mistake]:  # noqa: ANN401 - raw YAML
    """Every `true` or `false` where a number belongs; pydantic would read them as 1 and 0."""
    if isinstance(tree, dict):
        return [m for key, value in tree.items() for m in misplaced_booleans(value, (*loc, key))]
    if isinstance(tree, list):
        return [m for i, item in enumerate(tree) for m in misplaced_booleans(item, (*loc, i))]
    key = key_at(loc) if isinstance(tree, bool) else None
    expected = describe(key.field) if key else ""
    if key is None or "number" not in expected:
        return []
    return [Mistake(key.loc, f"{key.path} cannot be used", expected, show(tree))]


def _paths(config: Config) -> Iterator[Mistake]:
    paths: dict[Loc, str] = {("base",): config.base.path, ("pool",): config.pool.path}
    paths |= {("benchmark", i): settings.path for i, settings in enumerate(config.benchmark)}
    for loc, path in paths.items():
        if not path.strip():
            what = f"{'.'.join(map(str, loc))} is empty"
            yield Mistake(loc, what, expected="a path or a hub id", came="empty text")


def _patterns(config: Config) -> Iterator[Mistake]:
    places: list[tuple[Loc, str | None]] = [(("pool",), config.pool.answer_pattern)]
    places += [
        (("benchmark", i), settings.answer_pattern) for i, settings in enumerate(config.benchmark)
    ]
    for loc, pattern in places:
        if pattern is None:
            continue
        expected = "a regular expression with exactly one group, for example 'Answer: (.+)'"
        what = f"{'.'.join(map(str, loc))}.answer_pattern cannot be used"
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            came = f"{pattern!r}, which does not compile: {error}"
            yield Mistake((*loc, "answer_pattern"), what, expected=expected, came=came)
            continue
        if groups != 1:
            came = f"{pattern!r}, which has {groups} groups"
            yield Mistake((*loc, "answer_pattern"), what, expected=expected, came=came)


def _prompt(config: Config) -> Iterator[Mistake]:
    if "{question}" not in config.prompt.format:
        yield Mistake(
            ("prompt", "format"),
            "prompt.format never shows the question",
            expected="text with {question} in it",
            came=repr(config.prompt.format),
        )


def _reading(config: Config) -> Iterator[Mistake]:
    decode = config.decode
    if decode.samples_per_problem > 1 and decode.temperature == 0:
        yield Mistake(
            ("decode", "samples_per_problem"),
            "greedy decoding draws the same text every time",
            expected="decode.temperature over 0, or one sample per problem",
            came=f"samples_per_problem {decode.samples_per_problem} at temperature 0",
            do="--set decode.temperature=0.6, or --set decode.samples_per_problem=1",
        )
    names = [settings.name for settings in config.benchmark if settings.name]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield Mistake(
            ("benchmark",), "two benchmarks have one name", came=", ".join(twice), do="rename one"
        )


def _ladder(config: Config) -> Iterator[Mistake]:
    strategies, doses = config.ladder.strategies, config.ladder.doses
    if not strategies or len(set(strategies)) < len(strategies):
        yield Mistake(
            ("ladder", "strategies"),
            "ladder.strategies cannot be used",
            expected="one strategy or more, each once",
            came=", ".join(strategies) or "an empty list",
        )
    if doses is not None and (not doses or min(doses) < 1 or len(set(doses)) < len(doses)):
        yield Mistake(
            ("ladder", "doses"),
            "ladder.doses cannot be used",
            expected="numbers of traces, each ≥ 1 and each once",
            came=f"[{', '.join(map(str, doses))}]",
        )


def _training(config: Config) -> Iterator[Mistake]:
    recipe = config.recipe
    if recipe.lr != "auto" and recipe.lr <= 0:
        yield Mistake(
            ("recipe", "lr"),
            "recipe.lr cannot be used",
            expected="a number > 0",
            came=f"{recipe.lr:g}",
        )
    if recipe.rows_per_device is not None and recipe.rows_per_device > recipe.rows_per_update:
        yield Mistake(
            ("recipe", "rows_per_device"),
            "recipe.rows_per_device is more than recipe.rows_per_update",
            expected=f"at most {recipe.rows_per_update}",
            came=str(recipe.rows_per_device),
        )
    if config.train.algorithm == "grpo":
        yield from _reinforcement(config)
    if config.train.command is not None:
        yield from _command(config.train.command)


def _reinforcement(config: Config) -> Iterator[Mistake]:
    """Sizes that do not divide each other, and what reinforcement learning has no use for."""
    recipe, grpo = config.recipe, config.train.grpo
    for name, part, whole in (
        ("train.grpo.group", grpo.group, "recipe.rows_per_update"),
        ("train.grpo.updates_per_rollout", grpo.updates_per_rollout, "recipe.updates"),
    ):
        size = getattr(recipe, whole.partition(".")[2])
        if size % part:
            yield Mistake(
                tuple(name.split(".")),
                f"{name} does not divide {whole}",
                expected=f"a divisor of {size}",
                came=str(part),
            )
    if recipe.match != "updates":
        yield Mistake(
            ("recipe", "match"),
            f"recipe.match: {recipe.match} cannot be used with train.algorithm: grpo",
            expected="updates: how long completions will be is not known beforehand",
            came=recipe.match,
        )
    if config.train.command is not None:
        yield Mistake(
            ("train", "command"),
            "train.command and train.algorithm: grpo exclude each other",
            expected="one of the two",
            came="both",
            do="leave one out",
        )


def _command(command: str) -> Iterator[Mistake]:
    used = set(re.findall(r"\{(\w+)\}", command))
    came = [f"unknown {{{name}}}" for name in sorted(used - set(PLACEHOLDERS))]
    came += [f"no {{{name}}}" for name in sorted({"subset", "out"} - used)]
    if came:
        yield Mistake(
            ("train", "command"),
            "train.command cannot be used",
            expected=f"a command with {{subset}} and {{out}}; it may use {', '.join(PLACEHOLDERS)}",
            came=", ".join(came),
        )
