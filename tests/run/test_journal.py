import sqlite3
import threading

import pytest

from titrant.arms import ArmSpec
from titrant.errors import DataError, ResourceError
from titrant.run.store.journal import Journal, open_journal

SPECS = [ArmSpec(strategy="random", dose=dose, seed=0) for dose in (1, 2, 4)]
IDS = [spec.arm_id for spec in SPECS]


class Clock:
    """Seconds that pass only when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def journal(tmp_path, clock):
    with Journal(tmp_path / "state.sqlite", clock=clock) as journal:
        journal.add_round(1, "{}", SPECS)
        yield journal


def states(journal):
    return {arm_id: entry.state for arm_id, entry in journal.arms().items()}


def test_an_arm_is_claimed_once(journal):
    assert journal.claim(IDS[0], "a")
    assert not journal.claim(IDS[0], "b")
    assert not journal.claim("no such arm", "a")
    assert states(journal) == {IDS[0]: "running", IDS[1]: "pending", IDS[2]: "pending"}


def test_of_many_claims_at_the_same_time_one_wins(tmp_path, journal):
    won = []

    def claim(owner):
        with Journal(tmp_path / "state.sqlite") as other:
            won.append(other.claim(IDS[1], owner))

    threads = [threading.Thread(target=claim, args=(str(i),)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False] * 7 + [True]


def test_the_end_of_an_arm_is_kept_over_a_restart(tmp_path, journal):
    journal.claim(IDS[0], "a")
    journal.settle(IDS[0], '{"arm_id": "x"}', error=None)
    journal.claim(IDS[1], "a")
    journal.settle(IDS[1], "{}", error="the loss became NaN")
    journal.close()
    with Journal(tmp_path / "state.sqlite") as again:
        found = again.arms()
        assert (found[IDS[0]].state, found[IDS[0]].outcome) == ("done", '{"arm_id": "x"}')
        assert (found[IDS[1]].state, found[IDS[1]].error) == ("failed", "the loss became NaN")
        assert found[IDS[0]].spec == SPECS[0]
        again.add_round(1, "{}", SPECS)  # known arms keep their state
        assert states(again)[IDS[0]] == "done"


def test_an_arm_that_is_put_back_can_be_claimed_again_and_counts_its_starts(journal):
    journal.claim(IDS[0], "a")
    journal.put_back([IDS[0]])
    assert journal.claim(IDS[0], "b")
    assert journal.arms()[IDS[0]].starts == 2


def test_skipped_arms_are_not_claimed(journal):
    journal.claim(IDS[0], "a")
    assert journal.skip_pending() == sorted(IDS[1:])
    assert not journal.claim(IDS[1], "a")
    assert states(journal)[IDS[0]] == "running"


def test_hours_count_every_session_up_to_its_last_sign_of_life(tmp_path, clock, journal):
    journal.begin_session("a")
    clock.now += 1800
    journal.claim(IDS[0], "a")
    journal.beat(IDS[0])
    journal.close()  # killed here: what came after the last beat is not known
    clock.now += 100_000
    with Journal(tmp_path / "state.sqlite", clock=clock) as again:
        assert again.hours() == pytest.approx(0.5)
        again.begin_session("b")
        clock.now += 900
        assert again.hours() == pytest.approx(0.75)


def test_a_failed_transaction_changes_nothing(journal):
    def half_done():
        with journal.transaction():
            journal._db.execute("DELETE FROM arms")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half_done()
    assert len(journal.arms()) == 3


def test_stages_are_noted(journal, clock):
    journal.start_stage("inputs")
    assert journal.stages() == {"inputs": "running"}
    clock.now += 1
    journal.end_stage("inputs", "hash")
    assert journal.stages() == {"inputs": "done"}


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_a_damaged_journal_is_put_aside_and_begun_anew(tmp_path, journal, damage):
    path = tmp_path / "state.sqlite"
    journal.close()
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] if damage == "cut" else b"x" * len(content))
    again, note = open_journal(path)
    with again:
        assert again.arms() == {}
    assert note is not None
    assert note.startswith("state.sqlite was damaged (")
    assert "made anew from rounds/" in note
    assert (tmp_path / "state.sqlite.damaged").exists()


def test_a_whole_journal_is_opened_without_a_note(tmp_path, journal):
    journal.close()
    again, note = open_journal(tmp_path / "state.sqlite")
    with again:
        assert note is None
        assert len(again.arms()) == 3


def test_a_journal_of_a_later_version_is_refused(tmp_path):
    path = tmp_path / "state.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(DataError, match="written by a later titrant"):
        open_journal(path)


def test_a_journal_that_cannot_be_opened_is_a_resource_error(tmp_path):
    with pytest.raises(ResourceError, match=r"the journal .* could not be written"):
        open_journal(tmp_path / "missing" / "state.sqlite")
