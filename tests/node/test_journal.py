"""The vote journal: what was synced is there after any crash, and damage is never guessed about."""

import errno
import os
import subprocess
import sys
import textwrap
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consensus import Nullify, VerdictGiven, Vote, VoteSeen
from ledger.keys import KeyPair
from node.failpoints import Failpoint
from node.journal import Journal, JournalCorrupt, JournalFailed, JournalForeign
from node.journal_folder import JournalFolder, JournalLocked
from node.journal_format import (
    FORMAT_VERSION,
    SALT_BYTES,
    Entry,
    FloorMark,
    JournalIdentity,
    KeptBlock,
    encode_frame,
)

IDENTITY = JournalIdentity(
    FORMAT_VERSION, b"\x07" * 32, 3, KeyPair(b"\x01" * 32).public_key, b"\x05" * SALT_BYTES
)


def vote(view: int) -> VoteSeen:
    return VoteSeen(Vote(Nullify(3, view), 0, bytes([view % 256]) * 64))


def batch(view: int) -> list[Entry]:
    """Return a batch of every kind of entry."""
    kept = KeptBlock(view, bytes([view % 256]) * 32, bytes(range(view % 200)))
    return [kept, vote(view), VerdictGiven(view, kept.block_id, view % 2 == 0)]


def reopened(path: Path) -> Journal:
    journal = Journal(path, IDENTITY)
    journal.close()
    return journal


def written(path: Path, batches: int) -> list[int]:
    """Write batches 1 …; return the file's size after each, the header first."""
    journal = Journal.create(path, IDENTITY)
    sizes = [journal.size_bytes]
    for view in range(1, batches + 1):
        journal.append(batch(view))
        sizes.append(journal.size_bytes)
    journal.close()
    return sizes


def entries_up_to(batches: int) -> tuple[Entry, ...]:
    return tuple(entry for view in range(1, batches + 1) for entry in batch(view))


def test_what_was_appended_is_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, 5)
    journal = reopened(path)
    assert journal.entries == entries_up_to(5)
    assert journal.torn is None


def test_appending_goes_on_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, 2)
    journal = Journal(path, IDENTITY)
    journal.append(batch(3))
    journal.close()
    assert reopened(path).entries == entries_up_to(3)


def test_a_journal_is_private_and_not_made_twice(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, 1)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        Journal.create(path, IDENTITY)


@settings(max_examples=60)
@given(data=st.data())
def test_a_crash_loses_at_most_the_batch_that_was_not_synced(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """The last write may be cut anywhere, and any of its bytes may be zero or garbage."""
    path = tmp_path_factory.mktemp("journal") / "j"
    batches = data.draw(st.integers(1, 4))
    sizes = written(path, batches)
    whole = path.read_bytes()
    synced, end = sizes[-2], sizes[-1]
    cut = data.draw(st.integers(synced, end - 1))
    tail = bytearray(whole[synced:cut]) + bytearray(data.draw(st.sampled_from([0, 1, 4096])))
    for _ in range(data.draw(st.integers(0, 3))):
        if tail:
            tail[data.draw(st.integers(0, len(tail) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(whole[:synced] + bytes(tail))
    journal = Journal(path, IDENTITY)
    assert journal.entries == entries_up_to(batches - 1)
    assert (journal.torn is not None) == bool(tail)
    assert journal.torn is None or journal.torn.dropped_bytes == len(tail)
    journal.append(batch(batches))
    journal.close()
    assert reopened(path).entries == entries_up_to(batches)


@settings(max_examples=60)
@given(data=st.data())
def test_damage_before_a_whole_batch_is_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    sizes = written(path, 4)
    damaged = bytearray(path.read_bytes())
    damaged[data.draw(st.integers(0, sizes[-2] - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(damaged))
    with pytest.raises(JournalCorrupt):
        Journal(path, IDENTITY)


@settings(max_examples=30)
@given(payload=st.binary(max_size=40), salt=st.binary(max_size=SALT_BYTES), cut=st.integers(1, 99))
def test_a_frame_within_a_block_is_no_frame_of_a_file_with_another_salt(
    tmp_path_factory: pytest.TempPathFactory, payload: bytes, salt: bytes, cut: int
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    written(path, 2)
    journal = Journal(path, IDENTITY)
    pretended = encode_frame(9, payload, salt)
    journal.append([KeptBlock(3, bytes(32), pretended + bytes(100))])
    journal.close()
    path.write_bytes(path.read_bytes()[:-cut])
    assert reopened(path).entries == entries_up_to(2)


def test_each_file_has_a_salt_of_its_own(tmp_path: Path) -> None:
    with closing(folder_at(tmp_path)) as folder:
        for epoch in (0, 1):
            folder.create(epoch).close()
    first, second = ((tmp_path / f"epoch-{epoch}.journal").read_bytes() for epoch in (0, 1))
    assert first[-SALT_BYTES:] != second[-SALT_BYTES:]


def test_a_batch_that_is_missing_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j"
    sizes = written(path, 4)
    whole = path.read_bytes()
    path.write_bytes(whole[: sizes[1]] + whole[sizes[2] :])
    with pytest.raises(JournalCorrupt, match="frame 3 follows frame 1"):
        Journal(path, IDENTITY)


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("genesis_digest", b"\x08" * 32),
        ("epoch", 4),
        ("public_key", KeyPair(b"\x02" * 32).public_key),
        ("version", 9),
    ],
)
def test_the_journal_of_another_chain_epoch_key_or_format_is_refused(
    tmp_path: Path, field: str, other: object
) -> None:
    path = tmp_path / "j"
    written(path, 1)
    values = {name: getattr(IDENTITY, name) for name in IDENTITY.__struct_fields__}
    with pytest.raises(JournalForeign) as caught:
        Journal(path, JournalIdentity(**{**values, field: other}))
    assert caught.value.field == field


# Forgetting ---------------------------------------------------------------------------------


def test_a_rewrite_keeps_what_is_above_the_floor_and_says_where_it_is(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal.create(path, IDENTITY)
    for view in range(1, 6):
        journal.append(batch(view))
    journal.forget(3)
    journal.compact()
    journal.append(batch(6))
    journal.close()
    again = reopened(path)
    assert again.floor_mark == 3
    assert again.entries == (FloorMark(3), *batch(4), *batch(5), *batch(6))


def test_forgetting_rewrites_only_a_large_file_and_never_moves_back(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal.create(path, IDENTITY)
    journal.append(batch(1))
    size = journal.size_bytes
    journal.forget(1)
    assert journal.size_bytes == size
    for view in range(2, 12):
        journal.append([KeptBlock(view, bytes(32), bytes(4 * 1_048_576))])
        journal.forget(view)
        journal.forget(1)
    assert journal.size_bytes < 32 * 1_048_576
    assert journal.floor_mark == 11
    journal.close()
    assert reopened(path).floor_mark >= 8


def test_a_crash_in_a_rewrite_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written(path, 3)
    path.with_suffix(".draft").write_bytes(b"half of a rewri")
    assert reopened(path).entries == entries_up_to(3)


def test_more_blocks_than_a_frame_holds_are_read_back_in_order(tmp_path: Path) -> None:
    path = tmp_path / "j"
    journal = Journal.create(path, IDENTITY)
    blocks = [KeptBlock(view, bytes(32), bytes(4 * 1_048_576)) for view in range(1, 10)]
    journal.append([*blocks, vote(9)])
    journal.compact()
    journal.append([vote(10)])
    journal.close()
    assert reopened(path).entries == (FloorMark(0), *blocks, vote(9), vote(10))


# Failures -----------------------------------------------------------------------------------


class Recorder:
    """Notes the places in the order in which they are reached."""

    def __init__(self) -> None:
        self.places: list[Failpoint] = []

    def reached(self, place: Failpoint) -> None:
        self.places.append(place)


def test_the_places_are_passed_in_order_once_a_batch(tmp_path: Path) -> None:
    recorder = Recorder()
    journal = Journal.create(tmp_path / "j", IDENTITY, recorder)
    journal.append(batch(1))
    journal.close()
    assert recorder.places == [
        Failpoint.BEFORE_JOURNAL_APPEND,
        Failpoint.BEFORE_JOURNAL_SYNC,
        Failpoint.AFTER_JOURNAL_SYNC,
    ]


def test_a_full_disk_stops_the_journal_for_good_and_harms_nothing_before(tmp_path: Path) -> None:
    """A limit on the file's size stands for a full disk; a child process bears it."""
    path = tmp_path / "j"
    program = textwrap.dedent(
        """
        import resource, signal, sys
        from pathlib import Path
        from node.journal import Journal, JournalFailed
        from tests.node.test_journal import IDENTITY, batch
        journal = Journal.create(Path(sys.argv[1]), IDENTITY)
        journal.append(batch(1))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        limit = journal.size_bytes + 100
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        for attempt in range(2):
            try:
                journal.append(batch(2))
            except JournalFailed as error:
                print(error.code)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stdout.split() == ["JOURNAL_FAILED", "JOURNAL_FAILED"]
    journal = reopened(path)
    assert journal.entries == entries_up_to(1)
    assert journal.torn is not None


def test_a_failed_sync_is_never_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a failed sync the system may call the pages clean: a second sync would lie."""
    journal = Journal.create(tmp_path / "j", IDENTITY)

    def fails(_descriptor: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fails)
        with pytest.raises(JournalFailed):
            journal.append(batch(1))
    with pytest.raises(JournalFailed):
        journal.append(batch(1))
    journal.close()


def test_a_journal_begins_with_its_floor_or_is_not_there(tmp_path: Path) -> None:
    journal = Journal.create(tmp_path / "j", IDENTITY, floor=7)
    assert journal.floor_mark == 7
    journal.append(batch(8))
    journal.close()
    found = reopened(tmp_path / "j")
    assert found.floor_mark == 7
    assert found.torn is None
    assert found.entries[1:] == tuple(batch(8))


# The folder ---------------------------------------------------------------------------------


def folder_at(path: Path) -> JournalFolder:
    return JournalFolder(path, IDENTITY.genesis_digest, IDENTITY.public_key)


def test_a_second_process_is_refused_and_told_who_has_the_folder(tmp_path: Path) -> None:
    folder = folder_at(tmp_path / "journal")
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from node.journal_folder import JournalLocked
        from tests.node.test_journal import folder_at
        try:
            folder_at(Path(sys.argv[1]))
        except JournalLocked as error:
            print(error)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "journal")],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert f"pid {os.getpid()}" in done.stdout
    folder.close()


def test_the_lock_ends_with_its_holder(tmp_path: Path) -> None:
    first = folder_at(tmp_path / "journal")
    with pytest.raises(JournalLocked):
        folder_at(tmp_path / "journal")
    first.close()
    folder_at(tmp_path / "journal").close()


def test_journals_of_earlier_epochs_are_removed_on_request_only(tmp_path: Path) -> None:
    folder = folder_at(tmp_path / "journal")
    for epoch in (0, 1, 2):
        folder.create(epoch).close()
    assert folder.epochs() == {0, 1, 2}
    folder.remove_before(2)
    assert folder.epochs() == {2}
    folder.close()
