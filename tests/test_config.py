"""Configs: precedence, short forms, paths, round trip, and the text of every message."""

import string
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from titrant.config import (
    config_reference,
    demo_config,
    dump_config,
    load_config,
    make_config,
    rules,
)
from titrant.config.schema import describe, key_at, keys
from titrant.errors import ConfigError
from titrant.settings import Config
from titrant.train import command

THREE = "base: some/model\npool: traces.jsonl\nbenchmark: problems.jsonl\n"


@pytest.fixture
def write(tmp_path):
    def write(text: str, name: str = "c.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return write


def message(path, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return str(caught.value)


# --- what is read -----------------------------------------------------------------------------


def test_three_keys_suffice(write):
    config = load_config(write(THREE))
    assert config.base.path == "some/model"
    assert config.pool.path == "traces.jsonl"
    assert [b.path for b in config.benchmark] == ["problems.jsonl"]
    assert (
        config.recipe.updates
        == Config.model_fields["recipe"].get_default(call_default_factory=True).updates
    )


def test_a_set_goes_over_the_file_and_the_file_over_the_default(write):
    path = write(THREE + "recipe: {updates: 7, epochs: 9}\n")
    config = load_config(path, ["recipe.updates=8"])
    assert (config.recipe.updates, config.recipe.epochs) == (8, 9)
    assert config.recipe.rows_per_update == 16


def test_the_last_set_of_a_key_wins(write):
    assert load_config(write(THREE), ["seed=1", "seed=2"]).seed == 2


@pytest.mark.parametrize(
    ("override", "read"),
    [
        ("recipe.lr=2e-4", lambda c: c.recipe.lr == 2e-4),
        ("recipe.lr=auto", lambda c: c.recipe.lr == "auto"),
        ("recipe.extra.max_grad_norm=1e-3", lambda c: c.recipe.extra == {"max_grad_norm": 1e-3}),
        ("ladder.strategies=[random, shortest]", lambda c: len(c.ladder.strategies) == 2),
        ("ladder.doses=[1, 2, 4]", lambda c: c.ladder.doses == (1, 2, 4)),
        ("pool.columns.question=prompt", lambda c: c.pool.columns == {"question": "prompt"}),
        ("benchmark.0.limit=5", lambda c: c.benchmark[0].limit == 5),
        ("benchmark.limit=5", lambda c: c.benchmark[0].limit == 5),
        ("benchmark.1.path=x", lambda c: c.benchmark[1].path == "x"),
        ("benchmark=x", lambda c: c.benchmark[0].path == "x"),
        ("base.revision=abc", lambda c: c.base.revision == "abc" and c.base.path == "some/model"),
        ('prompt.format="Q: {question}\\nA:"', lambda c: c.prompt.format == "Q: {question}\nA:"),
        ("train.command=run {subset} {out}", lambda c: c.train.command == "run {subset} {out}"),
        ("prompt.system=a=b", lambda c: c.prompt.system == "a=b"),
        ("limits.hours=", lambda c: c.limits.hours is None),
    ],
)
def test_a_set_reads_its_value_as_yaml(write, override, read):
    assert read(load_config(write(THREE), [override]))


def test_a_number_in_exponent_form_is_a_number_in_the_file(write):
    config = load_config(write(THREE + "recipe: {lr: 2e-4, extra: {a: 1e3, b: 1e, c: '1e3'}}"))
    assert config.recipe.lr == 2e-4
    assert config.recipe.extra == {"a": 1000.0, "b": "1e", "c": "1e3"}


def test_a_section_without_content_keeps_its_defaults(write):
    assert load_config(write(THREE + "recipe:\n  # updates: 3\n")).recipe.updates == 256


def test_relative_paths_count_from_the_file_when_something_is_there(tmp_path, monkeypatch):
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "traces.jsonl").touch()
    (tmp_path / "problems.jsonl").touch()
    path = tmp_path / "conf" / "c.yaml"
    path.write_text(THREE)
    monkeypatch.chdir(tmp_path)
    config = load_config(path)
    assert config.pool.path == str(tmp_path / "conf" / "traces.jsonl")
    assert config.benchmark[0].path == str(tmp_path / "problems.jsonl")
    assert config.base.path == "some/model"


def test_the_path_of_a_set_counts_from_the_working_folder(tmp_path, monkeypatch, write):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "p.jsonl").touch()
    monkeypatch.chdir(tmp_path / "here")
    assert load_config(write(THREE), ["pool=p.jsonl"]).pool.path == str(tmp_path / "here/p.jsonl")


def test_a_world_is_no_path(write, tmp_path):
    (tmp_path / "world:arithmetic").touch()
    path = write(THREE.replace("traces.jsonl", "world:arithmetic"))
    assert load_config(path).pool.path == "world:arithmetic"


def test_the_demo_config_names_no_file_and_no_hub():
    config = demo_config()
    assert config.base.path.startswith("vitro:")
    assert config.pool.path.startswith("world:")
    assert all(b.path.startswith("world:") for b in config.benchmark)
    assert demo_config(["seed=5"]).seed == 5


def test_a_config_is_made_of_options_alone(tmp_path, monkeypatch):
    (tmp_path / "t.jsonl").touch()
    monkeypatch.chdir(tmp_path)
    tree = {"base": "b", "pool": {"path": "t.jsonl"}, "benchmark": ["q", "r"]}
    config = make_config(tree, ["benchmark.1.limit=3"])
    assert config.pool.path == str(tmp_path / "t.jsonl")
    assert [b.limit for b in config.benchmark] == [None, 3]
    assert tree == {"base": "b", "pool": {"path": "t.jsonl"}, "benchmark": ["q", "r"]}
    with pytest.raises(ConfigError, match=r"^the options: pool is missing"):
        make_config({"base": "b", "benchmark": "q"})


# --- round trip -------------------------------------------------------------------------------


def test_the_resolved_config_is_read_back_equal(write):
    config = demo_config(["recipe.lr=1e-5", "ladder.doses=[1,8]", "limits.hours=0.5"])
    text = dump_config(config)
    assert load_config(write(text)) == config
    assert dump_config(load_config(write(text))) == text


@given(
    system=st.none() | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    think=st.text(string.printable),
    lr=st.floats(min_value=1e-12, max_value=10, allow_nan=False),
    seed=st.integers(min_value=0, max_value=2**62),
)
@example(system="1e3", think="0E0", lr=1e-5, seed=0)
@example(system="~", think="yes\r\n", lr=1.0, seed=2**62)
def test_any_value_survives_dump_and_load(tmp_path_factory, system, think, lr, seed):
    config = Config.model_validate(
        {
            "base": "b",
            "pool": "p",
            "benchmark": "q",
            "prompt": {"system": system, "think_open": think},
            "recipe": {"lr": lr},
            "seed": seed,
        }
    )
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(dump_config(config), encoding="utf-8", newline="")
    assert load_config(path) == config


# --- messages ---------------------------------------------------------------------------------


def test_a_missing_file_is_answered_with_the_yaml_files_beside_it(write, tmp_path):
    write(THREE, "confg.yaml")
    text = message(tmp_path / "config.yaml")
    assert text.startswith("no such config")
    assert f"found: {tmp_path / 'config.yaml'}" in text
    assert f"do: did you mean {tmp_path / 'confg.yaml'}?" in text
    assert "do: check the path" in message(tmp_path / "no" / "config.yaml")


def test_a_folder_and_a_binary_file_are_no_configs(tmp_path):
    assert message(tmp_path).startswith("the config is a folder")
    (tmp_path / "b.yaml").write_bytes(b"base: \xff")
    assert "b.yaml is not text\n  expected: YAML in UTF-8\n  found: a byte" in message(
        tmp_path / "b.yaml"
    )


@pytest.mark.parametrize(
    ("text", "came"),
    [("", "an empty file"), ("# only\n", "an empty file"), ("- a\n", "a list of 1"), ("x", "'x'")],
)
def test_what_is_no_mapping_is_told_what_a_config_is(write, text, came):
    told = message(write(text))
    assert "c.yaml is not a config\n  expected: a mapping with the keys base, pool" in told
    assert f"found: {came}" in told


def test_bad_yaml_is_told_with_line_and_column(write):
    told = message(write("base: x\npool: [a\nbenchmark: y\n"))
    assert "c.yaml, line 3, column 10: not YAML" in told
    assert "do: check indentation" in told


def test_control_characters_are_no_yaml(write):
    assert "c.yaml is not YAML" in message(write("base: \x00"))


def test_a_part_that_contains_itself_is_refused(write):
    assert "c.yaml: a part contains itself" in message(write("base: &b [*b]"))


def test_a_number_as_a_key_is_an_unknown_key(write):
    assert "c.yaml, line 4: unknown key 1" in message(write(THREE + "1: 2"))


def test_a_key_that_stands_twice_is_refused(write):
    told = message(write(THREE + "recipe:\n  updates: 3\n  updates: 4\n"))
    assert "c.yaml, line 6: the key updates stands twice in one section" in told


@pytest.mark.parametrize("key", ["base", "pool", "benchmark"])
def test_each_of_the_three_keys_is_asked_for(write, key):
    kept = "\n".join(line for line in THREE.splitlines() if not line.startswith(key))
    told = message(write(kept))
    assert f"c.yaml: {key} is missing\n  expected: a f" in told
    assert f"do: add `{key}: …` to the file, or pass --set {key}=…" in told


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("recipe: {updats: 3}", "unknown key recipe.updats\n  do: did you mean recipe.updates?"),
        ("recipes: {}", "unknown key recipes\n  do: did you mean recipe?"),
        ("updates: 3", "unknown key updates\n  do: did you mean recipe.updates?"),
        ("limit: 3", "did you mean limits, or pool.limit, or benchmark.0.limit?"),
        ("learning_rate: 1", "did you mean recipe.lr?"),
        ("decode: {max_tokens: 9}", "did you mean decode.max_new_tokens, or recipe.max_tokens?"),
        ("recipe: {lora: {rank: 9}}", "unknown key recipe.lora.rank\n  do: known: alpha, "),
        ("zzz: 1", "unknown key zzz\n  do: known: audit, base, benchmark, "),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_known_one(write, line, hint):
    assert hint in message(write(THREE + line))


def test_a_mistyped_path_key_is_one_mistake_and_not_two(write):
    told = message(write("base: b\npool: {pth: x}\nbenchmark: q\n"))
    assert "c.yaml, line 2: unknown key pool.pth\n  do: did you mean pool.path?" in told
    assert "missing" not in told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("recipe: {lr: fast}", "a number or `auto`\n  found: 'fast' (text)"),
        ("recipe: {updates: 0}", "a whole number ≥ 1\n  found: 0"),
        ("recipe: {updates: true}", "a whole number ≥ 1\n  found: true"),
        ("recipe: {match: steps}", "`updates`, `tokens` or `epochs`\n  found: 'steps' (text)"),
        ("recipe: {lora: 3}", "a section\n  found: 3"),
        ("recipe: {extra: [1]}", "a mapping of text to anything\n  found: a list of 1"),
        ("decode: {top_p: 2}", "a number > 0 and ≤ 1\n  found: 2"),
        ("ladder: {doses: '1,2'}", "a list of whole numbers or nothing\n  found: '1,2' (text)"),
        ("prompt: {few_shot: 3.5}", "a whole number ≥ 0 and ≤ 32\n  found: 3.5"),
        ("train: {command: 7}", "text or nothing\n  found: 7"),
        ("base2: {a: 1}\nseed: {a: 1}", "a whole number ≥ 0\n     found: a section with a"),
        (f"prompt: {{few_shot: {'9' * 3}x{'y' * 99}}}", "found: '999xyyy"),
    ],
)
def test_a_wrong_value_is_told_what_was_expected_and_what_came(write, line, told):
    assert told in message(write(THREE + line))


def test_a_wrong_value_is_told_with_its_line(write):
    told = message(write(THREE + "recipe:\n  epochs: 2\n  updates: none\n"))
    assert "c.yaml, line 6: recipe.updates cannot be used" in told


def test_a_wrong_value_of_a_set_is_told_with_the_flag(write):
    told = message(write(THREE + "recipe: {updates: 3}"), "recipe.updates=many")
    assert told.startswith("--set recipe.updates=many: recipe.updates cannot be used")


def test_a_set_of_a_whole_section_takes_the_blame_for_what_is_in_it(write):
    told = message(write(THREE + "recipe:\n  updates: 3\n"), "recipe={updates: none}")
    assert told.startswith("--set recipe={updates: none}: recipe.updates cannot be used")


def test_a_mistake_in_an_item_of_a_list_is_one_mistake(write):
    told = message(write("base: b\npool: p\nbenchmark: [{path: q, limit: many}]\n"))
    assert "c.yaml, line 3: benchmark.0.limit cannot be used" in told


def test_all_mistakes_come_at_once_in_the_order_of_the_file(write):
    told = message(write("pool: p\nsed: 1\nrecipe: {lr: x}\n"), "decode.top_p=7")
    lines = [line for line in told.splitlines() if not line.startswith("     ")]
    assert lines[0].startswith("5 mistakes in ")
    assert lines[0].endswith("c.yaml")
    assert lines[1:] == [
        "1. base is missing",
        "2. benchmark is missing",
        "3. line 2: unknown key sed",
        "4. line 3: recipe.lr cannot be used",
        "5. --set decode.top_p=7: decode.top_p cannot be used",
    ]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("recipe.updates", "--set cannot be read\n  expected: a.b=value\n  found: recipe.updates"),
        ("=3", "--set cannot be read"),
        ("recipe..updates=3", "--set cannot be read"),
        ("seed.x=1", "seed has no keys"),
        ("recipe.match.x=1", "recipe.match has no keys"),
        ("benchmark.7.limit=1", "there is no item 7\n  expected: an index from 0 to 1"),
        ("decode.stop=[a", "the value is not YAML\n  expected: a YAML value"),
        ("prompt.format={question} now", "put quotes of YAML around text"),
    ],
)
def test_a_set_that_cannot_be_read_is_told_why(write, override, told):
    assert told in message(write(THREE + "seed: 1\nrecipe: {match: updates}\n"), override)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("prompt: {format: hello}", "prompt.format never shows the question"),
        ("benchmark: ['']", "benchmark.0 is empty\n  expected: a path or a hub id"),
        ("benchmark: {path: q, answer_pattern: '('}", "which does not compile"),
        ("benchmark: {path: q, answer_pattern: 'a(b)(c)'}", "which has 2 groups"),
        ("decode: {samples_per_problem: 4}", "greedy decoding draws the same text every time"),
        ("benchmark: [{path: a, name: x}, {path: b, name: x}]", "two benchmarks have one name"),
        ("ladder: {strategies: []}", "one strategy or more, each once\n  found: an empty list"),
        ("ladder: {doses: [0, 4]}", "numbers of traces, each ≥ 1 and each once"),
        ("recipe: {lr: -1}", "expected: a number > 0\n  found: -1"),
        ("recipe: {rows_per_device: 99}", "expected: at most 16\n  found: 99"),
        ("train: {command: 'x {subset} {outt}'}", "found: unknown {outt}, no {out}"),
        ("train: {command: 'x {subset'}", "found: no {out}, no {subset}"),
    ],
)
def test_a_broken_rule_is_told(write, line, told):
    three = THREE if not line.startswith("benchmark") else THREE.replace("benchmark", "# b")
    assert told in message(write(three + line))


def test_the_trainer_fills_in_the_placeholders_that_the_config_allows():
    assert rules.PLACEHOLDERS == command.PLACEHOLDERS


def test_a_config_that_breaks_no_rule_is_taken(write):
    extra = (
        "pool: {path: p, answer_pattern: 'A: (.+)'}\ntrain: {command: 'x {subset} {out} {a: 1}'}\n"
    )
    config = load_config(write(THREE.replace("pool", "# p") + extra))
    assert config.train.command == "x {subset} {out} {a: 1}"


# --- reference --------------------------------------------------------------------------------


def test_every_key_stands_in_the_reference_with_its_type_in_words():
    text = config_reference()
    for key in keys():
        assert f"| `{key.loc[-1]}` | {describe(key.field)} |" in text


def test_a_key_is_found_again_from_its_place():
    for key in keys():
        again = key_at(key.loc)
        assert again is not None
        assert again.path == key.path
