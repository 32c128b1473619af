"""What the lake did not write stays where it is, whatever it is called."""

import datetime as dt
import os
from pathlib import Path

from monitor.lake.cells import remove_cells, write_cells
from monitor.lake.compaction import compact
from monitor.lake.removal import drop_texts
from monitor.lake.shards import Lake
from monitor.lake.storage import Storage
from monitor.privacy.pseudonyms import PLAIN

HALF = f".{'a' * 32}-5.parquet.77-0123abcd.tmp"


def old(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    os.utime(path, (0, 0))
    return path


def test_only_half_written_files_of_the_lake_are_removed(tmp_path: Path) -> None:
    lake = Lake.create(Storage(str(tmp_path)), PLAIN)
    month = "month=2026-01"
    theirs = [
        old(tmp_path / "thesis" / "chapter.docx.tmp"),
        old(tmp_path / "thesis" / HALF),
        old(tmp_path / "documents" / month / "notes.tmp"),
        old(tmp_path / "cells" / "model_id=m" / month / "notes.docx"),
    ]
    ours = [old(tmp_path / folder / month / HALF) for folder in ("documents", "scores/model_id=m", "runs")]
    for run in (lambda: compact(lake, dt.date(2026, 7, 1)), lambda: drop_texts(lake, dt.datetime(2020, 1, 1))):
        for path in ours:
            old(path)
        run()
        assert not any(path.exists() for path in ours)
        assert all(path.exists() for path in theirs)


def test_files_of_a_lake_have_mode_600_whatever_the_umask(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    before = os.umask(0o777)
    try:
        storage.write_once("file", lambda stream: stream.write(b"x"))
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o600


def test_cells_that_no_longer_count_are_removed_and_nothing_else(tmp_path: Path) -> None:
    lake = Lake.create(Storage(str(tmp_path)), PLAIN)
    folder = tmp_path / "cells" / "model_id=m" / "month=2026-01"
    for call in (
        lambda: write_cells(lake, lake.list_shards(), dt.date(2026, 7, 1)),
        lambda: remove_cells(lake, ["2026-01"]),
    ):
        theirs, ours = old(folder / "notes.docx"), [old(folder / f"{'b' * 32}.parquet"), old(folder / HALF)]
        call()
        assert theirs.exists()
        assert not any(path.exists() for path in ours)
