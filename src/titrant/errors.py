"""Every error that titrant raises on purpose, and the exit code each one ends a command with.

A user's mistake is answered with one message of three parts: what was expected, what came, and
what to do. The command line prints that message without a traceback and exits with `exit_code`.
Anything else that escapes is a bug of ours and keeps its traceback (exit code 1).

    TitrantError
    ├── ConfigError          2   the config, a flag, a name
    ├── DataError            3   a file, a pool, a benchmark, a run folder
    ├── EngineError          4   generation or scoring failed (`retryable` says whether to try again)
    ├── TrainError           5   training failed or was refused by the template doctor
    ├── ResourceError        6   disk full, folder not writable, out of memory
    ├── BusyError            7   another process works on the same run folder
    └── MissingPackageError  8   an optional package is not installed
"""

from __future__ import annotations


class TitrantError(Exception):
    """Base of all errors that a user can cause; `str()` gives the whole message."""

    exit_code = 1

    def __init__(self, what: str, *, expected: str = "", came: str = "", do: str = "") -> None:
        self.what, self.expected, self.came, self.do = what, expected, came, do
        rows = (("expected", expected), ("found", came), ("do", do))
        super().__init__("\n".join([what, *(f"  {key}: {text}" for key, text in rows if text)]))

    def __reduce__(self) -> tuple[object, ...]:
        """Cross process borders whole: keyword-only arguments do not survive default pickling."""
        return _rebuild, (type(self), self.what, self.expected, self.came, self.do)


def _rebuild(
    kind: type[TitrantError], what: str, expected: str, came: str, do: str
) -> TitrantError:
    return kind(what, expected=expected, came=came, do=do)


def in_brief(message: str) -> tuple[str, str]:
    """The first line of a message that was kept as text, and its advice ("" without one)."""
    what, *rest = message.splitlines() or [""]
    advice = (line.removeprefix("  do: ") for line in rest if line.startswith("  do: "))
    return what, next(advice, "")


class ConfigError(TitrantError):
    """A config file, a flag or a name that cannot be used."""

    exit_code = 2


def check_setting(
    whose: str, name: str, came: object, expected: str, *, is_fine: bool, do: str = ""
) -> None:
    """Refuse a setting that lies outside its range.

    Args:
        whose: "a request", "a vote".
        name: of the setting.
        came: its value.
        expected: what it may be, to stand behind the name.
        is_fine: whether it is.
        do: what helps; empty: change it.

    Raises:
        ConfigError: it is not fine.
    """
    if not is_fine:
        raise ConfigError(
            f"{whose} cannot have {name} = {came!r}",
            expected=f"{name} {expected}",
            came=repr(came),
            do=do or f"change {name}",
        )


class DataError(TitrantError):
    """A file, pool, benchmark or run folder that cannot be used."""

    exit_code = 3


class EngineError(TitrantError):
    """An engine could not generate or score."""

    exit_code = 4
    retryable = False


class TrainError(TitrantError):
    """Training failed, or the template doctor refused to start it."""

    exit_code = 5


class ResourceError(TitrantError):
    """The machine has not what the run needs: disk, memory, write permission."""

    exit_code = 6


class BusyError(TitrantError):
    """Another process works on the same run folder."""

    exit_code = 7


class MissingPackageError(TitrantError):
    """An optional package is needed and not installed."""

    exit_code = 8
