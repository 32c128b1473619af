"""Suppression of small cells: no published mean or share describes fewer than min_cohort subjects.

The rule, for means and shares of everyone and of cohorts (k stands for min_cohort):

1. A number about fewer than k subjects is withheld. If k is at least 3, a number is also withheld if one subject
wrote more than half of its texts, because it says what that subject wrote (dominance). Both kinds are called small.
2. Longer windows may not reveal a withheld day. Single days are published only in weeks without a small day. Any
other week is one piece. A 7- or 28-day mean is published only if it consists of complete pieces, none withheld.
3. Totals may not reveal a withheld day either. In a week in which some cohort has a small day, every cohort is
published only as a whole week. If a cohort's week is withheld, the smallest publishable cohort is withheld with it.
Everyone minus the published cohorts is then about k subjects or more. Hours of a weekday are treated the same.
4. In a report of mode aggregate the share of texts labelled high risk is also about the subjects who wrote them. If
there are some, but fewer than k, or if one of them wrote more than half of these texts, the day or week is small for
the share, and rules 2 and 3 hold for the share with these days and weeks, too. A share of 0 may be shown. No
report has the share of an hour.
5. A forecast smooths over months. It is published, rounded, if the newest week is published.
6. A count of people, such as those at the line, is about the people that it counts and about those that it leaves
out. In a report that shows no single people, it is published only if each of these groups is empty or has k people or
more, so 0 may be shown. Counts of alerts and passages follow their people, and a change follows the counts of both
weeks. No difference of two published counts may tell of fewer either. The table of signs says "at least n people"
where too few are left out, and in every report "fewer than k people" where too few are counted. A report that shows
people by their codes shows its counts of them, too.

Not covered are the numbers that say how much was read: texts and rows on record, scored, cut, rejected, and their
subjects.

All other published numbers, and all that can be computed from them, consist of pieces of at least k subjects each.
Weeks end on the weekday of the report's last day, so the rule holds within one report, not between two reports: these
differ by the texts of the days between them, which may be by fewer than k subjects. Values in pages and pictures are
therefore rounded to what is shown (DECIMALS), and the page states this limit. A report of some cohorts differs from
one about everyone by the other cohorts; a warning tells if these have fewer than k subjects. Rows and pages about
one subject are not covered by these rules; they carry no name instead. After Hundepool et al., "Statistical
Disclosure Control" (2012), on secondary suppression.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

DECIMALS = 3  # of values in pages and pictures, which show shares as 12.3%
MEASURES = (
    *("n", "n_days", "n_high", "n_subjects", "n_top", "share_high", "share_high_lo", "share_high_hi"),
    *("n_high_subjects", "n_high_top"),
    *("p_low", "p_mid", "p_high", "p_sadness", "p_joy", "p_love", "p_anger", "p_fear", "p_surprise"),
)
SHARES = ("n_high", "share_high", "share_high_lo", "share_high_hi")


@dataclass(frozen=True)
class Pieces:
    """The division of time for one series. Weeks are numbered back from as_of; the newest is 0.

    whole: weeks without values of single days.
    hidden: weeks that are withheld.
    """

    as_of: dt.date
    undivided: frozenset[int] = frozenset()
    withheld_weeks: frozenset[int] = frozenset()

    def allows(self, day: dt.date, length: int) -> bool:
        """Whether the window of `length` days that ends on `day` consists of complete pieces, none withheld."""
        before = day - dt.timedelta(days=length)
        weeks = range(self._week(day), self._week(before + dt.timedelta(days=1)) + 1)
        return self._is_cut(day) and self._is_cut(before) and self.withheld_weeks.isdisjoint(weeks)

    def allowed(self, days: pl.Series, length: int) -> pl.Series:
        """For each day, whether the window of `length` days that ends on it is allowed."""
        return pl.Series([self.allows(day, length) for day in days], dtype=pl.Boolean)

    def days_by_day(self, most: int) -> int:
        """Number of the newest days, at most `most`, that may all be published one by one."""
        first = min(self.undivided | self.withheld_weeks, default=most)
        return min(most, 7 * first)

    def _week(self, day: dt.date) -> int:
        return (self.as_of - day).days // 7

    def _is_cut(self, day: dt.date) -> bool:
        """Whether a piece ends on `day`."""
        return (self.as_of - day).days % 7 == 0 or self._week(day) not in self.undivided


def small(min_cohort: int, subjects: str = "n_subjects", top: str = "n_top", n: str = "n") -> pl.Expr:
    """An expression: fewer than min_cohort subjects wrote the texts of a number, or one subject wrote over half of
    them.

    Args:
        min_cohort: the fewest subjects that a number may be about.
        subjects, top, n: columns with the numbers of subjects, of texts of the busiest subject, and of all texts.
    """
    few = pl.col(subjects) < min_cohort
    return few | (2 * pl.col(top) > pl.col(n)) if min_cohort > 2 else few


def few_high(min_cohort: int) -> pl.Expr:
    """An expression: some texts of a number are labelled high risk, and too few subjects or mostly one wrote them."""
    return (pl.col("n_high") > 0) & small(min_cohort, "n_high_subjects", "n_high_top", "n_high")


def tells_few(min_cohort: int, *groups: int) -> bool:
    """Whether one of these groups of people has somebody in it, but fewer than min_cohort people."""
    return any(0 < n < min_cohort for n in groups)


def cut(
    daily: pl.DataFrame, weekly: pl.DataFrame, as_of: dt.date, min_cohort: int, *, of_shares: bool = False
) -> dict[str | None, Pieces]:
    """The pieces of each cohort. The cohorts together are everyone, or the only cohort is everyone.

    Args:
        daily: columns cohort, day, n, n_subjects, n_top; one row per cohort and day with texts.
        weekly: columns cohort, day (the week's last), n, n_subjects, n_top; of the same texts.
        as_of: the last day of the newest week.
        min_cohort: the fewest subjects that a number may be about.
        of_shares: whether a number is also about the subjects of its texts labelled high risk; both frames then have
            n_high, n_high_subjects and n_high_top.
    """
    is_small = small(min_cohort) | few_high(min_cohort) if of_shares else small(min_cohort)
    week = (pl.lit(as_of) - pl.col("day")).dt.total_days() // 7
    small_days = daily.filter(is_small)
    undivided = frozenset(small_days.select(week).to_series().to_list())
    cells = weekly.with_columns(week=week, small=is_small)
    size = pl.col("n").sum().over("cohort")
    beside = (
        cells.with_columns(size=size, any_small=pl.col("small").any().over("week"))
        .filter(pl.col("any_small") & ~pl.col("small"))
        .sort("size", "cohort")
        .unique("week", keep="first", maintain_order=True)
    )
    withheld = pl.concat([frame.select("cohort", "week") for frame in (cells.filter("small"), beside)])
    withheld_weeks = {
        cohort: frozenset(weeks) for cohort, weeks in withheld.group_by("cohort").agg("week").iter_rows()
    }
    return {
        cohort: Pieces(as_of, undivided, withheld_weeks.get(cohort, frozenset()))
        for cohort in weekly["cohort"].unique()
    }


def windows(frame: pl.DataFrame, pieces: Pieces, length: int) -> pl.DataFrame:
    """The rows of a frame of windows of `length` days (column day: their last) that may be published."""
    return frame.filter(pieces.allowed(frame["day"], length))


def shares(frame: pl.DataFrame, pieces: Pieces, length: int) -> pl.DataFrame:
    """A frame of windows of `length` days with the shares alone that these pieces allow, without the counts about one
    subject.
    """
    allowed = pieces.allowed(frame["day"], length)
    return frame.with_columns(pl.when(allowed).then(pl.col(name)).alias(name) for name in SHARES).drop(
        "n_high_subjects", "n_high_top", strict=False
    )


def weeks(weekly: pl.DataFrame, pieces: Pieces) -> pl.DataFrame:
    """All weeks of one series, with `withheld`; a withheld week's measures are empty."""
    return _emptied(weekly.with_columns(withheld=~pieces.allowed(weekly["day"], 7)))


def hours(heat: pl.DataFrame, min_cohort: int) -> pl.DataFrame:
    """All cells of heat_weekday_hour, with `withheld`. Beside a small hour, its weekday's next smallest hour is
    withheld. n_top is about one subject, and n_high and share_high may be about few (rule 4); they are dropped.

    All days behind the hours must be published one by one.
    """
    is_small = small(min_cohort)
    rank = pl.when(~is_small).then(pl.struct("n", "hour")).rank("ordinal").over("weekday")
    beside = is_small.any().over("weekday") & (rank == 1)
    shown = heat.with_columns(withheld=is_small | beside.fill_null(False))
    return _emptied(shown.drop("n_top", "n_high", "share_high", strict=False))


def criteria(overall: pl.DataFrame, published: Sequence[str], min_cohort: int, min_left_out: int = 1) -> pl.DataFrame:
    """The rows of criteria_overall with `few`, `withheld` and `at_least`, the measures of such rows empty.

    A cohort without a page is withheld, and so is a group in which fewer than min_cohort subjects wrote. A row is
    `few` if at least one subject showed the criterion, but fewer than min_cohort did. If all subjects but fewer than
    min_left_out showed it, `at_least` takes the place of their number; otherwise it is null. The smallest rows are
    withheld until everyone minus the published cohorts is about no subject or at least min_cohort subjects, and about
    no subject or at least min_left_out subjects who did not show the criterion.
    """
    cells = overall.with_columns(
        pl.col("share").fill_null(0.0),  # null for a criterion that no text showed
        small=small(min_cohort),
        few=(pl.col("n_shown") > 0) & small(min_cohort, "n_shown_subjects", "n_shown_top", "n_shown"),
    ).to_dicts()
    for cell in cells:
        unpublished = cell["cohort"] is not None and cell["cohort"] not in published
        cell["withheld"] = unpublished or cell["small"]
        cell["n_left_out"] = cell["n_subjects"] - cell["n_shown_subjects"]
    totals = {cell["cohort"]: {**cell, "few": False} for cell in cells if cell["cohort"] is not None}
    withheld = _withheld_beside([*totals.values()], "n_subjects", min_cohort)
    for cell in cells:
        cell["withheld"] |= cell["cohort"] in withheld
        cell["few"] &= not cell["withheld"]
        cell["at_least"] = None if cell["withheld"] or cell["few"] else _at_least(cell, min_cohort, min_left_out)
    for criterion in {cell["criterion"] for cell in cells}:
        of_cohorts = [cell for cell in cells if cell["criterion"] == criterion and cell["cohort"] is not None]
        for measure, least in (("n_shown_subjects", min_cohort), ("n_left_out", min_left_out)):
            beside = _withheld_beside(of_cohorts, measure, least)
            for cell in of_cohorts:
                cell["withheld"] |= cell["cohort"] in beside
    for cell in cells:
        if _is_hidden(cell):
            cell.update(n_shown=None, n_shown_subjects=None)
        if cell["few"] or cell["withheld"]:
            cell.update(share=None)
    schema = pl.Schema(
        {**overall.schema, "withheld": pl.Boolean(), "few": pl.Boolean(), "at_least": overall.schema["n_subjects"]}
    )
    return pl.DataFrame(cells, schema=schema).drop("n", "n_top", "n_shown_top")


def _at_least(cell: dict[str, Any], min_cohort: int, min_left_out: int) -> int | None:
    """The number to show in place of n_shown_subjects; None if the count may be shown.

    It is the same for all counts that leave out fewer than min_left_out subjects, or nobody.
    """
    if min_left_out == 1 or not cell["n_shown_subjects"] or cell["n_left_out"] >= min_left_out:
        return None
    return max(min_cohort, int(cell["n_subjects"]) - min_left_out + 1)


def _is_hidden(cell: dict[str, Any]) -> bool:
    """Whether the number of people who showed the criterion is not shown."""
    return bool(cell["withheld"] or cell["few"] or cell.get("at_least") is not None)


def _withheld_beside(cells: list[dict[str, Any]], measure: str, min_cohort: int) -> set[str]:
    """The cohorts to withhold so that all hidden cells together cover no subject or at least min_cohort subjects.

    measure: the column with the numbers of subjects.
    """
    hidden = sum(cell[measure] for cell in cells if _is_hidden(cell))
    beside: set[str] = set()
    visible = [cell for cell in cells if cell[measure] and not _is_hidden(cell)]
    for cell in sorted(visible, key=lambda cell: (cell[measure], cell["cohort"])):
        if not 0 < hidden < min_cohort:
            break
        hidden += cell[measure]
        beside.add(cell["cohort"])
    return beside


def _emptied(frame: pl.DataFrame) -> pl.DataFrame:
    measures = [name for name in frame.columns if name in MEASURES or name == "p"]
    return frame.with_columns(pl.when("withheld").then(None).otherwise(pl.col(name)).alias(name) for name in measures)
