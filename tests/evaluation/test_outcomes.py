"""Validation against outcomes: rows are checked, and the known correlation lies in its interval 95 times in 100."""

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from monitor.errors import ConfigError, DataError
from monitor.evaluation.outcome_measures import LEAST_SUBJECTS, measure_outcomes
from monitor.evaluation.outcomes import read_criterion, read_outcomes

HEAD = "subject_id,date,name,value\n"


def write(path: Path, lines: str, head: str = HEAD) -> Path:
    path.write_text(head + lines)
    return path


def as_given(_: Sequence[str]) -> dict[str, str]:
    return {}


def test_each_row_that_cannot_be_used_is_kept_with_its_reason(tmp_path: Path) -> None:
    rows = (
        "a,2026-01-01,PHQ-9,12\na,2026-01-01,phq9,14\na,2026-01-02,phq9,9\na,2026-01-02,phq9,9\n"
        "b,2026-01-01,phq9,28\nb,soon,phq9,3\n,2026-01-01,phq9,3\nb,2026-01-03,phq9,many\nb,2026-01-03,,3\n"
        "b,2026-01-04,sleep,7\nb,2026-01-05,phq9,nan\n"
    )
    outcomes, criterion = read_outcomes(write(tmp_path / "o.csv", rows), None, as_given)
    assert str(criterion) == "phq9>=10"
    assert outcomes.frame.select("number", "subject_id", "value").rows() == [(2, "a", 13.0), (4, "a", 9.0)]
    assert (outcomes.n_rows, outcomes.n_other, outcomes.n_repeated, outcomes.n_averaged) == (11, 1, 2, 1)
    assert dict(outcomes.rejects) == {
        6: "column value: outside the scale of phq9 (0 to 27)",
        7: "column date: not a date such as 2026-03-01",
        8: "column subject_id is empty",
        9: "column value: not a number",
        10: "column name is empty",
        12: "column value: outside the scale of phq9 (0 to 27)",
    }


def test_a_mistyped_date_or_number_is_never_read_as_another(tmp_path: Path) -> None:
    rows = "a,2026-01-01T09:00,phq9,4\na,2026-01-021,phq9,9\na,2026-01-03,phq9,1_0\n"
    outcomes, _ = read_outcomes(write(tmp_path / "o.csv", rows), None, as_given)
    assert outcomes.frame["number"].to_list() == [2]
    assert [number for number, _ in outcomes.rejects] == [3, 4]


def test_two_spellings_of_an_id_are_one_subject_whose_values_of_a_day_are_averaged(tmp_path: Path) -> None:
    rows = "1,2026-01-01,phq9,4\n1.0,2026-01-01,phq9,8\n2,2026-01-01,phq9,3\n"
    outcomes, _ = read_outcomes(write(tmp_path / "o.csv", rows), None, lambda _: {"1": "key1", "1.0": "key1"})
    assert outcomes.frame.select("number", "subject_id", "value").rows() == [(2, "key1", 6.0), (4, "2", 3.0)]
    assert (outcomes.n_repeated, outcomes.n_averaged) == (1, 1)


@pytest.mark.parametrize(
    ("content", "positive", "error", "message"),
    [
        ("subject,date,name,value\n", None, DataError, "lacks subject_id"),
        (HEAD + "a,2026-01-01,phq9,4\na,2026-01-01,bdi,4\n", None, ConfigError, "--positive"),
        (HEAD + "a,2026-01-01,rating,4\n", None, ConfigError, "the file has 1 name that is no well-known scale"),
        (HEAD + "a,2026-01-01,rating,4\n", "mood>=2", DataError, "no row is named mood; there are 1 name that is no"),
        (HEAD + "a,2026-01-01,rating,4\n", "rating", ConfigError, "a name, a comparison and a number"),
        (HEAD + "a,2026-01-01,phq9,99\n", None, DataError, "row 2: column value: outside"),
        (
            HEAD + "a,2026-01-01,my diary,4\nb,2026-01-01,gad7,4\n",
            "phq9>=10",
            DataError,
            "there are gad7 and 1 name that",
        ),
        ("", None, DataError, "not a CSV"),
    ],
)
def test_a_mistake_in_the_file_is_one_clear_line(
    tmp_path: Path, content: str, positive: str | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error) as caught:
        read_outcomes(write(tmp_path / "o.csv", "", content), positive, as_given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_may_be_of_any_script(tmp_path: Path) -> None:
    rows = "a,2026-01-01,憂鬱量表,12\na,2026-01-02,憂鬱 量表,4\na,2026-01-03,Qualité,9\na,2026-01-04,---,9\n"
    file = write(tmp_path / "o.csv", rows)
    outcomes, criterion = read_outcomes(file, "憂鬱量表>=10", as_given)
    assert (str(criterion), outcomes.frame["number"].to_list(), outcomes.n_other) == ("憂鬱量表>=10", [2, 3], 1)
    assert outcomes.rejects == [(5, "column name: no letter or digit")]
    decomposed = unicodedata.normalize("NFD", "qualité <= 3")
    assert read_outcomes(file, decomposed, as_given)[0].frame["number"].to_list() == [4]


def test_criterion_is_a_name_a_comparison_and_a_number() -> None:
    criterion = read_criterion(" PHQ-9 < 5 ")
    assert str(criterion) == "phq9<5"
    assert [criterion.holds(value) for value in (4.9, 5.0)] == [True, False]


def courses(rng: np.random.Generator, subjects: int, visits: int) -> tuple[np.ndarray, ...]:
    """Outcomes of persons who differ, with autocorrelated courses; signal and outcome correlate 0.6 and 0.4.

    Returns subjects, signal and outcome, each of shape (subjects * visits,). The correlation between persons is that
    of their means, 0.6; the one within persons is 0.4.
    """

    def correlated(shape: tuple[int, ...], r: float) -> tuple[np.ndarray, np.ndarray]:
        one, two = rng.normal(size=(2, *shape))
        return one, r * one + np.sqrt(1 - r * r) * two

    own = correlated((subjects, 1), 0.6)
    steps = correlated((subjects, visits), 0.4)
    within = [np.zeros((subjects, visits)) for _ in steps]
    for course, step in zip(within, steps, strict=True):
        for visit in range(visits):
            before = course[:, visit - 1] if visit else rng.normal(size=subjects) * 0
            course[:, visit] = 0.5 * before + step[:, visit]
    # the means of the courses are taken out, so that those of the persons correlate exactly as drawn
    signal, outcome = (
        persons * 2 + course - course.mean(axis=1, keepdims=True) for persons, course in zip(own, within, strict=True)
    )
    return np.repeat(np.arange(subjects), visits), signal.ravel(), outcome.ravel()


def measured(rng: np.random.Generator, subjects: int, visits: int) -> dict:
    who, signal, outcome = courses(rng, subjects, visits)
    phq9 = np.clip(8 + 3 * outcome, 0, 27)
    return measure_outcomes(who, signal, 8 + 3 * outcome, phq9 >= 10, 0.5)


@pytest.mark.slow
def test_known_correlations_lie_in_their_intervals_in_93_to_97_percent_of_200_runs() -> None:
    rng = np.random.default_rng(9)
    between = 6 / np.pi * np.arcsin(0.6 / 2)  # Spearman's correlation of normal values that correlate 0.6
    held = np.zeros((200, 2))
    for run in range(200):
        found = measured(rng, 60, 6)
        held[run] = [
            metric.low <= known <= metric.high
            for metric, known in ((found["between"], between), (found["within"], 0.4))
        ]
    assert ((held.mean(axis=0) >= 0.93) & (held.mean(axis=0) <= 0.97)).all(), held.mean(axis=0)


def test_measures_agree_with_their_definitions() -> None:
    who, signal, outcome = courses(np.random.default_rng(1), 50, 4)
    positive = outcome > 1
    found = measure_outcomes(who, signal, outcome, positive, 0.5)
    pairs = (signal[positive][:, None] > signal[~positive][None, :]).mean()
    assert found["auroc"].value == pytest.approx(pairs)
    assert found["sensitivity"].value == pytest.approx((signal[positive] >= 0.5).mean())
    assert found["specificity"].value == pytest.approx((signal[~positive] < 0.5).mean())
    x, y = (part.reshape(50, 4) for part in (signal, outcome))
    assert found["between"].value == pytest.approx(stats.spearmanr(x.mean(axis=1), y.mean(axis=1)).statistic)
    centred = [(part - part.mean(axis=1, keepdims=True)).ravel() for part in (x, y)]
    assert found["within"].value == pytest.approx(np.corrcoef(*centred)[0, 1])
    assert sum(row["n"] for row in found["calibration"]) == 200
    for name in ("auroc", "sensitivity", "specificity", "between", "within"):
        assert found[name].low < found[name].value < found[name].high


def test_under_30_subjects_everything_is_undefined() -> None:
    who, signal, outcome = courses(np.random.default_rng(1), LEAST_SUBJECTS - 1, 3)
    found = measure_outcomes(who, signal, outcome, outcome > 0, 0.0)
    assert {found[name].reason for name in ("auroc", "within", "between", "sensitivity")} == {
        "29 subjects, and 30 are needed"
    }


def test_what_does_not_vary_is_undefined_with_its_reason() -> None:
    who, signal, outcome = courses(np.random.default_rng(1), 40, 1)
    found = measure_outcomes(who, signal, outcome, outcome > -99, 0.0)
    assert found["auroc"].reason == "every outcome is positive"
    assert found["specificity"].reason == "every outcome is positive"
    assert found["within"].reason == "0 subjects have two outcomes or more, 30 are needed"
    assert measure_outcomes(who, signal * 0, outcome, outcome > 0, 0.0)["between"].value is None
