"""`titrant doctor`: what is installed, what this machine can do, and what is in the way.

With a config it also examines the rows that would be trained (the template doctor), so that a
tokenizer or a chat template that spoils them is found before any time is spent.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from titrant.cli.common import JsonOption, SetOption, console, emit_json

if TYPE_CHECKING:
    from rich.console import Console

    from titrant.settings import Config

PACKAGES = (
    *("titrant", "numpy", "scipy", "polars", "pyarrow", "pydantic", "math-verify"),
    *("torch", "transformers", "trl", "peft", "accelerate", "datasets", "vllm", "openai", "ray"),
)
SLOW_BF16 = 0.8
"""bfloat16 below this share of float32's speed is called slow."""
LOW_DISK_GB = 5.0
LOW_MEMORY_GB = 2.0


class EngineState(NamedTuple):
    """Whether an engine loads, and what it can do."""

    name: str
    loads: bool
    can: tuple[str, ...]
    why: str
    """Why it does not load; empty where it does."""


class Device(NamedTuple):
    """Something that arms can run on."""

    name: str
    memory_gb: float | None
    """Total memory of a GPU; `None` for the CPU, whose memory is the machine's."""
    has_bf16: bool
    """Whether bfloat16 runs on hardware of its own; elsewhere it is emulated."""
    bf16_speed: float | None
    """Speed of bfloat16 over that of float32, measured on the CPU only."""


class Machine(NamedTuple):
    """The machine as titrant sees it."""

    python: str
    cores: int
    """Cores that this process may use."""
    load: float
    """Processes that wanted a core, mean of the last minute."""
    memory_gb: float
    free_memory_gb: float
    free_disk_gb: float
    """Of the working folder's disk."""


class Health(NamedTuple):
    """Everything that the doctor says about the installation."""

    verdict: str
    versions: dict[str, str | None]
    """Package → version; `None`: not installed."""
    lacking: dict[str, list[str]]
    """Extra → packages of it that are not installed."""
    engines: list[EngineState]
    devices: list[Device]
    machine: Machine
    hints: list[str]


def doctor(
    config: Annotated[
        Path | None, typer.Argument(help="A config whose pool and template are examined too.")
    ] = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is installed and what this machine can do; examine a config's rows.

    Ends with one line that says whether arms can be trained here.
    """
    health = look()
    rows = None if config is None else examine_config(config, settings or [])
    if as_json:
        emit_json(health._asdict() | ({} if rows is None else {"rows": rows}))
        return
    out = console()
    _print_health(health, out)
    if rows is not None:
        _print_rows(rows, out)
    out.print()
    out.print(health.verdict, style="bold", markup=False)


def look() -> Health:
    """Look at the installation and the machine; takes seconds where torch is installed."""
    versions = {name: _version(name) for name in PACKAGES}
    lacking = _lacking()
    machine = _machine()
    devices = _devices() if versions["torch"] else []
    hints = _hints(machine, devices)
    return Health(_verdict(lacking), versions, lacking, _engines(), devices, machine, hints)


def examine_config(path: Path, overrides: list[str]) -> list[dict[str, Any]]:
    """The template doctor's checks on the pool and the benchmarks of a config.

    Raises:
        TitrantError: the config, the pool or a benchmark cannot be used, or a check failed.
    """
    from titrant.config import load_config
    from titrant.lazy import load
    from titrant.run.input.names import check_names

    config = load_config(path, overrides)
    check_names(config)
    base = load("titrant.engines.load:load_base")(config.base)
    traces, questions = _texts(config)
    shots = load("titrant.select.shots:choose_shots")(traces, config)
    report = load("titrant.train.doctor:examine")(
        traces,
        questions,
        builder=load("titrant.engines.prompt:PromptBuilder")(
            base.tokenizer, config.prompt, shots=shots
        ),
        tokenizer=base.tokenizer,
        recipe=config.recipe,
        context_tokens=load("titrant.engines.load:context_of")(base.model, base.tokenizer),
        stop_ids=load("titrant.engines.drawing.rows:stop_ids")(base.model, base.tokenizer),
    )
    return [check._asdict() for check in report.checks]


def _texts(config: Config) -> tuple[list[Any], list[str]]:
    """Traces and questions as a run reads them: verdicts decide on the worked examples."""
    from titrant.run.input.inputs import clean, read_benchmarks, read_traces
    from titrant.run.watch import Silent

    benchmarks = read_benchmarks(config, Silent())
    traces, _ = clean(read_traces(config, Silent())[0], benchmarks, config)
    return traces, [problem.question for named in benchmarks for problem in named.problems]


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _lacking() -> dict[str, list[str]]:
    """Packages of each extra that are not installed; only extras for users."""
    from importlib.metadata import requires

    found: dict[str, list[str]] = {}
    for requirement in requires("titrant") or []:
        name, extra = re.match(r"[\w.-]+", requirement), re.search(r"extra == '(\w+)'", requirement)
        if name is None or extra is None or extra[1] == "dev":
            continue
        lacking = found.setdefault(extra[1], [])
        if _version(name[0]) is None:
            lacking.append(name[0])
    return found


def _machine() -> Machine:
    import platform
    import shutil

    import psutil

    memory = psutil.virtual_memory()
    return Machine(
        python=platform.python_version(),
        cores=_cores(),
        load=os.getloadavg()[0],
        memory_gb=memory.total / 1e9,
        free_memory_gb=memory.available / 1e9,
        free_disk_gb=shutil.disk_usage(Path.cwd()).free / 1e9,
    )


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _engines() -> list[EngineState]:
    from importlib.util import find_spec

    from titrant.engines.base import engines
    from titrant.errors import TitrantError

    states = []
    for name in engines.names():
        try:
            kind = engines.get(name)
            missing = [p for p in getattr(kind, "packages", ()) if find_spec(p) is None]
            if missing:
                why = f"not installed: {', '.join(missing)} (docs/how-to/engines.md)"
                states.append(EngineState(name, loads=False, can=(), why=why))
                continue
            can = tuple(sorted(kind.capabilities))
            states.append(EngineState(name, loads=True, can=can, why=""))
        except TitrantError as error:
            states.append(EngineState(name, loads=False, can=(), why=error.do or error.what))
        except (ImportError, OSError) as error:  # a broken installation of the engine's packages
            states.append(EngineState(name, loads=False, can=(), why=str(error)))
    return states


def _devices() -> list[Device]:
    from titrant.lazy import load

    torch = load("torch")
    speed = _bf16_speed(torch)
    devices = [Device("cpu", None, has_bf16=speed >= SLOW_BF16, bf16_speed=speed)]
    for i in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(i)
        name, memory_gb = f"cuda:{i} {gpu.name}", gpu.total_memory / 1e9
        devices.append(Device(name, memory_gb, has_bf16=gpu.major >= 8, bf16_speed=None))
    if torch.backends.mps.is_available():
        devices.append(Device("mps", None, has_bf16=True, bf16_speed=None))
    return devices


def _bf16_speed(torch: Any) -> float:  # noqa: ANN401 - the module
    """Speed of a matrix product in bfloat16 over that in float32, best of five each."""
    import time

    def best(dtype: Any) -> float:  # noqa: ANN401 - a dtype of torch
        matrix = torch.ones((384, 384), dtype=dtype)
        times = []
        for _ in range(6):
            start = time.perf_counter()
            torch.mm(matrix, matrix)
            times.append(time.perf_counter() - start)
        return min(times[1:])

    return best(torch.float32) / best(torch.bfloat16)


def _hints(machine: Machine, devices: list[Device]) -> list[str]:
    hints = []
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if machine.load > machine.cores * 1.2:
        hints.append(
            f"{machine.load:.1f} processes want {machine.cores} cores: arms will be slow and times"
            " will not tell much; wait, or set executor.workers=1"
        )
    if threads.isdigit() and int(threads) > machine.cores:
        hints.append(f"OMP_NUM_THREADS is {threads} on {machine.cores} cores: set it to 1")
    if machine.free_memory_gb < LOW_MEMORY_GB:
        hints.append(f"{machine.free_memory_gb:.1f} GB of memory free: the demo needs 2")
    if machine.free_disk_gb < LOW_DISK_GB:
        hints.append(
            f"{machine.free_disk_gb:.1f} GB of disk free: see `titrant plan` for a run's need"
        )
    if devices and not any(device.has_bf16 for device in devices):
        hints.append("bfloat16 is slow here: leave base.dtype at auto, which takes float32")
    return hints


def _verdict(lacking: dict[str, list[str]]) -> str:
    if lacking["train"]:
        names = ", ".join(lacking["train"])
        return f"Analysis only: {names} not installed; pip install 'titrant[train]' to train arms."
    return "Ready: arms can be trained here."


def _print_health(health: Health, out: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column()
    machine = health.machine
    installed = [f"{name} {version}" for name, version in health.versions.items() if version]
    table.add_row("python", machine.python)
    table.add_row("installed", ", ".join(installed))
    for extra, names in health.lacking.items():
        table.add_row(f"extra {extra}", f"lacks {', '.join(names)}" if names else "complete")
    for engine in health.engines:
        can = " and ".join(engine.can) if engine.loads else f"does not load: {engine.why}"
        table.add_row(f"engine {engine.name}", escape(can))
    for device in health.devices:
        table.add_row(device.name, _about(device))
    table.add_row("cores", f"{machine.cores}, load {machine.load:.1f}")
    table.add_row("memory", f"{machine.free_memory_gb:.1f} of {machine.memory_gb:.1f} GB free")
    table.add_row("disk", f"{machine.free_disk_gb:.0f} GB free here")
    out.print(table)
    for hint in health.hints:
        out.print(f"[yellow]![/yellow] {escape(hint)}")


def _about(device: Device) -> str:
    bf16 = "bfloat16 in hardware" if device.has_bf16 else "bfloat16 emulated"
    if device.bf16_speed is not None:
        bf16 = f"bfloat16 at {device.bf16_speed:.2g} × the speed of float32"
    return bf16 if device.memory_gb is None else f"{device.memory_gb:.0f} GB, {bf16}"


def _print_rows(rows: list[dict[str, Any]], out: Console) -> None:
    from rich.markup import escape

    out.print("\nThe rows that would be trained:")
    for check in rows:
        mark = "[green]ok[/green]" if check["ok"] else "[red]no[/red]"
        out.print(f"  {mark} {escape(check['name'])}: {escape(check['detail'])}")
