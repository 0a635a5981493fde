"""Which schema a file is in: told from its first rows, with the columns that hold our fields.

The schemas stand in a table (`formats.catalogue`); recognition asks them in order, and the first
whose needs the file meets is taken. `columns:` of a config (our field → their column) overrides it:
then only schemas that know those fields come into question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from titrant.errors import ConfigError, DataError
from titrant.registry import nearest
from titrant.traces.formats.catalogue import HOLDS, OF_A_ROW, QUESTIONS, SCHEMAS, Kind, Schema, Want
from titrant.traces.formats.draft import Columns, Draft, Drafts, Row, Unusable

SAMPLE_ROWS = 32
"""Recognition looks at so many rows."""

Cells = Mapping[str, Sequence[Any]]
"""Column → its values in the sample that are not null."""


class Check(NamedTuple):
    """One column that a row must have, and what must be in it."""

    column: str
    holds: Callable[[object], bool]
    kind: Kind


@dataclass(frozen=True, slots=True)
class Recognised:
    """A schema and where a file keeps what it needs."""

    schema: Schema
    columns: Columns
    """Our field → their column."""
    ignored: tuple[str, ...]
    """Columns that are not used."""
    why: str
    checks: tuple[Check, ...]
    """What each row is held to."""
    bare: bool = False
    """Whether a row with a question and no answer will do."""

    def drafts(self, row: object) -> Drafts:
        """What a row says, or why it cannot be used."""
        if not isinstance(row, dict):
            return [Unusable(f"not an object but {_type_name(row)}")]
        for column, holds, kind in self.checks:
            cell = row.get(column)
            if not holds(cell):
                alone = self._alone(row) if cell is None else None
                return [_misfit(column, cell, kind) if alone is None else alone]
        return self.schema.read(row, self.columns)

    def _alone(self, row: Row) -> Draft | None:
        """The question of a row without its answer, where that will do."""
        question = row.get(self.columns.get("question", ""))
        return Draft(question, "") if self.bare and isinstance(question, str) else None

    def kept(self, row: Row) -> dict[str, Any]:
        """What goes to `meta` of each attempt of a row."""
        return {name: row[name] for name in self.schema.keep if row.get(name) is not None}


def _misfit(column: str, cell: object, kind: Kind) -> Unusable:
    if cell is None:
        return Unusable(f"nothing in column {column}")
    return Unusable(f"column {column} is not {kind} but {_type_name(cell)}")


def _type_name(value: object) -> str:
    names = {"str": "a text", "list": "a list", "dict": "an object", "NoneType": "null"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")


def recognise(
    rows: Sequence[Any], *, overrides: Mapping[str, str], path: str, bare: bool = False
) -> Recognised:
    """The schema of a file.

    Args:
        rows: its first rows, at least one.
        overrides: our field → a column of the file, from the user.
        path: for messages.
        bare: whether questions without any answer will do.

    Raises:
        ConfigError: an override names an unknown field or column, or no schema goes with it.
        DataError: the rows are in no known schema.
    """
    cells = _cells(rows)
    if not cells:
        raise DataError(
            f"{path} holds neither traces nor problems",
            expected="rows that are objects with columns such as question and answer",
            came=f"rows that are {_type_name(rows[0]).removeprefix('a ').removeprefix('an ')}s",
            do='write each row as an object, one per line: {"question": …, "answer": …}',
        )
    _check_overrides(overrides, cells)
    for schema in (*SCHEMAS, QUESTIONS) if bare else SCHEMAS:
        columns = _columns(schema, cells, overrides)
        if columns is not None:
            return _recognised(schema, columns, cells, bare=bare)
    raise _unknown(cells, overrides, path)


def _cells(rows: Sequence[Any]) -> dict[str, list[Any]]:
    cells: dict[str, list[Any]] = {}
    for row in rows:
        if isinstance(row, dict):
            for column, cell in row.items():
                # Parquet gives every row every column: the empty ones count as columns.
                values = cells.setdefault(str(column), [])
                if cell is not None:
                    values.append(cell)
    return cells


def _columns(schema: Schema, cells: Cells, overrides: Mapping[str, str]) -> Columns | None:
    """Our field → their column, or `None` where the file is not in this schema."""
    wants = {**schema.needs, **schema.signs}
    wants |= {field: want for field, want in schema.may.items() if field not in wants}
    if not set(overrides) <= set(wants):
        return None
    choice = _choice(schema, overrides)
    columns: dict[str, str] = {}
    for field, want in wants.items():
        names = want.columns
        if field in overrides:
            names = (overrides[field],)
        elif choice is not None and field in schema.aligned:
            names = names[choice : choice + 1]
        column = _find(want, names, cells)
        if column is not None:
            columns[field] = column
        elif field in schema.needs or field in schema.signs:
            return None
    return columns


def _choice(schema: Schema, overrides: Mapping[str, str]) -> int | None:
    """Which of several recorded attempts the user's columns belong to."""
    for field in schema.aligned:
        names = schema.needs[field].columns
        if overrides.get(field) in names:
            return names.index(overrides[field])
    return None


def _find(want: Want, names: Sequence[str], cells: Cells) -> str | None:
    """The first of the names that is a column with cells of the wanted kind; case is no matter."""
    if not want.columns:
        names = list(cells)
    by_name = {column.lower(): column for column in reversed(list(cells))}
    holds = HOLDS[want.kind]
    for name in names:
        column = name if name in cells else by_name.get(name.lower())
        values = cells[column] if column is not None else ()
        n_fit = sum(map(holds, values))
        # One odd row among the first must not hide the schema of a file.
        is_filled = any(cell not in ("", []) for cell in values)
        if column is not None and is_filled and 2 * n_fit > len(values):
            return column
    return None


def _recognised(schema: Schema, columns: Columns, cells: Cells, *, bare: bool) -> Recognised:
    told_by = [columns[field] for field in (*schema.needs, *schema.signs)]
    used = {*columns.values(), *schema.keep, *schema.also}
    if schema.reads_all is not None:
        used |= {
            name for name, values in cells.items() if any(map(HOLDS[schema.reads_all], values))
        }
    ignored = tuple(column for column in cells if column not in used)
    why = f"has {_and(list(dict.fromkeys(told_by)))}"
    kinds = {field: OF_A_ROW.get(want.kind, want.kind) for field, want in schema.needs.items()}
    checks = tuple(Check(columns[field], HOLDS[kind], kind) for field, kind in kinds.items())
    return Recognised(schema, columns, ignored, why, checks, bare)


def _and(words: Sequence[str]) -> str:
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last


def _check_overrides(overrides: Mapping[str, str], cells: Cells) -> None:
    fields = {f for s in SCHEMAS for f in (*s.needs, *s.may)}
    for field, column in overrides.items():
        if field not in fields:
            raise ConfigError(
                f"columns: '{field}' is no field of ours", came=field, do=nearest(field, fields)
            )
        if column not in cells:
            raise ConfigError(
                f"columns: the file has no column '{column}'",
                came=column,
                do=nearest(column, cells),
            )


def _unknown(cells: Cells, overrides: Mapping[str, str], path: str) -> ConfigError | DataError:
    if overrides:
        chosen = ", ".join(f"{field}={column}" for field, column in overrides.items())
        return ConfigError(
            f"no schema goes with these columns of {path}",
            expected="question and answer_text (perhaps thinking, gold, system), or messages",
            came=f"{chosen}; the file has {', '.join(cells)}",
            do="name a column for each field that the file has under another name",
        )
    return DataError(
        f"{path} is in no schema that titrant knows",
        expected=f"one of: {', '.join(schema.name for schema in SCHEMAS)}",
        came=f"columns {', '.join(list(cells)[:20])}{' …' if len(cells) > 20 else ''}",
        do="say which columns to use: --columns question=… --columns answer_text=… "
        "(in a config: columns: {question: …, answer_text: …})",
    )
