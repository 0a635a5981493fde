"""Hashes of a world's first instances, held against the recorded ones."""

import json
import os
from hashlib import sha256
from itertools import product

from titrant.worlds.base import Split


def check_golden(world, path):
    """The first 20 instances of each preset and split, with their oracle's traces, are the recorded ones."""
    hashes = {}
    for preset, split in product(world.presets, Split):
        problems = [world.problem(preset, split, i) for i in range(20)]
        text = "\n".join(p.model_dump_json() + world.oracle(p.question) for p in problems)
        hashes[f"{preset}/{split}"] = sha256(text.encode()).hexdigest()[:16]
    found = {"version": world.version, "instances": hashes}
    if os.environ.get("TITRANT_GOLDEN"):
        path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    recorded = json.loads(path.read_text(encoding="utf-8"))
    assert found == recorded, "a byte changed: raise the world's version, then make golden"
