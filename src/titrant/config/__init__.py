"""Configs: read from YAML, overridden by `--set`, explained when wrong, and documented.

load.py      YAML file < `--set a.b=c` → Config
rules.py     what a single field cannot check by itself
explain.py   mistakes → one message
schema.py    the keys, their types in words, and the reference page
"""

from titrant.config.load import demo_config, dump_config, load_config, make_config
from titrant.config.schema import config_reference, record_reference

__all__ = [
    "config_reference",
    "demo_config",
    "dump_config",
    "load_config",
    "make_config",
    "record_reference",
]
