"""The limits of a run. Arms and tokens are looked at between rounds, hours and disk between arms too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from titrant.train.job import ArmOutcome

if TYPE_CHECKING:
    from pathlib import Path

    from titrant.run.session import Session


def spent_between_arms(session: Session) -> str | None:
    """Which limit forbids to begin another arm; `None` while none does."""
    limits = session.config.limits
    if limits.hours is not None and session.journal.hours() >= limits.hours:
        return f"the limit of {limits.hours:g} hours is reached"
    if limits.disk_gb is not None and size_of(session.folder.root) >= limits.disk_gb * 1e9:
        return f"the limit of {limits.disk_gb:g} GB on disk is reached"
    return None


def spent_between_rounds(session: Session) -> str | None:
    """Which limit forbids another round; the limit on arms is the ladder's own."""
    limits = session.config.limits
    if limits.tokens is not None and tokens_of(session) >= limits.tokens:
        return f"the limit of {limits.tokens:,} tokens is reached"
    return spent_between_arms(session)


def tokens_of(session: Session) -> int:
    """Trained plus generated tokens of all finished arms."""
    outcomes = [entry.outcome for entry in session.journal.arms().values() if entry.outcome]
    costs = [ArmOutcome.model_validate_json(text).cost for text in outcomes]
    return sum(cost.train_tokens + cost.generated_tokens for cost in costs)


def size_of(folder: Path) -> int:
    """Bytes of all files under a folder; files that vanish meanwhile count as nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
