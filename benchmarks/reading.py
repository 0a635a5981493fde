"""How much dearer is a pool of Traces than its bare rows? Reading and storing, side by side.

    python benchmarks/reading.py [rows]

Rows are ShareGPT conversations with thirty steps of thinking each. `read_pool` recognises the schema,
finds the thinking, cuts steps, and makes identities; `json.loads` only parses the same lines, and is the
floor that no reader of JSONL is under. The table is written and read back beside a plain pyarrow table of
the two text columns. Times are processor seconds.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from titrant.settings import PoolSettings
from titrant.traces.read import read_pool
from titrant.traces.table import load_traces, write_traces

if TYPE_CHECKING:
    from collections.abc import Callable


def conversations(rows: int) -> list[str]:
    """JSON lines of ShareGPT conversations."""
    thinking = "\n\n".join(f"In step {i} we add and carry on with the sum." for i in range(30))
    text = f"<think>\n{thinking}\n</think>\n\n4"
    return [
        json.dumps(
            {
                "conversations": [
                    {"from": "human", "value": f"What is {i}?"},
                    {"from": "gpt", "value": text},
                ]
            }
        )
        for i in range(rows)
    ]


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of the faster of two runs."""
    times = []
    for _ in range(2):
        began = time.process_time()
        work()
        times.append(time.process_time() - began)
    return min(times)


def main() -> None:
    """Print the four times and their two ratios."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as place:
        path, table, plain = (Path(place) / name for name in ("a.jsonl", "a.parquet", "b.parquet"))
        path.write_text("\n".join(conversations(rows)))
        settings = PoolSettings(path=str(path))
        traces = read_pool(settings).traces
        columns = {
            "question": [trace.question for trace in traces],
            "thinking": [trace.thinking for trace in traces],
        }

        def ours() -> None:
            write_traces(table, traces)
            load_traces(table)

        def theirs() -> None:
            pq.write_table(pa.table(columns), plain)
            pq.read_table(plain).to_pylist()

        read, parse = seconds(lambda: read_pool(settings)), seconds(lambda: parsed(path))
        store, bare = seconds(ours), seconds(theirs)
    print(f"{rows:,} rows")
    print(f"read_pool {read:.2f} s, json.loads {parse:.2f} s: {read / parse:.1f} times")
    print(f"traces to a table and back {store:.2f} s, two plain columns {bare:.2f} s: "
          f"{store / bare:.1f} times")  # fmt: skip


def parsed(path: Path) -> list[object]:
    """Every line, parsed and no more."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


if __name__ == "__main__":
    main()
