"""The search for crisis wording in processes of its own finds what the search in this process finds."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from jobs.pipeline.mention_search import FEWEST_TEXTS, MentionSearch, find_mentions
from jobs.pipeline.score_new import search_processes
from monitor.crisis import CrisisList
from tests.support.keyword_scorer import KeywordModel, KeywordScorer

kept: MentionSearch
TEXTS = ("we had toast and tea", "i want to die", "the boat sank again", "He said: I do not want to die.", "")


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    texts = [TEXTS[number % len(TEXTS)] for number in range(FEWEST_TEXTS + 3)]
    return pl.DataFrame({"doc_id": [f"d{number}" for number in range(len(texts))], "text": texts})


@pytest.mark.slow
def test_processes_find_the_mentions_that_this_process_finds(rows: pl.DataFrame, tmp_path: Path) -> None:
    """Also with a list of the user's own, and for a later chunk that is small."""
    own = tmp_path / "own.toml"
    own.write_text('[[phrases]]\nphrase = "boat sank"\ncriterion = "mood"\nwhy = "a test"\n', encoding="utf-8")
    for crisis in (CrisisList.read(), CrisisList.read(own)):
        expected = find_mentions(rows, crisis)
        assert expected.height >= FEWEST_TEXTS // len(TEXTS)
        with MentionSearch(crisis, 2) as search:
            first, second = search.start(rows), search.start(rows.head(7))
            assert len(multiprocessing.active_children()) >= 2
            assert first().equals(expected)
            assert second().equals(find_mentions(rows.head(7), crisis))


def test_few_texts_start_no_process(rows: pl.DataFrame) -> None:
    """A night of few texts is over before processes have started."""
    crisis, few = CrisisList.read(), rows.head(FEWEST_TEXTS - 1)
    with MentionSearch(crisis, 2) as search:
        assert search.start(few)().equals(find_mentions(few, crisis))
        assert not multiprocessing.active_children()


@pytest.mark.slow
def test_a_killed_process_loses_no_mention(rows: pl.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    """The search goes on in this process, with one warning, for the chunk in hand and for later ones."""
    crisis = CrisisList.read()
    expected = find_mentions(rows, crisis)
    with MentionSearch(crisis, 2) as search:
        assert search.start(rows)().equals(expected)
        found = search.start(rows)
        for child in multiprocessing.active_children():
            os.kill(child.pid or 0, signal.SIGKILL)
        assert found().equals(expected)
        assert search.start(rows)().equals(expected)
    assert capsys.readouterr().err.count("a process that searches for crisis wording was ended") == 1


def test_a_gpu_has_searching_processes_and_a_cpu_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU the model has the cores."""
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert search_processes(KeywordScorer()) == 0
    on_gpu = KeywordScorer(KeywordModel(device=SimpleNamespace(type="cuda")))
    assert search_processes(on_gpu) == min(3, len(os.sched_getaffinity(0)))


def _search(rows: pl.DataFrame) -> None:
    global kept
    kept = MentionSearch(CrisisList.read(), 2)  # as a worker of a lake keeps it to its end
    assert kept.start(rows)().height


@pytest.mark.slow
def test_a_process_ends_that_has_searching_processes(rows: pl.DataFrame) -> None:
    """It waits for its children, so these must be told before its queues close."""
    worker = multiprocessing.get_context("spawn").Process(target=_search, args=(rows,))
    worker.start()
    worker.join(120)
    ended = worker.exitcode
    worker.kill()
    assert ended == 0
