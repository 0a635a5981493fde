"""Mistakes in a config, told in one message: what was expected, what came, what to do.

Pydantic's own errors name types of Python; here they are told in the words of the config. Several
mistakes come in one message, so that a file is mended in one go.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from titrant.config.schema import Loc, describe, dotted, key_at, keys, section_at
from titrant.errors import ConfigError
from titrant.registry import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_WIDTH = 60
"""Characters of a wrong value that are shown."""

_ELSEWHERE = {
    "batch_size": "recipe.rows_per_update",
    "data": "pool",
    "dataset": "pool",
    "eval": "benchmark",
    "gradient_accumulation_steps": "recipe.rows_per_device",
    "learning_rate": "recipe.lr",
    "max_length": "recipe.max_tokens",
    "max_seq_length": "recipe.max_tokens",
    "max_steps": "recipe.updates",
    "max_tokens": "decode.max_new_tokens",
    "model": "base",
    "num_train_epochs": "recipe.epochs",
    "per_device_train_batch_size": "recipe.rows_per_device",
    "steps": "recipe.updates",
    "task": "benchmark",
    "train_file": "pool",
}
"""What other trainers and harnesses call it → our key."""


class Mistake(NamedTuple):
    """One thing that is wrong at one place."""

    loc: Loc
    what: str
    expected: str = ""
    came: str = ""
    do: str = ""


def as_error(mistakes: Sequence[Mistake], source: str, origins: dict[Loc, str]) -> ConfigError:
    """One error for all mistakes, in the order in which they were written.

    Args:
        mistakes: at least one.
        source: the config as the user knows it, a file name mostly.
        origins: place → where it was written (`line 7`, `--set recipe.lr=fast`), in that order.
    """
    written = list(origins)
    found = [(_nearest_written(one.loc, origins), one) for one in mistakes]
    found.sort(key=lambda pair: written.index(pair[0]) if pair[0] else -1)
    wheres = [origins[place] if place else "" for place, _ in found]
    if len(found) == 1:
        where, one = wheres[0], found[0][1]
        head = where if where.startswith("--set") else ", ".join(filter(None, (source, where)))
        return ConfigError(f"{head}: {one.what}", expected=one.expected, came=one.came, do=one.do)
    lines = [f"{len(found)} mistakes in {source}"]
    for number, (where, (_, one)) in enumerate(zip(wheres, found, strict=True), start=1):
        lines.append(f"{number}. {': '.join(filter(None, (where, one.what)))}")
        parts = (("expected", one.expected), ("found", one.came), ("do", one.do))
        lines += [f"     {label}: {text}" for label, text in parts if text]
    return ConfigError("\n".join(lines))


def _nearest_written(loc: Loc, origins: dict[Loc, str]) -> Loc:
    """The narrowest place at or above `loc` that somebody wrote; `()` if none is."""
    return next((loc[:end] for end in range(len(loc), 0, -1) if loc[:end] in origins), ())


def explain(error: ValidationError) -> list[Mistake]:
    """The mistakes behind a pydantic error, one per place, in the order of the config."""
    details = error.errors(include_url=False)
    told: dict[Loc, Mistake] = {}
    for detail in details:
        mistake = _of_one(detail)
        told.setdefault(mistake.loc, mistake)
    meant = {mistake.do for mistake in told.values() if mistake.what.startswith("unknown key")}
    return [
        mistake
        for loc, mistake in told.items()
        if not _is_echo(loc, mistake, [*told])
        and not (mistake.what.endswith("is missing") and f"did you mean {dotted(loc)}?" in meant)
    ]


def _is_echo(loc: Loc, mistake: Mistake, locs: list[Loc]) -> bool:
    """Pydantic calls a list too short when its items were refused for reasons of their own."""
    return not mistake.do and any(
        len(other) > len(loc) and other[: len(loc)] == loc for other in locs
    )


def _of_one(detail: ErrorDetails) -> Mistake:
    loc: Loc = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return _unknown(loc)
    key = key_at(loc)
    if key is None:
        return Mistake(loc, detail["msg"], came=show(detail["input"]))
    if detail["type"] == "missing":
        return _missing(key.loc, describe(key.field))
    came = detail["input"]
    what = f"{key.path} cannot be used"
    if detail["type"] in ("value_error", "assertion_error"):
        return Mistake(key.loc, what, expected=detail["msg"].partition(", ")[2], came=show(came))
    do = ""
    if detail["type"] == "literal_error" and isinstance(came, str):
        near = nearest(came, map(str, get_args(key.field.annotation)))
        do = near if near.startswith("did you mean") else ""
    return Mistake(key.loc, what, expected=describe(key.field), came=show(came), do=do)


def _unknown(loc: Loc) -> Mistake:
    return Mistake(loc, f"unknown key {dotted(loc)}", do=suggest(loc))


_NEEDED = {
    "base": "a folder, a hub id, or vitro:arithmetic for the base that ships with titrant",
    "pool": "a file or folder of reasoning traces, a hub id, or world:arithmetic",
    "benchmark": "a file of problems with gold answers, a hub id, or world:arithmetic",
}


def _missing(loc: Loc, expected: str) -> Mistake:
    place = dotted(loc)
    do = f"add `{loc[-1]}: …` to the file, or pass --set {place}=…"
    return Mistake(loc, f"{place} is missing", expected=_NEEDED.get(place, expected), do=do)


def suggest(loc: Loc) -> str:
    """The nearest known keys to an unknown one: same section first, then anywhere."""
    name = str(loc[-1])
    section = section_at(loc[:-1])
    siblings = list(section.model_fields) if section else []
    here = [dotted((*loc[:-1], near)) for near in difflib.get_close_matches(name, siblings, n=1)]
    elsewhere = [key.path for key in keys() if key.loc[-1] == name]
    if not here and not elsewhere:
        paths = {key.path: str(key.loc[-1]) for key in keys()}
        close = difflib.get_close_matches(name, sorted(set(paths.values())), n=2, cutoff=0.75)
        elsewhere = [path for path, last in paths.items() if last in close]
    elsewhere += [_ELSEWHERE[name]] if name in _ELSEWHERE else []
    found = list(dict.fromkeys([*here, *elsewhere]))[:3]
    if found:
        return f"did you mean {', or '.join(found)}?"
    return nearest(name, siblings or [key.path for key in keys() if len(key.loc) == 1])


def show(value: Any) -> str:  # noqa: ANN401 - whatever stood in the file
    """A wrong value, shortened, with its kind where the eye could be fooled."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return f"a section with {', '.join(map(str, value)) or 'no keys'}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    text = repr(value) if isinstance(value, str) else str(value).lower()
    short = text if len(text) <= _WIDTH else f"{text[:_WIDTH]}…"
    return f"{short} (text)" if isinstance(value, str) else short
