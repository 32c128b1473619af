"""Small cells: nothing about fewer subjects than min_cohort is shown, nor can it be computed from what is."""

import datetime as dt
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.risk import suppression
from reports.risk.suppression import Pieces
from tests.support.tries import tries

AS_OF = dt.date(2026, 2, 10)
K = 3
Text = tuple[str, str, int]  # subject, cohort, days before AS_OF
EVERY = [(subject, cohort, back) for subjects, cohort in (("abcd", "x"), ("cefgh", "y")) for subject in subjects
         for back in range(45)]  # fmt: skip
feeds = st.builds(  # two busy cohorts with some days missing, and a small one
    lambda gaps, extra: [text for text in EVERY if text not in gaps] + extra,
    st.sets(st.sampled_from(EVERY), max_size=40),
    st.lists(st.tuples(st.sampled_from("abij"), st.just("z"), st.integers(0, 45)), max_size=6),
)
sparse = st.lists(st.sampled_from(EVERY), max_size=60)


def day(back: int) -> dt.date:
    return AS_OF - dt.timedelta(days=back)


def top(texts: Sequence[Text]) -> int:
    """Number of texts of the subject with most of them."""
    return Counter(text[0] for text in texts).most_common(1)[0][1]


def cells(texts: Iterable[Text], length: int, ends: Iterable[int]) -> pl.DataFrame:
    """One row a cohort and window of `length` days with texts; a naive count."""
    found = []
    for end in ends:
        for cohort in sorted({text[1] for text in texts}):
            seen = [text for text in texts if text[1] == cohort and end <= text[2] < end + length]
            if seen:
                found.append((cohort, day(end), len(seen), len({text[0] for text in seen}), top(seen)))
    schema = {"cohort": pl.String, "day": pl.Date, "n": pl.Int64, "n_subjects": pl.Int64, "n_top": pl.Int64}
    return pl.DataFrame(found, schema, orient="row")


def shown_windows(texts: Sequence[Text]) -> list[set[tuple[str, int]]]:
    """The (cohort, day) cells that each shown number sums over, of cohorts and of everyone."""
    together = [(text[0], "all", text[2]) for text in texts]
    shown = []
    for feed in (texts, together):
        daily, weekly = cells(feed, 1, range(46)), cells(feed, 7, range(0, 46, 7))
        for cohort, pieces in suppression.cut(daily, weekly, AS_OF, K).items():
            for length, ends in ((1, range(46)), (7, range(46)), (28, range(46)), (7, range(0, 46, 7))):
                own = cells(feed, length, ends).filter(pl.col("cohort") == cohort)
                for end in suppression.windows(own, pieces, length)["day"]:
                    back = (AS_OF - end).days
                    shown.append(
                        {
                            (text[1], text[2])
                            for text in texts
                            if cohort in ("all", text[1]) and back <= text[2] < back + length
                        }
                    )
    return shown


def small_groups(texts: Sequence[Text]) -> list[set[tuple[str, int]]]:
    """The cells of each day, week and window of a cohort or of everyone that has too few subjects."""
    groups = []
    for cohort in {text[1] for text in texts} | {"all"}:
        for length in (1, 7, 28):
            for end in range(46):
                seen = [text for text in texts if cohort in ("all", text[1]) and end <= text[2] < end + length]
                if seen and (len({text[0] for text in seen}) < K or (length == 1 and 2 * top(seen) > len(seen))):
                    groups.append({(text[1], text[2]) for text in seen})
    return groups


@pytest.mark.slow
@settings(max_examples=tries(40))
@given(feeds | sparse)
def test_no_small_cell_can_be_computed_from_what_is_shown(texts: list[Text]) -> None:
    columns = sorted({(text[1], text[2]) for text in texts})

    def row(cells: set[tuple[str, int]]) -> list[float]:
        return [float(cell in cells) for cell in columns]

    groups, numbers = small_groups(texts), shown_windows(texts)
    if groups and numbers:
        shown, wanted = (np.array([row(cells) for cells in each]).T for each in (numbers, groups))
        best = np.linalg.lstsq(shown, wanted, rcond=None)[0]
        assert np.abs(shown @ best - wanted).max(axis=0).min() > 1e-6


def full_days(subjects: str, backs: Iterable[int], cohort: str = "x") -> list[Text]:
    return [(subject, cohort, back) for subject in subjects for back in backs]


def shown_days(texts: list[Text], cohort: str, length: int) -> list[int]:
    pieces = suppression.cut(cells(texts, 1, range(46)), cells(texts, 7, range(0, 46, 7)), AS_OF, K)[cohort]
    own = cells(texts, length, range(46)).filter(pl.col("cohort") == cohort)
    return sorted((AS_OF - end).days for end in suppression.windows(own, pieces, length)["day"])


def test_where_every_day_has_enough_subjects_everything_is_shown() -> None:
    texts = full_days("abc", range(40))
    assert shown_days(texts, "x", 1) == list(range(40))
    assert shown_days(texts, "x", 7) == list(range(40))
    assert shown_days(texts, "x", 28) == list(range(40))


def test_a_day_of_which_one_subject_wrote_more_than_half_counts_as_small() -> None:
    texts = full_days("abc", range(40))
    assert shown_days([*texts, *[("a", "x", 10)]], "x", 1) == list(range(40))  # half of four
    assert shown_days([*texts, *[("a", "x", 10)] * 2], "x", 1) == [*range(7), *range(14, 40)]
    assert shown_days([*texts, *[("a", "x", 10)] * 30], "x", 7) == [0, *range(14, 40)]  # the week as well


def with_high(frame: pl.DataFrame, **high: tuple[int, int, int]) -> pl.DataFrame:
    """The cells with the numbers of high texts, their subjects, and those of one subject: none but on `dBACK`."""
    names = ("n_high", "n_high_subjects", "n_high_top")
    values = [high.get(f"d{(AS_OF - end).days}", (0, 0, 0)) for end in frame["day"]]
    return frame.hstack(pl.DataFrame(values, dict.fromkeys(names, pl.Int64), orient="row"))


@pytest.mark.parametrize(
    ("of_day", "of_week", "daily", "weekly"),
    [
        ((2, 2, 1), (4, 3, 2), [*range(7), *range(14, 40)], True),  # two people on the day, three in the week
        ((4, 3, 3), (4, 3, 3), [*range(7), *range(14, 40)], False),  # three of four by one
        ((4, 3, 2), (4, 3, 2), list(range(40)), True),
    ],
)
def test_a_share_is_about_the_people_of_its_high_texts(
    of_day: tuple[int, int, int], of_week: tuple[int, int, int], daily: list[int], weekly: bool
) -> None:
    texts = full_days("abc", range(40))
    days, weeks = with_high(cells(texts, 1, range(46)), d10=of_day), with_high(cells(texts, 7, [0, 7]), d7=of_week)
    assert suppression.cut(days, weeks, AS_OF, K)["x"] == Pieces(AS_OF), "other numbers are about all who wrote"
    pieces = suppression.cut(days, weeks, AS_OF, K, of_shares=True)["x"]
    for frame, length, backs in ((days, 1, daily), (weeks, 7, [0, 7] if weekly else [0])):
        shares = frame.with_columns(share_high=0.5, share_high_lo=0.4, share_high_hi=0.6)
        shown = suppression.shares(shares, pieces, length)
        assert sorted((AS_OF - day).days for day in shown.drop_nulls("share_high")["day"]) == backs
        assert shown["n"].null_count() == 0


def test_a_small_day_is_told_only_within_its_whole_week() -> None:
    texts = [text for text in full_days("abc", range(40)) if text != ("a", "x", 10)]
    assert shown_days(texts, "x", 1) == [*range(7), *range(14, 40)]
    whole = [7, *range(14, 40)]  # windows that end with or before the small day's week
    assert shown_days(texts, "x", 7) == [0, *whole]


def test_a_withheld_week_is_in_no_longer_window() -> None:
    texts = [text for text in full_days("abc", range(40)) if text[2] // 7 != 2 or text[0] == "a"]
    assert 14 not in shown_days(texts, "x", 7)
    assert shown_days(texts, "x", 28) == list(range(21, 40))


def test_beside_a_withheld_cohort_the_smallest_other_is_withheld() -> None:
    texts = full_days("abc", range(14), "x") + full_days("defg", range(14), "y") + full_days("h", range(7), "z")
    assert shown_days(texts, "z", 7) == []
    assert 0 not in shown_days(texts, "x", 7)
    assert shown_days(texts, "y", 7)[:2] == [0, 7]
    assert shown_days(texts, "y", 1) == list(range(7, 14))  # never day by day beside a small cohort


def test_beside_a_small_hour_its_weekdays_smallest_other_is_withheld() -> None:
    heat = pl.DataFrame(
        {
            "weekday": [1, 1, 1, 2, 2, 3],
            "hour": [8, 9, 10, 8, 9, 8],
            "n": [5, 9, 7, 3, 3, 1],
            "n_subjects": [2, 9, 7, 3, 3, 1],
            "n_top": [1, 4, 1, 1, 1, 1],
            "p_high": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
        }
    )
    found = suppression.hours(heat, K)
    assert found["withheld"].to_list() == [True, False, True, False, False, True]
    assert found["p_high"].to_list() == [None, 0.2, None, 0.4, 0.5, None]
    assert suppression.hours(heat, 1)["withheld"].sum() == 0
    with_shares = heat.with_columns(n_high=1, share_high=0.2)  # a share may be about one of an hour's subjects
    assert suppression.hours(with_shares, K).columns == found.columns
    dominated = heat.with_columns(n_top=pl.Series([1, 4, 1, 2, 1, 1]))  # two of three texts are of one subject
    assert suppression.hours(dominated, K)["withheld"].to_list() == [True, False, True, True, True, True]


@pytest.mark.parametrize(("whole", "days"), [(set(), 366), ({2}, 14), ({0, 5}, 0)])
def test_hours_go_back_to_the_last_week_that_is_not_told_by_days(whole: set[int], days: int) -> None:
    assert Pieces(AS_OF, frozenset(whole)).days_by_day(366) == days
