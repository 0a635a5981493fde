"""The journal of a run: the state of every arm, stage, round and session, in one SQLite file.

Only the driver opens it (its write-ahead log is not safe on network filesystems; workers report to
the driver). An arm is `pending`, `running`, `done`, `failed` or `skipped`. What is finished is also
on disk as a file that was renamed into place (`arms/<id>/done.json`, `rounds/<k>.json`), so a
journal that was lost, damaged or left behind on another machine is made anew from those.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

from titrant.arms import ArmSpec
from titrant.errors import DataError, ResourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

SCHEMA_VERSION = 1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS arms (
    arm_id TEXT PRIMARY KEY, round INTEGER NOT NULL, spec TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending', owner TEXT, heartbeat REAL,
    started REAL, ended REAL, starts INTEGER NOT NULL DEFAULT 0, outcome TEXT, error TEXT);
CREATE TABLE IF NOT EXISTS stages (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, started REAL, ended REAL, fingerprint TEXT);
CREATE TABLE IF NOT EXISTS rounds (round INTEGER PRIMARY KEY, decision TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sessions (
    session INTEGER PRIMARY KEY, owner TEXT NOT NULL, started REAL NOT NULL, seen REAL NOT NULL);
"""


class ArmEntry(NamedTuple):
    """One arm of the journal."""

    spec: ArmSpec
    round: int
    state: str
    outcome: str | None
    """JSON of the outcome, as the worker returned it."""
    error: str | None
    starts: int
    """How many times the arm was begun."""


class Journal:
    """The open journal; close it, or use it as a context manager."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = path, clock
        self._session = 0
        with _explained(path):
            self._db = sqlite3.connect(path, isolation_level=None, timeout=10.0)
            try:
                self._prepare()
            except sqlite3.Error:
                self._db.close()
                raise

    def _prepare(self) -> None:
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        version = self._db.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise DataError(
                f"{self._path} was written by a later titrant",
                expected=f"journal version {SCHEMA_VERSION} or older",
                came=f"version {version}",
                do="update titrant",
            )
        health = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if health != "ok":
            raise sqlite3.DatabaseError(health)
        with self.transaction():
            for statement in _SCHEMA.split(";"):
                self._db.execute(statement)
            self._db.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Fold the write-ahead log into the file, so that the folder can be copied, and close."""
        with suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of the changes inside, or none."""
        with _explained(self._path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                with suppress(sqlite3.Error):
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def add_round(self, number: int, decision: str, specs: Iterable[ArmSpec]) -> None:
        """Note a round's decision and its arms; what is known already stays as it is."""
        with self.transaction():
            self._db.execute("INSERT OR REPLACE INTO rounds VALUES (?, ?)", (number, decision))
            for spec in specs:
                self._db.execute(
                    "INSERT OR IGNORE INTO arms (arm_id, round, spec) VALUES (?, ?, ?)",
                    (spec.arm_id, number, spec.model_dump_json()),
                )

    def claim(self, arm_id: str, owner: str) -> bool:
        """Take a pending arm; `False` where it is not pending, since somebody has it or had it."""
        now = self._clock()
        with self.transaction():
            taken = self._db.execute(
                "UPDATE arms SET state='running', owner=?, started=?, heartbeat=?, ended=NULL, "
                "starts=starts+1 WHERE arm_id=? AND state='pending'",
                (owner, now, now, arm_id),
            ).rowcount
        return taken == 1

    def beat(self, arm_id: str) -> None:
        """A sign of life of a running arm, and of the session."""
        with self.transaction():
            self._db.execute(
                "UPDATE arms SET heartbeat=? WHERE arm_id=? AND state='running'",
                (self._clock(), arm_id),
            )
            self._touch()

    def settle(self, arm_id: str, outcome: str, *, error: str | None) -> None:
        """Note the end of an arm: `failed` where there is an error, else `done`."""
        with self.transaction():
            self._db.execute(
                "UPDATE arms SET state=?, ended=?, outcome=?, error=? WHERE arm_id=?",
                ("done" if error is None else "failed", self._clock(), outcome, error, arm_id),
            )
            self._touch()

    def put_back(self, arm_ids: Iterable[str]) -> None:
        """Make arms pending again, whatever they were."""
        with self.transaction():
            for arm_id in arm_ids:
                self._db.execute(
                    "UPDATE arms SET state='pending', owner=NULL, outcome=NULL, error=NULL "
                    "WHERE arm_id=?",
                    (arm_id,),
                )

    def skip_pending(self) -> list[str]:
        """Give up all pending arms, because a limit is spent; returns them."""
        with self.transaction():
            rows = self._db.execute(
                "UPDATE arms SET state='skipped' WHERE state='pending' RETURNING arm_id"
            ).fetchall()
        return sorted(row[0] for row in rows)

    def arms(self) -> dict[str, ArmEntry]:
        """Every arm by its id, in the order of rounds and ids."""
        rows = self._db.execute(
            "SELECT arm_id, spec, round, state, outcome, error, starts FROM arms "
            "ORDER BY round, arm_id"
        )
        return {row[0]: ArmEntry(ArmSpec.model_validate_json(row[1]), *row[2:]) for row in rows}

    def start_stage(self, name: str) -> None:
        """Note the begin of a stage."""
        with self.transaction():
            self._db.execute(
                "INSERT OR REPLACE INTO stages VALUES (?, 'running', ?, NULL, NULL)",
                (name, self._clock()),
            )
            self._touch()

    def end_stage(self, name: str, fingerprint: str) -> None:
        """Note the end of a stage with a hash of what it found."""
        with self.transaction():
            self._db.execute(
                "INSERT INTO stages VALUES (?1, 'done', ?2, ?2, ?3) ON CONFLICT (name) DO UPDATE "
                "SET state='done', ended=?2, fingerprint=?3",
                (name, self._clock(), fingerprint),
            )
            self._touch()

    def stages(self) -> dict[str, str]:
        """Stage name → `running` or `done`."""
        return dict(self._db.execute("SELECT name, state FROM stages ORDER BY started"))

    def begin_session(self, owner: str) -> None:
        """Note that a process begins to work on the folder."""
        now = self._clock()
        with self.transaction():
            row = self._db.execute(
                "INSERT INTO sessions (owner, started, seen) VALUES (?, ?, ?) RETURNING session",
                (owner, now, now),
            ).fetchone()
        self._session = row[0]

    def hours(self) -> float:
        """Wall-clock hours that all sessions have worked on the folder."""
        now = self._clock()
        rows = self._db.execute("SELECT session, started, seen FROM sessions").fetchall()
        spans = [(now if number == self._session else seen) - began for number, began, seen in rows]
        return sum(spans) / 3600

    def _touch(self) -> None:
        self._db.execute(
            "UPDATE sessions SET seen=? WHERE session=?", (self._clock(), self._session)
        )


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        text = str(error)
        if "full" in text or "readonly" in text or "unable to open" in text or "I/O" in text:
            raise ResourceError(
                f"the journal {path} could not be written",
                came=text,
                do="free some space, check the permission of the folder, and run the same command "
                "again: nothing that was finished is lost",
            ) from error
        raise


def open_journal(
    path: Path, *, clock: Callable[[], float] = time.time
) -> tuple[Journal, str | None]:
    """The journal at `path`; a damaged one is put aside and begun anew.

    Returns:
        The journal, and a note for the user where the old one was damaged.
    """
    try:
        return Journal(path, clock=clock), None
    except sqlite3.OperationalError:  # locked, say: nothing is wrong with the file
        raise
    except sqlite3.DatabaseError as error:
        for suffix in ("", "-wal", "-shm"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                part.replace(path.with_name(f"{path.name}.damaged{suffix}"))
        note = (
            f"{path.name} was damaged ({error}); it is kept as {path.name}.damaged and made anew "
            "from rounds/ and the done.json files of the arms"
        )
        return Journal(path, clock=clock), note
