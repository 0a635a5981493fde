import pytest

from titrant.errors import ConfigError, DataError
from titrant.run.store.folder import check_same, enter, flatten, make_folder, read_config
from titrant.settings import Config


def config(**changes):
    return Config.model_validate({"base": "org/b", "pool": "p", "benchmark": "q"} | changes)


def begun(root, **changes):
    """A folder whose first arms are decided on."""
    folder = make_folder(root)
    enter(folder, config(**changes))
    folder.rounds.mkdir()
    folder.round(0).write_text("{}")
    return folder


def test_before_the_first_arm_a_mended_config_begins_anew(tmp_path):
    folder = make_folder(tmp_path)
    enter(folder, config())
    for name in ("inputs.json", "prepared.json", "pool.parquet", "state.sqlite"):
        (tmp_path / name).write_text("read under the old config")
    changed = config(pool={"path": "p", "columns": {"question": "ask"}})
    assert enter(folder, changed) == changed
    assert read_config(folder) == changed
    assert {path.name for path in tmp_path.iterdir()} == {"config.yaml", "state.sqlite"}


def test_what_was_read_stays_where_nothing_that_counts_has_changed(tmp_path):
    folder = make_folder(tmp_path)
    enter(folder, config())
    folder.stage("inputs").write_text("{}")
    enter(folder, config(limits={"hours": 2.0}))
    assert folder.stage("inputs").exists()


def test_a_new_folder_gets_the_config(tmp_path):
    folder = make_folder(tmp_path / "runs" / "new")
    assert enter(folder, config()) == config()
    assert read_config(folder) == config()


def test_the_same_config_may_go_on(tmp_path):
    folder = make_folder(tmp_path)
    enter(folder, config())
    assert enter(make_folder(tmp_path), config()) == config()


def test_executor_and_limits_may_change(tmp_path):
    folder = make_folder(tmp_path)
    enter(folder, config())
    changed = config(executor={"workers": 3}, limits={"hours": 2.0})
    assert enter(folder, changed) == changed
    assert read_config(folder) == changed


def test_another_config_is_refused_with_the_keys_that_differ(tmp_path):
    folder = begun(tmp_path)
    changed = config(recipe={"updates": 7}, seed=3)
    with pytest.raises(ConfigError) as caught:
        enter(folder, changed)
    assert caught.value.came == (
        "recipe.updates: 256 in the folder, 7 given; seed: 0 in the folder, 3 given"
    )
    assert "was begun with another config" in str(caught.value)
    assert "choose another --out" in caught.value.do
    assert read_config(folder) == config()


def test_a_revision_that_was_pinned_stays(tmp_path):
    folder = begun(tmp_path, base={"path": "org/b", "revision": "abc"})
    assert enter(folder, config()).base.revision == "abc"
    with pytest.raises(ConfigError, match=r"base\.revision"):
        enter(folder, config(base={"path": "org/b", "revision": "def"}))


def test_a_file_that_has_moved_is_the_same_file(tmp_path):
    old = config(pool="/no/such/place/traces.jsonl")
    check_same(old, config(pool="/elsewhere/traces.jsonl"), tmp_path)
    with pytest.raises(ConfigError, match=r"pool\.path"):
        check_same(old, config(pool="/elsewhere/other.jsonl"), tmp_path)


def test_another_file_of_the_same_name_is_another_pool(tmp_path):
    here = tmp_path / "traces.jsonl"
    here.write_text("{}")
    with pytest.raises(ConfigError, match=r"pool\.path"):
        check_same(config(pool=str(here)), config(pool="/elsewhere/traces.jsonl"), tmp_path)


def test_a_folder_with_other_things_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(DataError, match="is not empty and no run folder") as caught:
        make_folder(tmp_path)
    assert caught.value.came == "thesis.tex"


def test_a_folder_whose_run_was_killed_at_once_is_taken(tmp_path):
    for name in (
        "run.lock",
        "owner.json",
        "state.sqlite",
        "state.sqlite-wal",
        ".config.yaml.3.partial",
    ):
        (tmp_path / name).write_text("")
    folder = make_folder(tmp_path)
    enter(folder, config())
    assert not (tmp_path / ".config.yaml.3.partial").exists()


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(DataError, match="is a file"):
        make_folder(tmp_path / "out")


def test_a_folder_without_config_is_no_run_folder(tmp_path):
    with pytest.raises(DataError, match="is no run folder"):
        read_config(make_folder(tmp_path))


@pytest.mark.parametrize("text", ["base: [", "nonsense: 1"])
def test_a_damaged_config_is_named(tmp_path, text):
    folder = make_folder(tmp_path)
    folder.config.write_text(text)
    with pytest.raises(DataError, match=r"config.yaml is damaged"):
        enter(folder, config())


def test_flatten_names_leaves_by_dotted_keys():
    tree = {"a": {"b": 1, "c": []}, "d": [{"e": None}]}
    assert flatten(tree) == {"a.b": 1, "a.c": [], "d.0.e": None}
