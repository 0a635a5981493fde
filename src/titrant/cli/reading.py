"""How commands that look at a pool read it: columns, worlds, token counts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from titrant.cli.waiting import Waiting
    from titrant.settings import PoolSettings
    from titrant.traces.inspect.overview import CountTokens
    from titrant.traces.record import Trace

WORLD = "world:"


def parse_columns(pairs: Sequence[str]) -> dict[str, str]:
    """The columns of `--columns`, each `ours=theirs`; commas part several of them.

    Raises:
        ConfigError: a part is no pair.
    """
    from titrant.errors import ConfigError

    columns: dict[str, str] = {}
    for pair in (pair for text in pairs for pair in text.split(",")):
        ours, sign, theirs = pair.partition("=")
        if not (sign and ours.strip() and theirs.strip()):
            raise ConfigError(
                f"--columns {pair} is no pair",
                expected="our field, an equals sign, a column of the file: question=problem",
                came=pair,
                do="write it as --columns question=problem, once per column",
            )
        columns[ours.strip()] = theirs.strip()
    return columns


def check_output(option: str, path: Path | None, inputs: Sequence[str]) -> None:
    """Refuse, before any work, an output that would take the place of a folder or of an input.

    Raises:
        ConfigError: says which.
    """
    from titrant.errors import ConfigError

    if path is None:
        return
    if path.is_dir():
        raise ConfigError(
            f"{option} {path} is a folder",
            expected="the name of a file that is written",
            came=f"a folder with {sum(1 for _ in path.iterdir()):,} entries",
            do=f"name a file in it: {option} {path / 'NAME'}",
        )
    for name in inputs:
        if path.exists() and Path(name).exists() and path.samefile(name):
            raise ConfigError(
                f"{option} {path} is also read from",
                expected="another file, so that what is read stays as it is",
                came=f"the input {name}",
                do=f"choose another name for {option}",
            )


def read_given(settings: PoolSettings, seed: int, waiting: Waiting) -> list[Trace]:
    """The traces of a file, a hub id or a world, as they are."""
    from titrant.traces.read import read_pool
    from titrant.worlds.pools import DEFAULT_SIZE, make_pool

    if settings.path.startswith(WORLD):
        return make_pool(settings.path.removeprefix(WORLD), settings.limit or DEFAULT_SIZE, seed)
    return read_pool(settings, progress=waiting.at("reading")).traces


def token_counter(base: str) -> CountTokens:
    """Counts tokens of texts as this base's tokenizer does."""
    from titrant.engines.locate import find_base
    from titrant.lazy import load
    from titrant.settings import BaseSettings

    folder = find_base(BaseSettings(path=base)).folder
    tokenizer = load("transformers:AutoTokenizer").from_pretrained(folder)

    def count(texts: list[str]) -> list[int]:
        # Not a word about texts longer than the model's context: that is the doctor's affair.
        rows = tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return [len(row) for row in rows]

    return count
