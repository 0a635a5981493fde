"""From a YAML file and `--set` to a Config, and back to YAML.

Order: defaults < file < `--set`. YAML is read by PyYAML's safe loader with two changes: `2e-4` is a
number (YAML 1.2; PyYAML alone makes it text), and a key that stands twice is refused instead of
silently losing its first value.

Relative paths of the file count from the folder of the file when something is there, else from the
working folder; those of `--set` count from the working folder. A path that exists becomes absolute,
so that the resolved config means the same from anywhere; what exists nowhere is left as it is (a hub
id, say).
"""

from __future__ import annotations

import copy
import re
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from titrant.config.explain import as_error, explain, show
from titrant.config.rules import broken_rules, misplaced_booleans
from titrant.errors import ConfigError
from titrant.settings import Config

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from titrant.config.schema import Loc

THREE_KEYS = "a mapping with the keys base, pool and benchmark"


def load_config(
    path: str | Path,
    overrides: Iterable[str] = (),
    *,
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Config:
    """The config of a YAML file, with overrides of the form `a.b=value`.

    Args:
        path: of the file.
        overrides: what is set on top of it.
        defaults: sections that stand in where the file has none of that name.

    Raises:
        ConfigError: the file is missing or cannot be read, or something in it is wrong; all
            mistakes are told at once.
    """
    path = Path(path)
    text = _read(path)
    return _resolve(text, overrides, source=str(path), folder=path.parent, defaults=defaults)


def demo_config(overrides: Iterable[str] = ()) -> Config:
    """The config of `titrant demo`: the arithmetic world and the base that ships with titrant."""
    text = resources.files("titrant").joinpath("demo.yaml").read_text(encoding="utf-8")
    return _resolve(text, overrides, source="demo.yaml", folder=Path())


def dump_config(config: Config) -> str:
    """A config as YAML with every key, also the default ones; loading it gives an equal config."""
    tree = config.model_dump(mode="json")
    return yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        near = sorted(path.parent.glob("*.y*ml"))[:3] if path.parent.is_dir() else []
        do = f"did you mean {' or '.join(map(str, near))}?" if near else "check the path"
        raise ConfigError("no such config", expected="a YAML file", came=str(path), do=do) from None
    except IsADirectoryError:
        do = "name a YAML file; a run folder is read by titrant report"
        raise ConfigError("the config is a folder", came=str(path), do=do) from None
    except UnicodeDecodeError as error:
        came = f"a byte that is not UTF-8 at {error.start}"
        raise ConfigError(
            f"{path} is not text",
            expected="YAML in UTF-8",
            came=came,
            do="save it as UTF-8, or name another file",
        ) from None


def make_config(
    tree: Mapping[str, Any], overrides: Iterable[str] = (), *, source: str = "the options"
) -> Config:
    """The config of a mapping, with overrides; relative paths count from the working folder.

    Raises:
        ConfigError: something in it is wrong; `source` is what the message calls it.
    """
    return _build(copy.deepcopy(dict(tree)), {}, overrides, source=source)


def _resolve(
    text: str,
    overrides: Iterable[str],
    *,
    source: str,
    folder: Path,
    defaults: Mapping[str, Any] = MappingProxyType({}),
) -> Config:
    tree, origins = _parse(text, source)
    _normalise(tree, folder)
    return _build({**copy.deepcopy(dict(defaults)), **tree}, origins, overrides, source=source)


def _build(
    tree: dict[str, Any], origins: dict[Loc, str], overrides: Iterable[str], *, source: str
) -> Config:
    _normalise(tree, Path())
    for override in overrides:
        loc = _apply(tree, override)
        origins = {old: where for old, where in origins.items() if old[: len(loc)] != loc}
        origins[loc] = f"--set {override}"
        _normalise(tree, Path())
    mistakes = misplaced_booleans(tree)
    try:
        config = Config.model_validate(tree)
    except ValidationError as error:
        raise as_error([*explain(error), *mistakes], source, origins) from None
    mistakes += broken_rules(config)
    if mistakes:
        raise as_error(mistakes, source, origins)
    return config


class _Dumper(yaml.SafeDumper):
    """PyYAML's safe dumper; text with a line break in it is written in double quotes."""


def _quoted_if_broken(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _quoted_if_broken)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader with the numbers of YAML 1.2."""


for _side in (_Loader, _Dumper):  # the dumper too: it must quote text that would read as a number
    _side.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+$"),
        [*"-+0123456789"],
    )


def _parse(text: str, source: str) -> tuple[dict[str, Any], dict[Loc, str]]:
    """The mapping in a YAML text, and the line of every key.

    Raises:
        ConfigError: the text is no YAML, no mapping, or has a key twice.
    """
    try:
        node, tree = _compose(text)
        origins = dict(_lines(node, source)) if node is not None else {}
    except RecursionError:
        raise ConfigError(f"{source}: a part contains itself", do="remove the alias") from None
    except yaml.YAMLError as error:
        raise _syntax_error(error, source) from None
    if not isinstance(tree, dict):
        came = "an empty file" if tree is None else show(tree)
        raise ConfigError(
            f"{source} is not a config",
            expected=THREE_KEYS,
            came=came,
            do="write the three keys, one per line: `base: path-or-hub-id` and so on",
        )
    return tree, origins


def _compose(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a YAML text, which know their lines, and the values made from them."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else _text_keys(loader.construct_document(node))
    finally:
        loader.dispose()


def _text_keys(tree: Any) -> Any:  # noqa: ANN401 - YAML is any of its types
    if isinstance(tree, dict):
        return {str(key): _text_keys(value) for key, value in tree.items()}
    return [_text_keys(item) for item in tree] if isinstance(tree, list) else tree


def _lines(node: yaml.Node, source: str, loc: Loc = ()) -> Iterator[tuple[Loc, str]]:
    if isinstance(node, yaml.SequenceNode):
        for i, item in enumerate(node.value):
            yield (*loc, i), f"line {item.start_mark.line + 1}"
            yield from _lines(item, source, (*loc, i))
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            line = f"line {key.start_mark.line + 1}"
            name = str(key.value)
            if name in seen and name != "<<":
                what = f"{source}, {line}: the key {name} stands twice in one section"
                raise ConfigError(what, do="remove one of them")
            seen.add(name)
            yield (*loc, name), line
            yield from _lines(value, source, (*loc, name))


def _syntax_error(error: yaml.YAMLError, source: str) -> ConfigError:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ConfigError(
            f"{source} is not YAML",
            expected=THREE_KEYS,
            came=" ".join(str(error).split()),
            do="open it in an editor that shows odd characters, and write it again as plain text",
        )
    mark = error.problem_mark
    return ConfigError(
        f"{source}, line {mark.line + 1}, column {mark.column + 1}: not YAML",
        came=error.problem or error.context or "",
        do="check indentation, colons and quotes there; text with {, }, : or # in it needs quotes",
    )


def _normalise(tree: dict[str, Any], folder: Path) -> None:
    """Write the short forms out, in place: a bare path is a section, one benchmark is a list.

    A section without content (`recipe:` with all its lines commented out) counts as not there.
    """
    for key in [key for key, value in tree.items() if value is None]:
        del tree[key]
    for name in ("base", "pool"):
        if name in tree:
            tree[name] = _section(tree[name], folder)
    select = tree.get("select")
    if isinstance(select, dict) and isinstance(select.get("history"), str):
        select["history"] = _anchor(select["history"], folder)
    if "benchmark" in tree:
        many = tree["benchmark"] if isinstance(tree["benchmark"], list) else [tree["benchmark"]]
        tree["benchmark"] = [_section(item, folder) for item in many]


def _section(value: Any, folder: Path) -> Any:  # noqa: ANN401 - not validated yet
    if isinstance(value, str):
        value = {"path": value}
    if isinstance(value, dict) and isinstance(value.get("path"), str):
        value["path"] = _anchor(value["path"], folder)
    return value


def _anchor(text: str, folder: Path) -> str:
    if not text or text.startswith(("world:", "vitro:")):
        return text
    path = Path(text).expanduser()
    return str((folder / path).resolve()) if (folder / path).exists() else text


def _apply(tree: dict[str, Any], override: str) -> Loc:
    """Set one key in place and return its place.

    Raises:
        ConfigError: the override has not the form `a.b=value`, or leads through a plain value.
    """
    key, equals, raw = override.partition("=")
    parts = [part.strip() for part in key.split(".")]
    if not equals or not all(parts):
        do = "for example --set recipe.updates=128"
        raise ConfigError("--set cannot be read", expected="a.b=value", came=override, do=do)
    value = _value(raw, override)
    node: Any = tree
    loc: Loc = ()
    for part in parts[:-1]:
        node, loc = _step_into(node, part, loc, override)
    if isinstance(node, list):
        index = _index(node, parts[-1], override)
        if index is None:
            node, loc = node[0], (*loc, 0)
        else:
            node[index : index + 1] = [value]
            return (*loc, index)
    if not isinstance(node, dict):
        raise _not_a_section(override, loc, node)
    node[parts[-1]] = value
    return (*loc, parts[-1])


def _value(raw: str, override: str) -> Any:  # noqa: ANN401 - YAML is any of its types
    try:
        return _compose(raw)[1]
    except yaml.YAMLError:
        raise ConfigError(
            f"--set {override}: the value is not YAML",
            expected="a YAML value: 128, true, text, [a, b], {a: b}",
            came=raw,
            do="put quotes of YAML around text with special signs: --set 'prompt.format=\"{question}\"'",
        ) from None


def _step_into(node: Any, part: str, loc: Loc, override: str) -> tuple[Any, Loc]:  # noqa: ANN401
    if isinstance(node, list):
        index = _index(node, part, override)
        if index is None:
            return _step_into(node[0], part, (*loc, 0), override)
        if index == len(node):
            node.append({})
        return node[index], (*loc, index)
    if not isinstance(node, dict):
        raise _not_a_section(override, loc, node)
    if node.get(part) is None:
        node[part] = {}
    return node[part], (*loc, part)


def _index(node: list[Any], part: str, override: str) -> int | None:
    """The index that a part names; `None`: it names a key of the list's only item."""
    if part.isdecimal() and int(part) <= len(node):
        return int(part)
    if not part.isdecimal() and len(node) == 1:
        return None
    raise ConfigError(
        f"--set {override}: there is no item {part}",
        expected=f"an index from 0 to {len(node)}",
        came=part,
        do="for example --set benchmark.0.limit=100",
    )


def _not_a_section(override: str, loc: Loc, node: Any) -> ConfigError:  # noqa: ANN401
    place = ".".join(map(str, loc))
    do = f"set {place} itself, or check the key"
    return ConfigError(f"--set {override}: {place} has no keys", came=show(node), do=do)
