"""The transfer command: its numbers, from a scorer whose answers are fixed."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from jobs import transfer
from monitor.corpora.contrasts import Contrast, read_contrasts
from monitor.corpora.mixture import training_list
from monitor.errors import ConfigError, DataError
from monitor.evaluation import auroc, cheap_baselines
from monitor.evaluation.fifths import fifths
from tests.support.keyword_scorer import KeywordScorer


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = [("dev", f"plain line {i}", "neutral") for i in range(20)]
    rows += [("dev", f"such sadness on day {i}", "sadness") for i in range(10)]
    rows += [("dev", f"what joy on day {i}", "joy") for i in range(10)]
    comments = pl.DataFrame(rows, schema=["split", "text", "labels"], orient="row")
    comments.write_parquet(tmp_path / "goemotions_train_dev.parquet")
    posts = pl.DataFrame({"text": ["such sadness"] * 5 + ["what joy"] * 5, "label": [1] * 5 + [0] * 5})
    posts.write_parquet(tmp_path / "dreaddit_train.parquet")
    return tmp_path


@pytest.mark.slow
def test_the_measures_are_computed_from_the_scorers_answers(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(transfer, "open_scorer", lambda *_: KeywordScorer())
    transfer.command(data, tmp_path / "out")
    values = json.loads((tmp_path / "out" / "transfer.json").read_text())["values"]
    assert values["AUROC of P(high) for the sad group"][0] > 0.9
    assert values["AUROC of P(mid) + P(high) for stress"][0] == 1.0
    assert 0 <= values["neutral comments with P(high) above 0.5"][0] <= 1
    assert "Not a diagnosis" in capsys.readouterr().out


@pytest.mark.slow
def test_a_measure_without_texts_is_undefined_with_a_reason(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = data / "goemotions_train_dev.parquet"
    pl.read_parquet(path).filter(pl.col("labels") == "joy").write_parquet(path)
    monkeypatch.setattr(transfer, "open_scorer", lambda *_: KeywordScorer())
    transfer.command(data, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "transfer.json").read_text(), parse_constant=pytest.fail)
    assert record["values"]["AUROC of P(high) for the sad group"] is None
    assert record["undefined"]["AUROC of P(high) for the sad group"] == "every text is outside the group"
    assert record["undefined"]["mean confidence on neutral comments"] == "there are no such texts"
    assert "undefined: every text is outside" in capsys.readouterr().out


@pytest.mark.slow
def test_texts_that_trained_the_model_are_left_out_and_counted(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = training_list([f"such sadness on day {i}" for i in range(4)])
    monkeypatch.setattr(transfer, "open_scorer", lambda *_: KeywordScorer())
    monkeypatch.setattr(transfer, "training_hashes", lambda _: seen)
    transfer.command(data, tmp_path / "out")
    record = json.loads((tmp_path / "out" / "transfer.json").read_text())
    name = "comments: sadness, grief, remorse, disappointment"
    assert record["left_out_as_trained_on"] == {name: 4}
    (row,) = (row for row in record["contrasts"] if row["name"] == name)
    assert (row["n"], row["n_positive"]) == (36, 6)


def test_an_output_folder_that_cannot_be_written_is_refused_before_scoring(data: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"--out .*file: cannot write there"):
        transfer.command(data, tmp_path / "file", model="no/model")


def test_an_interval_holds_its_value_and_narrows_with_rows() -> None:
    few, many = (transfer.mean_with_interval(np.arange(n) % 2) for n in (20, 2000))
    assert few.low <= few.value <= few.high
    assert many.high - many.low < few.high - few.low


def test_missing_data_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="goemotions_train_dev"):
        transfer.command(tmp_path, tmp_path / "out")


def contrast(texts: list[str], positive: list[bool], source: str = "made") -> Contrast:
    return Contrast("low or not", source, tuple(texts), np.array(positive))


def test_a_contrast_reports_model_baselines_and_lead() -> None:
    texts = [f"what sadness in week {i}" for i in range(40)] + [
        f"what a plain line {i} " + "x " * (i % 7) for i in range(40)
    ]
    sides = [True] * 40 + [False] * 40
    other = contrast([*texts[:35], *texts[40:]] * 2, [*sides[:35], *sides[40:]] * 2, "another")
    row, _ = transfer.compare([contrast(texts, sides), other], KeywordScorer())
    areas = row["within_fifths"]
    assert row["n"] == 80
    assert row["n_positive"] == 40
    assert areas["auroc"]["p_high"] == (1.0, 1.0, 1.0)
    assert {"p_high", "length", "first person", "TF-IDF of other sources"} <= set(areas["auroc"])
    value, low, high = areas["lead"]
    assert value == pytest.approx(1.0 - areas["auroc"][areas["best_baseline"]][0])
    assert low <= value <= high


def test_the_tfidf_baseline_never_sees_its_own_source() -> None:
    texts = [f"code{i % 2} word" for i in range(200)]
    sides = [i % 2 == 0 for i in range(200)]
    alone = [contrast(texts, sides, "one"), contrast(texts, sides, "one")]
    row, _ = transfer.compare(alone, KeywordScorer())
    assert "TF-IDF of other sources" not in row["all"]["auroc"]


def test_a_contrast_of_one_side_is_undefined_with_its_reason() -> None:
    (row,) = transfer.compare([contrast(["a b c"] * 5, [True] * 5)], KeywordScorer())
    assert row["undefined"] == "every text is inside the group"


def test_within_fifths_length_itself_tells_nothing() -> None:
    random = np.random.default_rng(0)
    lengths = np.repeat(np.arange(1.0, 6.0), 200)
    positive = random.random(1000) < lengths / 6
    assert auroc.auroc_draws(positive, lengths)[0] > 0.65
    assert auroc.auroc_draws(positive, lengths, lengths)[0] == pytest.approx(0.5)


def test_within_fifths_equals_the_pair_weighted_mean_of_its_groups() -> None:
    random = np.random.default_rng(1)
    lengths, scores = random.integers(1, 200, 300).astype(float), random.random(300)
    positive = random.random(300) < 0.3 + 0.4 * scores
    won = pairs = 0.0
    for rows in fifths(lengths):
        for low in rows[positive[rows]]:
            for other in rows[~positive[rows]]:
                won += (scores[low] > scores[other]) + 0.5 * (scores[low] == scores[other])
                pairs += 1
    assert auroc.auroc_draws(positive, scores, lengths)[0] == pytest.approx(won / pairs)


def test_cheap_baselines_count_words_and_first_person() -> None:
    assert cheap_baselines.length(["", "one two", "I don\u2019t know"]).tolist() == [0, 2, 3]
    assert cheap_baselines.first_person_rate(["I'm low, I said", "you and me", ""]).tolist() == [0.5, 1 / 3, 0]
    scores = cheap_baselines.vader(["what a wonderful day", "this is horrible"])
    assert scores is not None
    assert scores[0] < 0 < scores[1]


def test_contrasts_are_read_from_every_file_that_is_there(data: Path) -> None:
    names = ("depression", "happy", "SuicideWatch", "Anxiety")
    forums = pl.DataFrame(
        {"subreddit": names, "title": ["a title of some length"] * 4, "body": ["and the text of a body"] * 4}
    )
    forums.write_parquet(data / "support_forums_2013.parquet")
    sides = {row.name: (len(row.texts), int(row.positive.sum())) for row in read_contrasts(data)}
    assert sides["posts: depression forums against forums of other topics"] == (3, 2)
    assert sides["posts: suicide forum against depression forum"] == (2, 1)
    assert sides["posts: stress"] == (10, 5)
    assert sides["comments: sadness, grief, remorse, disappointment"] == (40, 10)
    assert sides["written texts: a criterion or none"][0] > 1000
