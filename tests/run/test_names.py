import pytest

from titrant.errors import ConfigError
from titrant.run.input.forecast import forecast
from titrant.run.titrate import titrate
from titrant.run.watch import Silent
from titrant.settings import Config

BASE = {"base": "b", "pool": "p", "benchmark": "q"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"decode": {"engine": "transformer"}}, "unknown engine 'transformer'\n  do: did you mean"),
        ({"ladder": {"strategies": ["longst"]}}, "unknown strategy 'longst'\n  do: did you mean"),
    ],
)
def test_a_name_that_stands_for_no_code_is_refused_before_anything_is_made(
    tmp_path, changes, words
):
    config = Config.model_validate(BASE | changes)
    with pytest.raises(ConfigError, match=words):
        titrate(config, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConfigError, match=words):
        forecast(config, Silent())
