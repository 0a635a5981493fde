"""One killable process that asks math-verify; started by `pool` and by nobody else.

It is run as a file, with the standard library and math-verify as its only imports, so that it never
imports a user's script again and starts in half a second. It reads requests from its first pipe and
answers on its second, each a JSON text behind its length in four bytes:

    -> {"gold": …, "answer": …}     <- {"verdict": "correct" | "wrong" | "unreadable", "retire": …}

The parent keeps the time and kills. For the case that the parent is gone there are three belts:
reading ends at the end of the pipe, Linux kills the process with its parent, and a timer whose
default action is death ends it after twice the limit of processor time (Python need not run for
that, so it also ends a power that takes hours inside C). math-verify's own alarm is off.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import logging
import os
import resource
import signal
import struct
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import sympy
from math_verify import LatexExtractionConfig, parse, verify

MEMORY_BYTES = 4 * 2**30
"""Address space of the process; an answer that wants more is unreadable."""
RETIRE_BYTES = 2**30
"""A process that has grown so large is replaced, so that one answer does not starve the next."""
FLOAT_DECIMALS = 12
"""A decimal equals an irrational number if they agree to so many decimals (math-verify rounds to 6,
under which all small numbers are equal)."""
HEADER = struct.Struct(">I")
PR_SET_PDEATHSIG = 1
BOXED_ONLY = (LatexExtractionConfig(boxed_match_priority=0, try_extract_without_anchor=False),)
"""The whole answer is the formula; nothing is fished out of a sentence."""


def parse_answer(text: str) -> list[Any]:
    """What math-verify reads: a sympy object where it can, and the text."""
    return parse(rf"\\boxed{{{text}}}", BOXED_ONLY, parsing_timeout=None)  # type: ignore[arg-type]


parse_gold = lru_cache(maxsize=1024)(parse_answer)


def judge(gold: str, answer: str) -> str:
    """The verdict; `unreadable` where gold is mathematics and the answer cannot be parsed."""
    gold_values = parse_gold(gold)
    values = parse_answer(answer)
    right = verify(gold_values, values, float_rounding=FLOAT_DECIMALS, timeout_seconds=None)
    if right:
        return "correct"
    can_compare = _has_value(values) or not _has_value(gold_values)
    return "wrong" if can_compare else "unreadable"


def _has_value(values: list[Any]) -> bool:
    return any(isinstance(value, sympy.Basic | sympy.MatrixBase) for value in values)


def read_frame(source: int) -> dict[str, Any] | None:
    """The next message of a pipe; `None` at its end."""
    header = _read_exactly(source, HEADER.size)
    if header is None:
        return None
    body = _read_exactly(source, HEADER.unpack(header)[0])
    return None if body is None else json.loads(body)


def _read_exactly(source: int, n_bytes: int) -> bytes | None:
    parts = b""
    while len(parts) < n_bytes:
        part = os.read(source, n_bytes - len(parts))
        if not part:
            return None
        parts += part
    return parts


def write_frame(target: int, message: dict[str, Any]) -> None:
    """Write one message whole."""
    body = json.dumps(message).encode()
    rest = HEADER.pack(len(body)) + body
    while rest:
        rest = rest[os.write(target, rest) :]


def _private_pipes() -> tuple[int, int]:
    """The two pipes out of reach of whatever prints: standard streams now lead nowhere."""
    source, target = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    return source, target


def _bind_to(parent: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before the line above
        sys.exit()


def _limit_resources() -> None:
    # A system that does not know or allow a limit runs without it: time is still kept.
    for kind, size in ((resource.RLIMIT_AS, MEMORY_BYTES), (resource.RLIMIT_CORE, 0)):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (size, size))


def _peak_bytes() -> int:
    """The most memory that this process has had.

    On Linux not that of the large one that started it, which `getrusage` counts as its own.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split(maxsplit=1)[0]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main(parent: int, limit_s: float) -> None:
    """Answer requests until the pipe ends.

    Args:
        parent: process id of the one who started this process.
        limit_s: seconds of processor time per item after which the parent kills it.
    """
    _bind_to(parent)
    _limit_resources()
    logging.disable(logging.CRITICAL)
    source, target = _private_pipes()
    write_frame(target, {"ready": True})
    while (request := read_frame(source)) is not None:
        signal.setitimer(signal.ITIMER_PROF, 2 * limit_s + 1)
        verdict = judge(request["gold"], request["answer"])
        signal.setitimer(signal.ITIMER_PROF, 0)
        write_frame(target, {"verdict": verdict, "retire": _peak_bytes() > RETIRE_BYTES})


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]))
