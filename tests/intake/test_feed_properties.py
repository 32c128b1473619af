"""Whatever is read: valid + rejected = rows there, and the format of a file changes no subject and no document."""

import csv
import io
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.pipeline.inbox import complete_files
from monitor.intake.documents import read_documents
from monitor.intake.feeds import Feed
from tests.support.inputs import write

NAMES = ("Who", "When", "Morning", "Evening", "Sleep")
FEED = Feed(subject_id="who", posted_at="when", text=("Morning", "Evening"), measures="sleep", day_first=True)
IDS = st.sampled_from(["anna", "Anna", "7", "07", "a b", "ünal", "", "x" * 600]) | st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n"), max_size=4
)
TIMES = st.sampled_from(["05/10/2026 18:00", "2026-10-05", "31/02/2026", "1791219600", "5 Oct 2026", "never", ""])
TEXTS = st.sampled_from(["fine", 'sad, "very"; so', "two\nlines", "", "  ", "naïve ☹", "'", "=1+1"])
ROWS = st.lists(
    st.tuples(IDS, TIMES, TEXTS, TEXTS, st.sampled_from(["7,5", "8", "", "n/a"])), min_size=1, max_size=12
)


def written(folder: Path, rows: list[tuple[str, ...]]) -> list[Path]:
    """The same rows as CSV with two delimiters, JSON lines, a JSON array and Parquet."""
    files = []
    for name, delimiter in (("a.csv", ","), ("b.tsv", "\t")):
        out = io.StringIO()
        csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([NAMES, *rows])
        files.append(write(folder / name, out.getvalue()))
    objects = [dict(zip(NAMES, row, strict=True)) for row in rows]
    files.append(write(folder / "c.ndjson", "".join(json.dumps(row) + "\n" for row in objects)))
    files.append(write(folder / "d.json", json.dumps(objects, indent=1, ensure_ascii=False)))
    pl.DataFrame(objects).write_parquet(folder / "e.parquet")
    return [*files, folder / "e.parquet"]


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(rows=ROWS, chunk_rows=st.integers(1, 20))
def test_every_format_gives_the_same_documents_and_no_row_is_lost(
    rows: list[tuple[str, ...]], chunk_rows: int
) -> None:
    results = []
    with TemporaryDirectory() as name:
        for path in written(Path(name), rows):
            chunks = list(read_documents(path, chunk_rows, feed=FEED))
            n_told = sum(chunk.n_valid + chunk.rejects.height + chunk.n_not_texts for chunk in chunks)
            assert n_told == len(rows), path.name
            documents = [row[1:] for chunk in chunks for row in chunk.documents.rows()]
            refused = [row for chunk in chunks for row in chunk.rejects.select("column", "reason").rows()]
            measures = [row[1:] for chunk in chunks for row in chunk.measures.rows()]
            results.append((documents, sorted(refused, key=repr), measures))
    assert all(result == results[0] for result in results)


def test_subfolders_and_links_of_an_inbox_are_read_or_named(tmp_path: Path, capsys: object) -> None:
    for place in ("forms/week1", "slack", ".hidden"):
        (tmp_path / place).mkdir(parents=True)
    write(tmp_path / "forms/week1/a.csv", "x\n")
    write(tmp_path / "slack/a.json", "[]")
    write(tmp_path / ".hidden/a.csv", "x\n")
    write(tmp_path / "chat.txt", "x\n")
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere.csv")
    feeds = [Feed(files="forms/**/*.csv"), Feed(files="chat.txt", preset="whatsapp")]
    names = [str(path.relative_to(tmp_path)) for path in complete_files(tmp_path, 0, feeds)]
    assert sorted(names) == ["chat.txt", "forms/week1/a.csv"]
    said = capsys.readouterr().err  # type: ignore[attr-defined]
    assert "gone.csv is a link that leads nowhere" in said
    assert "no feed names files of these subfolders" in said
    assert "slack" in said
    assert "hidden" not in said
