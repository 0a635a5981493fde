"""The keys of a config, their types in words, and the reference page made from them.

The records in `titrant.settings` are the only source: their fields, bounds and docstrings. Error
messages and `docs/reference/config.md` say the same of a key because both ask here.
"""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic_core import PydanticUndefined

from titrant.records import Record
from titrant.settings import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pydantic.fields import FieldInfo

Loc = tuple[str | int, ...]

_WORDS: dict[Any, tuple[str, str]] = {
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    bool: ("true or false", "true or false"),
    str: ("text", "texts"),
    Any: ("anything", "anything"),
}
_BOUNDS = {Ge: ("ge", "≥"), Gt: ("gt", ">"), Le: ("le", "≤"), Lt: ("lt", "<")}


class Key(NamedTuple):
    """One key of a config."""

    loc: Loc
    """Its place; an item of a list has its index, `("benchmark", 0, "limit")`."""
    field: FieldInfo

    @property
    def path(self) -> str:
        """The place as the user writes it: `benchmark.0.limit`."""
        return dotted(self.loc)


def dotted(loc: Loc) -> str:
    """A place as text: parts joined by dots."""
    return ".".join(str(part) for part in loc)


def section_in(annotation: Any) -> tuple[type[Record] | None, bool]:  # noqa: ANN401 - a type
    """The record behind an annotation, and whether a list of such records is meant."""
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return annotation, False
    if get_origin(annotation) in (tuple, list, Union, types.UnionType):
        is_list = get_origin(annotation) in (tuple, list)
        for part in get_args(annotation):
            record, inner = section_in(part)
            if record is not None:
                return record, is_list or inner
    return None, False


def keys(model: type[Record] = Config, loc: Loc = ()) -> Iterator[Key]:
    """Every key from `loc` down; lists of sections are shown by their item 0."""
    for name, field in model.model_fields.items():
        yield Key((*loc, name), field)
        record, is_list = section_in(field.annotation)
        if record is not None:
            yield from keys(record, (*loc, name, 0) if is_list else (*loc, name))


def section_at(loc: Loc, model: type[Record] = Config) -> type[Record] | None:
    """The record whose keys stand at a place; `None` if the place is no section."""
    if not loc:
        return model
    field = model.model_fields.get(str(loc[0]))
    record, is_list = section_in(field.annotation) if field else (None, False)
    if record is None or (is_list and len(loc) == 1):
        return None
    return section_at(loc[2:] if is_list else loc[1:], record)


def key_at(loc: Loc, model: type[Record] = Config) -> Key | None:
    """The key that a place lies on or under.

    Pydantic adds parts of its own to a place (the branch of a union, the index in a list of
    numbers); they are cut off.
    """
    if not loc or str(loc[0]) not in model.model_fields:
        return None
    field = model.model_fields[str(loc[0])]
    record, is_list = section_in(field.annotation)
    here, rest = (loc[:2], loc[2:]) if is_list else (loc[:1], loc[1:])
    below = key_at(rest, record) if record is not None and rest else None
    return Key((*here, *below.loc), below.field) if below else Key(loc[:1], field)


def describe(field: FieldInfo) -> str:
    """What a key takes, in words: `a whole number ≥ 1 or nothing`."""
    return _in_words(field.annotation, _bounds(field))


def _as_section(record: type[Record]) -> str:
    return "a path, or a section with `path:`" if "path" in record.model_fields else "a section"


def _as_link(record: type[Record]) -> str:
    return f"[{record.__name__}](#{record.__name__.lower()})"


def _bounds(field: FieldInfo) -> str:
    found = [
        f"{sign} {_short(getattr(part, name))}"
        for part in field.metadata
        for kind, (name, sign) in _BOUNDS.items()
        if isinstance(part, kind)
    ]
    return " and ".join(found)


def _short(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_words(
    annotation: Any,  # noqa: ANN401 - a type
    bounds: str = "",
    *,
    name: Callable[[type[Record]], str] = _as_section,
) -> str:
    if get_origin(annotation) is Annotated:
        annotation, field = get_args(annotation)
        bounds = _bounds(field)
    origin, parts = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return name(annotation)
    if origin is Literal:
        return _either([f"`{part}`" for part in parts])
    if origin in (Union, types.UnionType):
        words = [_in_words(p, bounds, name=name) for p in parts if p is not type(None)]
        return _either([*words, "nothing"] if type(None) in parts else words)
    if origin in (tuple, list):
        return _list_in_words(parts[0], name)
    if origin is dict:
        return f"a mapping of text to {_in_words(parts[1], name=name)}"
    return f"{_WORDS[annotation][0]} {bounds}".rstrip()


def _list_in_words(item: Any, name: Callable[[type[Record]], str]) -> str:  # noqa: ANN401 - a type
    if get_origin(item) is Literal:
        return f"a list of {_in_words(item)}"
    if section_in(item)[0] is None:
        return f"a list of {_WORDS[item][1]}"
    one = _in_words(item, name=name)
    return f"{one}, or a list of these" if name is _as_section else f"a list of {one}"


def _either(words: list[str]) -> str:
    return " or ".join([part for part in (", ".join(words[:-1]), words[-1]) if part])


def config_reference() -> str:
    """The reference page of the config, in Markdown."""
    head = (
        "# Config reference\n\n"
        "Generated from the settings records by `make docs`; do not edit.\n\n"
        "Three keys suffice: `base`, `pool` and `benchmark`, each a path or a hub id. Order of"
        " precedence: defaults, then the file, then `--set a.b=value` (the value is read as YAML;"
        " an item of a list by its number, as in `benchmark.0.limit=100`). A relative path counts"
        " from the folder of the config file.\n\n"
    )
    return head + "\n\n".join(_sections(Config, "The top level")) + "\n"


def _sections(model: type[Record], title: str, loc: Loc = ()) -> Iterator[str]:
    rows = [_config_row(key, field) for key, field in model.model_fields.items()]
    table = _table(("key", "takes", "default", "meaning"), rows)
    yield f"## {title}\n\n{_paragraph(model.__doc__)}\n\n{table}"
    for name, field in model.model_fields.items():
        record, is_list = section_in(field.annotation)
        if record is not None:
            inner = (*loc, name, 0) if is_list else (*loc, name)
            yield from _sections(record, f"`{dotted(inner).replace('.0', '.N')}`", inner)


def record_reference(model: type[Record]) -> str:
    """Markdown tables of a record and of every record inside it, each once."""
    blocks = []
    for record in _family(model):
        rows = [_record_row(key, field) for key, field in record.model_fields.items()]
        table = _table(("key", "is", "meaning"), rows)
        blocks.append(f"## {record.__name__}\n\n{_paragraph(record.__doc__)}\n\n{table}")
    return "\n\n".join(blocks) + "\n"


def _family(model: type[Record], found: tuple[type[Record], ...] = ()) -> tuple[type[Record], ...]:
    found = (*found, model)
    for field in model.model_fields.values():
        record = _innermost(field.annotation)
        if record is not None and record not in found:
            found = _family(record, found)
    return found


def _innermost(annotation: Any) -> type[Record] | None:  # noqa: ANN401 - a type
    record, _ = section_in(annotation)
    if record is None and get_origin(annotation) is dict:
        return section_in(get_args(annotation)[1])[0]
    return record


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    cells = [[cell.replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def _config_row(key: str, field: FieldInfo) -> tuple[str, ...]:
    return f"`{key}`", describe(field), _default(field), _paragraph(field.description)


def _record_row(key: str, field: FieldInfo) -> tuple[str, ...]:
    kind = _in_words(field.annotation, _bounds(field), name=_as_link)
    return f"`{key}`", kind, _paragraph(field.description)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "nothing"
    if isinstance(value, Record):
        return "see below"
    shown = str(value).lower() if isinstance(value, bool) else value
    if isinstance(value, tuple):
        shown = f"[{', '.join(map(str, value))}]"
    text = str(shown).replace("\n", "\\n")
    return f"`{text}`" if text else "empty"


def _paragraph(text: str | None) -> str:
    return " ".join((text or "").split())
