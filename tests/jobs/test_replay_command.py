"""`risk-monitor evaluate-alerts --background FILE --low FILE`: files in, tables, page and JSON out."""

import json
import random
from pathlib import Path

import polars as pl
import pytest

from jobs.cli import main
from jobs.console.app import USER_ERROR
from jobs.evaluation.replay_texts import print_replay, read_design, read_pool, run_replay
from monitor.alerts.rules import AlertRules
from monitor.corpora.mixture import training_list
from monitor.errors import ConfigError, DataError
from monitor.evaluation.replay import Design
from reports.evaluation import replay_page
from reports.style.palette import LIGHT
from tests.support.keyword_scorer import KeywordScorer

DESIGN = Design(days=40, onset=20, within=10, doses=(1.0,), least_texts=10)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people with a text a day, one with one text, a bad row; and a labelled pool."""
    folder, rng = tmp_path_factory.mktemp("replay"), random.Random(4)
    rows = [
        f"p{who},2026-01-{day + 1:02d},{day} {rng.choice(['joy', 'love'])}" for who in range(6) for day in range(31)
    ]
    lines = ["subject_id,posted_at,text", *rows, "lone,2026-01-05,joy", "bad,no date,joy"]
    (folder / "people.csv").write_text("\n".join(lines))
    pool = ["text,label", *(f"{n} sadness,1" for n in range(15)), *(f"{n} love,0" for n in range(15))]
    (folder / "forum.csv").write_text("\n".join(pool))
    return folder


@pytest.mark.slow
def test_texts_that_trained_the_model_are_left_out_of_pools_and_told(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scorer = KeywordScorer()
    given = (files / "people.csv", [files / "forum.csv"], (), DESIGN, AlertRules(), lambda: scorer, tmp_path)
    run_replay(*given, training_list([f"{n} sadness" for n in range(6)]))
    assert not {f"{n} sadness" for n in range(6)} & set(scorer.seen)
    assert {f"{n} sadness" for n in range(6, 15)} <= set(scorer.seen)
    assert "forum: 6 of 15 texts are left out, because the model was trained on them" in capsys.readouterr().err
    with pytest.raises(DataError, match="trained on every text of this pool"):
        run_replay(*given, training_list([f"{n} sadness" for n in range(15)]))


@pytest.mark.slow
def test_a_labelled_file_gives_low_and_control_pool_and_each_text_is_scored_once(
    files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scorer = KeywordScorer()
    given = (files / "people.csv", [files / "forum.csv"], (), DESIGN, AlertRules(), lambda: scorer, tmp_path)
    found = run_replay(*given)
    assert json.loads((tmp_path / "replay.json").read_text()) == json.loads(json.dumps(found))
    assert {path.name for path in tmp_path.glob("replay.*")} == {
        f"replay.{kind}" for kind in ("json", "html", "png", "svg")
    }
    assert found["people"]["used"] == 6
    assert found["rejects"] == {"background": 1, "forum": 0, "forum, other label": 0}
    rates = {(row["pool"], row["rules"]): row["detection"]["value"] for row in found["arms"]}
    assert rates["forum", "level, change, sustained"] == 1
    assert rates["forum, other label", "all four"] == rates["", "all four"] == 0
    n_seen = len(scorer.seen)
    assert run_replay(*given)["arms"] == found["arms"]
    assert len(scorer.seen) == n_seen
    print_replay(found)
    assert "forum, 100%" in capsys.readouterr().out
    page = (tmp_path / "replay.html").read_text()
    assert "Not a diagnosis" in page
    assert page.index('id="detections-table"') < page.index('id="replay"')
    assert "1 left out, fewer than 10 texts in 40 days" in page
    replay_page.detection_chart(found, LIGHT).to_dict()  # held to the schema of Vega-Lite


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("p.csv", "body\nsad\n", "p.csv: lacks the column text (found: body)"),
        ("p.csv", "text,label\na,1\nb,maybe\n", "p.csv, row 2, label: give 0 or 1, not 'maybe'"),
        ("p.csv", "text,label\na,1\nb,\n", "p.csv, row 2, label: give 0 or 1, not None"),
        ("p.txt", "sad\n", "p.txt: a pool is a .csv, .jsonl or .parquet file"),
        ("p.parquet", "no parquet", "p.parquet: cannot read this file"),
        ("p.jsonl", "{", "p.jsonl: cannot read this file"),
    ],
)
def test_a_pool_that_cannot_be_used_is_one_line(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as error:
        list(read_pool(tmp_path / name, is_low=True))
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_time_without_end_in_a_pool_is_no_time(tmp_path: Path) -> None:
    times = pl.Series([2**63 - 1, 1_767_225_600_000_000]).cast(pl.Datetime("us"))
    pl.DataFrame({"posted_at": times, "text": ["sad", "joy"]}).write_parquet(tmp_path / "p.parquet")
    ((_, _, rows),) = read_pool(tmp_path / "p.parquet", is_low=True)
    assert rows["posted_at"].to_list() == [None, "2026-01-01 00:00:00.000000"]


def test_two_pools_of_one_name_and_an_empty_pool_are_refused(files: Path, tmp_path: Path) -> None:
    (tmp_path / "forum.csv").write_text("text\n")
    people, load = files / "people.csv", KeywordScorer
    with pytest.raises(ConfigError, match="two pools are called forum"):
        run_replay(people, [files / "forum.csv"], [tmp_path / "forum.csv"], DESIGN, AlertRules(), load, tmp_path)
    with pytest.raises(DataError, match="forum: this pool has no texts"):
        run_replay(people, [tmp_path / "forum.csv"], (), DESIGN, AlertRules(), load, tmp_path)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"days": 1}, "--days 1: give 2 to"),
        ({"onset": 120}, "--onset 120: give a day from 1 to 119"),
        ({"within": 60}, "--within 60: 60 days of a timeline are left from day 60 on"),
        ({"dose": "half"}, "--dose 'half': give numbers with commas"),
        ({"dose": "0,1.5"}, "--dose '0,1.5': give numbers above 0 and up to 1"),
        ({"dose": "nan"}, "--dose 'nan': give numbers above 0"),
        ({"incidence": ""}, "--incidence '': give numbers"),
        ({"least_texts": 0}, "--least-texts 0"),
    ],
)
def test_a_design_out_of_range_names_its_option(changed: dict, told: str) -> None:
    given = {"days": 120, "onset": None, "within": 21, "dose": "1,0.5,1", "incidence": "0.2", "least_texts": 20}
    assert read_design(**given, seed=1, in_order=False).doses == (0.5, 1.0)
    with pytest.raises(ConfigError) as error:
        read_design(**(given | changed), seed=1, in_order=False)
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--background", "b.csv"], "needs both --background and --low"),
        (["--control", "c.csv"], "needs both --background and --low"),
        (["--background", "b.csv", "--low", "l.csv", "--seeds", "2"], "--background does not use --seeds"),
        (["--background", "b.csv", "--low", "no.csv"], "no.csv: cannot read this file"),
    ],
)
def test_a_wrong_call_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], told: str
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["evaluate-alerts", *words, "--out", str(tmp_path / "out")])
    assert stop.value.code == USER_ERROR
    assert told in capsys.readouterr().err
