"""A run folder: where each file of a run lies, how the folder is made, and when it may be resumed.

| when | files |
|---|---|
| begin | `config.yaml`, `manifest.json`, `state.sqlite`, `run.lock`, `owner.json`, `log/` |
| inputs | `pool.parquet`, `benchmark.parquet`, `tokens.parquet`, `pilot.parquet`, `rankings/` |
| scores | `scores/`, only where a strategy needs them |
| labels | `majority/`, `majority.parquet`, `majority.json`, only where a reward needs them |
| what a stage found | `inputs.json`, `cleaning.json`, `prepared.json`, `scores.json`, `zero.json`, `pilot.json` |
| ladder | `rounds/`, `arms/` |
| answer | `readings.parquet`, `curve.parquet`, `subsets/`, `answer.json`, `report.html` |
| audits | `audit.parquet`, `audits/`, further `arms/` |
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from titrant.config import dump_config
from titrant.errors import ConfigError, DataError
from titrant.files import explained, remove_partials, write_text
from titrant.settings import Config

MAY_CHANGE = ("executor.", "limits.", "audit.")
"""Sections that a resumed run may change: they say where, how long, and what is asked afterwards."""
OURS = {"run.lock", "owner.json", "state.sqlite", "log"}
"""What a run killed before its config was written may have left."""

EARLY = (
    "prepared.json",
    "inputs.json",
    "cleaning.json",
    "scores.json",
    "manifest.json",
    "pool.parquet",
    "benchmark.parquet",
    "tokens.parquet",
    "pilot.parquet",
)
"""What a run has read before its first arm; in the order in which it may be removed."""


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The paths of one run folder; see the module docstring."""

    root: Path

    @property
    def config(self) -> Path:
        """The config as run."""
        return self.root / "config.yaml"

    @property
    def manifest(self) -> Path:
        """Versions, hashes, seeds, hardware, cost."""
        return self.root / "manifest.json"

    @property
    def journal(self) -> Path:
        """The SQLite file with the state of every arm and stage."""
        return self.root / "state.sqlite"

    @property
    def pool(self) -> Path:
        """The traces that may be trained on."""
        return self.root / "pool.parquet"

    @property
    def benchmark(self) -> Path:
        """All problems of all benchmarks, with the column `benchmark`."""
        return self.root / "benchmark.parquet"

    @property
    def pilot_problems(self) -> Path:
        """Held-out pool problems on which the learning-rate pilot is read."""
        return self.root / "pilot.parquet"

    @property
    def audit_problems(self) -> Path:
        """What the arms of audits are read on: the deciding benchmark and sets made for the audits."""
        return self.root / "audit.parquet"

    @property
    def audits(self) -> Path:
        """Findings, and what they rest on; see `titrant.run.audit.folder`."""
        return self.root / "audits"

    @property
    def cleaning(self) -> Path:
        """What of the pool is repeated, and what of the benchmarks is in it."""
        return self.root / "cleaning.json"

    @property
    def scores(self) -> Path:
        """Numbers about the traces of the pool; see `titrant.signals.meta`."""
        return self.root / "scores"

    @property
    def rankings(self) -> Path:
        """One file per strategy and draw."""
        return self.root / "rankings"

    @property
    def rounds(self) -> Path:
        """One decision per file, written before its arms start."""
        return self.root / "rounds"

    @property
    def arms(self) -> Path:
        """One folder per arm."""
        return self.root / "arms"

    @property
    def readings(self) -> Path:
        """Every attempt of every arm at every problem."""
        return self.root / "readings.parquet"

    @property
    def curve(self) -> Path:
        """Accuracy per arm and the fitted band."""
        return self.root / "curve.parquet"

    @property
    def subsets(self) -> Path:
        """The chosen subset with its card."""
        return self.root / "subsets"

    @property
    def answer(self) -> Path:
        """The answer as plain data."""
        return self.root / "answer.json"

    @property
    def report(self) -> Path:
        """The answer for the eyes."""
        return self.root / "report.html"

    @property
    def log(self) -> Path:
        """What the worker processes printed."""
        return self.root / "log"

    def arm(self, arm_id: str) -> Path:
        """The folder of one arm."""
        return self.arms / arm_id

    def done(self, arm_id: str) -> Path:
        """The file whose presence says that the arm is finished."""
        return self.arms / arm_id / "done.json"

    def samples(self, arm_id: str) -> list[Path]:
        """The shards of one arm's attempts, in the order of their names."""
        return sorted((self.arms / arm_id / "samples").glob("*.parquet"))

    def ranking(self, strategy: str, draw: int) -> Path:
        """The ranking of one strategy and draw."""
        return self.rankings / f"{strategy}-d{draw}.parquet"

    def round(self, number: int) -> Path:
        """The decision of one round."""
        return self.rounds / f"{number:03d}.json"

    def stage(self, name: str) -> Path:
        """What one stage found."""
        return self.root / f"{name}.json"


def make_folder(root: Path) -> RunFolder:
    """The run folder at `root`, made where it is missing.

    Raises:
        ResourceError: the folder cannot be written.
        DataError: there is a file at `root`, or a folder that holds something else.
    """
    if root.exists() and not root.is_dir():
        raise DataError(
            f"{root} is a file", expected="a folder for the run", do="choose another --out"
        )
    with explained(root):
        names = _names_in(root)
    strange = {name for name in names if name.partition("-")[0] not in OURS}
    if strange and "config.yaml" not in names:
        raise DataError(
            f"{root} is not empty and no run folder",
            expected="a new or empty folder, or one with a config.yaml of an earlier run",
            came=", ".join(sorted(strange)[:5]),
            do="choose another --out",
        )
    return RunFolder(root)


def _names_in(root: Path) -> set[str]:
    try:
        root.mkdir(parents=True, exist_ok=True)
        return {path.name for path in root.iterdir() if not path.name.startswith(".")}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DataError(
            f"the folder {root} cannot be made",
            expected="a place where folders can be made",
            came=error.strerror or str(error),
            do="choose another --out",
        ) from error


def enter(folder: RunFolder, config: Config) -> Config:
    """Write the config of a new run, or check it against that of the run being resumed.

    Before the first arm is decided on, a mistake in the config may still be mended: what was read
    under the old one is forgotten, and the stages begin anew.

    Returns:
        The config to go on with: as given, with what the run has pinned.

    Raises:
        ConfigError: a key that the answer depends on has changed.
    """
    with explained(folder.root):
        remove_partials(folder.root)
    if not folder.config.exists():
        write_config(folder, config)
        return config
    stored = read_config(folder)
    if changed_keys(stored, config) and not folder.round(0).exists():
        forget_inputs(folder)
        write_config(folder, config)
        return config
    check_same(stored, config, folder.root)
    if config.base.revision is None:
        base = config.base.model_copy(update={"revision": stored.base.revision})
        config = config.model_copy(update={"base": base})
    if config != stored:
        write_config(folder, config)
    return config


def forget_inputs(folder: RunFolder) -> None:
    """Make the stages before the first arm run anew."""
    for name in EARLY:
        (folder.root / name).unlink(missing_ok=True)


def write_config(folder: RunFolder, config: Config) -> None:
    """Write the resolved config."""
    write_text(folder.config, dump_config(config))


def read_config(folder: RunFolder) -> Config:
    """The config of a run folder.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return Config.model_validate(yaml.safe_load(folder.config.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise DataError(
            f"{folder.root} is no run folder",
            expected="a folder made by titrant run, with its config.yaml",
            came="no config.yaml",
            do="name the folder that --out made, or start with `titrant run config.yaml --out DIR`",
        ) from error
    except (ValueError, yaml.YAMLError) as error:
        raise DataError(
            f"{folder.config} is damaged", came=str(error).splitlines()[0], do="restore the file"
        ) from error


def check_same(stored: Config, given: Config, root: Path) -> None:
    """Refuse to resume with a config that would give another answer.

    Raises:
        ConfigError: names the keys that differ, with both values.
    """
    differ = changed_keys(stored, given)
    if differ:
        rows = [
            f"{key}: {old!r} in the folder, {new!r} given" for key, (old, new) in differ.items()
        ]
        raise ConfigError(
            f"the run in {root} was begun with another config",
            expected="the same config (only executor, limits and audit may change)",
            came="; ".join(rows[:8]),
            do="give the old values back, or choose another --out for a new run",
        )


def changed_keys(stored: Config, given: Config) -> dict[str, tuple[Any, Any]]:
    """Keys that the answer depends on and that differ, each with its old and its new value.

    Executor, limits and audit may change. A base's revision left open is the one that the run has pinned.
    A local path may change if nothing is left at the old place and the last part of its name is the
    same: the folder has come from another machine, or a file that was read has been moved.
    """
    old, new = flatten(stored.model_dump(mode="json")), flatten(given.model_dump(mode="json"))
    if new.get("base.revision") is None:
        new["base.revision"] = old.get("base.revision")
    return {
        key: (old.get(key), new.get(key))
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
        and not key.startswith(MAY_CHANGE)
        and not (key.endswith(".path") and _has_moved(old.get(key), new.get(key)))
    }


def _has_moved(old: str | None, new: str | None) -> bool:
    if old is None or new is None or not Path(old).is_absolute():
        return False
    return Path(old).name == Path(new).name and not Path(old).exists()


def flatten(tree: object, prefix: str = "") -> dict[str, Any]:
    """Leaves of nested mappings and lists by their dotted keys."""
    if isinstance(tree, dict) and tree:
        items = [(str(key), value) for key, value in tree.items()]
    elif isinstance(tree, list | tuple) and tree:
        items = [(str(i), value) for i, value in enumerate(tree)]
    else:
        return {prefix: tree}
    leaves: dict[str, Any] = {}
    for key, value in items:
        leaves |= flatten(value, f"{prefix}.{key}" if prefix else key)
    return leaves
