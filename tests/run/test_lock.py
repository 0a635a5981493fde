import os
import subprocess
import sys
import threading
import time

import psutil
import pytest

from titrant.errors import BusyError
from titrant.run.store.folder import make_folder
from titrant.run.store.lock import Owner, end_orphans, hold, read_owner, this_process, write_owner

HOLDER = """
import sys, time
from pathlib import Path
from titrant.run.store.folder import make_folder
from titrant.run.store.lock import hold
with hold(make_folder(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_process_is_told_who_holds_the_folder(tmp_path, holder):
    with pytest.raises(BusyError) as caught, hold(make_folder(tmp_path)):
        pass
    assert f"process {holder.pid} on {os.uname().nodename} works on it" in str(caught.value)
    assert "--wait" in caught.value.do


def test_a_killed_owner_lets_go_at_once(tmp_path, holder):
    holder.kill()
    holder.wait()
    with hold(make_folder(tmp_path)):
        assert read_owner(make_folder(tmp_path)).driver.pid == os.getpid()


def test_waiting_ends_when_the_owner_does(tmp_path, holder):
    told = []
    threading.Timer(0.5, holder.kill).start()
    before = time.monotonic()
    with hold(make_folder(tmp_path), wait=True, on_wait=told.append):
        assert time.monotonic() - before >= 0.4
    assert told == [f"waiting for process {holder.pid} on {os.uname().nodename}"]


def test_the_folder_can_be_held_again_after_an_error(tmp_path):
    folder = make_folder(tmp_path)
    with pytest.raises(ZeroDivisionError), hold(folder):
        raise ZeroDivisionError
    with hold(folder):
        pass


def test_what_a_dead_owner_left_running_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("titrant.run.store.lock.ORPHAN_WAIT_S", 0.2)
    # The worker's leader is gone, a program that it started (an external trainer) goes on.
    leader = subprocess.Popen(
        ["/bin/sh", "-c", "sleep 60 & echo $!; read stay"],
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with leader:
        child = psutil.Process(int(leader.stdout.readline()))
        folder = make_folder(tmp_path)
        write_owner(folder, (this_process(leader.pid),))
        leader.kill()
        leader.wait()
        assert child.is_running()
        end_orphans(read_owner(folder))
        psutil.wait_procs([child], timeout=5)
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_has_taken_over_a_number_is_left_alone(monkeypatch):
    monkeypatch.setattr("titrant.run.store.lock.ORPHAN_WAIT_S", 0.2)
    other = subprocess.Popen(["/bin/sleep", "60"], start_new_session=True)
    with other:
        record = this_process(other.pid)
        earlier = record.model_copy(update={"created": record.created - 1000})
        end_orphans(Owner(host=os.uname().nodename, driver=earlier, workers=(earlier,)))
        assert other.poll() is None
        other.kill()


def test_nothing_is_ended_on_another_host():
    record = this_process()
    end_orphans(Owner(host="elsewhere", driver=record, workers=(record,)))


def test_a_damaged_owner_file_is_no_owner(tmp_path):
    (tmp_path / "owner.json").write_text("{")
    assert read_owner(make_folder(tmp_path)) is None
