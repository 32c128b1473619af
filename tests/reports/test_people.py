"""Cards of people: their order, what they say, what they hide, and how large a report of many people may grow."""

import datetime as dt
import json
import re
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import polars as pl
import pytest

from jobs.pipeline.report_inputs import collect_inputs
from monitor.alerts.case_log import record_case
from monitor.alerts.rules import AlertRules
from monitor.alerts.state import write_episodes
from monitor.alerts.update import apply_rules
from monitor.errors import ConfigError
from reports.risk import html, pages
from reports.risk.cards import PAGE_CARDS, SHORT, Cards
from reports.risk.comparison import against
from reports.risk.curve import draw
from reports.risk.inputs import Inputs, Options
from reports.risk.passages import marked
from reports.risk.people import GROUPS, changes, people
from reports.risk.people_pages import PeopleList
from tests.support import fake_feed

START = dt.date(2026, 1, 5)
LAST = 99
COURSES = {  # subject -> first day, last day (exclusive), mean; stretches in order
    "crisis": [(0, 100, 0.2)],
    "new": [(0, 94, 0.1), (94, 100, 0.9)],
    "high": [(0, 60, 0.1), (60, 100, 0.8)],
    "easing": [(0, 60, 0.1), (60, 93, 0.8), (93, 100, 0.1)],
    "silent": [(0, 60, 0.1), (60, 90, 0.8)],
    "stopped": [(0, 85, 0.1)],
    "left": [(0, 30, 0.1)],
    "fine": [(0, 100, 0.1)],
}


def fill(con: duckdb.DuckDBPyConnection) -> None:
    """One person for each group, two who fell silent, one who left long ago and one who is fine; a text a day."""
    texts = [
        (who, (dt.datetime.combine(START, dt.time(8)) + dt.timedelta(day)).isoformat(" ", "minutes"), p)
        for who, stretches in COURSES.items()
        for first, last, p in stretches
        for day in range(first, last)
    ]
    fake_feed.add(con, texts)
    con.execute("UPDATE documents SET text = 'text ' || doc_id || ' <b>of</b> ' || subject_id")
    con.execute(
        "INSERT INTO mentions BY NAME SELECT doc_id, subject_id, posted_at, 'p' AS phrase, 'suicidal' AS criterion,"
        " 5 AS \"first\", 8 AS \"last\", 'raised' AS state, 'l' AS list_id, 'r' AS run_id FROM documents"
        " WHERE subject_id = 'crisis' AND CAST(posted_at AS DATE) = DATE '2026-04-10'"
    )
    fake_feed.update_alerts(con, START + dt.timedelta(LAST), AlertRules(), "run-1")


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with fake_feed.database() as con:
        fill(con)
        yield con


def inputs(con: duckdb.DuckDBPyConnection, names: dict[str, str] | None = None, **options: object) -> Inputs:
    found = collect_inputs(con, None, None, Options(**{"mode": "case", **options}), names)
    assert isinstance(found, Inputs)
    return found


@pytest.fixture(scope="module")
def case(con: duckdb.DuckDBPyConnection) -> Inputs:
    """What the report of cases without any other option is made of; its queries take a second."""
    return inputs(con)


def test_a_page_says_if_it_draws_another_line_than_the_alerts_were_raised_with(case: Inputs) -> None:
    """So it is after an upgrade, before the first night, and where a command names another line."""
    note = "The rule level raised its alerts with the line 50%, and this page draws the line 60%."
    other = replace(case, options=replace(case.options, threshold=0.6))
    for found, is_told in ((case, False), (other, True)):
        alerts = next(one.lead for one in pages.pages(found) if one.file == "alerts.html")
        assert [note in text for text in (PeopleList(found).summary(), alerts)] == [is_told, is_told]
    assert (
        "draws the line" not in PeopleList(replace(other, options=replace(other.options, mode="aggregate"))).summary()
    )


def test_the_order_is_crisis_new_high_easing_silent(case: Inputs) -> None:
    found = people(case)
    assert [(one.subject_id, one.group) for one in found] == [
        ("crisis", "crisis"),
        ("new", "new"),
        ("high", "high"),
        ("easing", "easing"),
        ("silent", "silent"),
        ("stopped", "silent"),
    ]


@pytest.mark.slow
def test_whoever_was_looked_at_comes_last_in_the_group() -> None:
    with fake_feed.database() as con:
        fill(con)
        fake_feed.add(con, [("other", f"2026-04-{day:02d} 08:00", 0.95) for day in range(9, 15)])
        fake_feed.add(con, [("other", f"2026-0{m}-{day:02d} 08:00", 0.1) for m in (1, 2, 3) for day in range(6, 28)])
        fake_feed.update_alerts(con, START + dt.timedelta(LAST), AlertRules(), "run-1")
        before = inputs(con)
        assert [one.subject_id for one in people(before) if one.group == "new"] == ["other", "new"]
        record_case(con, before.code("other"), by="Ana", outcome="contacted", note="talks with us")
        after = inputs(con)
        found = [one for one in people(after) if one.group == "new"]
        assert [(one.subject_id, one.looked) for one in found] == [("new", False), ("other", True)]
        card = Cards(after).card(found[1])
        assert "contacted, Ana" in card.events[0].text
        assert card.events[0].note == "talks with us"
        assert not Cards(inputs(con, mode="people", min_cohort=1)).card(found[1]).events[0].note
        assert changes(after, found).looked[0]["subject_id"] == "other"


def test_beside_an_alert_of_this_week_no_headline_says_that_all_is_usual(case: Inputs) -> None:
    calm = {"p_7": 0.2, "signal_7": 0.2, "at_line": False, "past_mean": 0.2, "past_lo": 0.1, "past_hi": 0.3}
    found = case
    found = replace(found, people=found.people.with_columns(**{name: pl.lit(value) for name, value in calm.items()}))
    cards = {one.group: Cards(found).card(one) for one in people(found) if one.subject_id != "stopped"}
    assert cards["easing"].headline == "The score is below the alert line (50%)."
    assert cards["crisis"].headline == "Crisis alert of 10 Apr 2026: wording of the crisis list."
    assert cards["crisis"].against.startswith("The sadness score does not measure this. The score is below the")
    assert cards["new"].headline.startswith("New alert of ")
    assert cards["new"].against.startswith("The alert is about the days up to ")
    assert (
        "numbers here about the last 7 days. The score is below the alert line (50%). 20% over"
        in cards["new"].against
    )


@pytest.mark.parametrize(
    ("p", "mean", "half", "said"),
    [
        (
            0.5,
            0.2,
            0.1,
            "The score is at or above the alert line (50%). It is far higher than in their past 8 weeks.",
        ),
        (0.5, 0.4, 0.08, "The score is at or above the alert line (50%). It is higher than in their past 8 weeks."),
        (
            0.5,
            0.5,
            0.2,
            "The score is at or above the alert line (50%). It was so in the weeks before: high for weeks,",
        ),
        (0.5, 0.8, 0.1, "The score is at or above the alert line (50%). It is lower than in their past 8 weeks."),
        (0.5, 0.2, 0.4, "The score is at or above the alert line (50%). Their past is too uneven to say"),
        (0.4, 0.4, 0.1, "The score is a little below the alert line (50%); it is calm below 37.5%. It was so in the"),
        (0.2, 0.1, 0.02, "The score is below the alert line (50%). It is far higher than in their past 8 weeks."),
        (0.2, 0.2, 0.1, "The score is below the alert line (50%)."),
        (0.5, None, 0, "The score is at or above the alert line (50%)."),
    ],
)
def test_the_verdict_says_whether_a_high_score_is_new_and_gives_no_all_clear(
    case: Inputs, p: float, mean: float | None, half: float, said: str
) -> None:
    now = {"n_7": 9, "n_before": 0, "p_7": p, "signal_7": p, "past_mean": mean}
    now |= {"past_lo": None, "past_hi": None} if mean is None else {"past_lo": mean - half, "past_hi": mean + half}
    verdict, numbers = against(now, case)
    assert verdict.startswith(said)
    assert "usual" not in verdict
    assert ("usual for them is" in numbers) == (mean is not None and half <= 0.2)
    assert ("too few, to say what is usual" in numbers) == (half > 0.2)


@pytest.mark.slow
def test_the_newest_crisis_text_stands_first_and_needs_another_look() -> None:
    with fake_feed.database() as con:
        fill(con)
        days = [START + dt.timedelta(day) for day in range(LAST + 1)]
        fake_feed.add(con, [("sad", f"{day} 09:00", 0.3) for day in days])
        con.execute(
            "UPDATE scores SET s_suicidal = 0.99, peak_high = 0.9 "
            "WHERE subject_id = 'sad' AND CAST(posted_at AS DATE) = '2026-04-08'"
        )

        def order() -> list[tuple[str, str]]:
            found = inputs(con)
            listed = [one for one in people(found) if one.group == "crisis"]
            return [(one.subject_id, Cards(found).card(one).looked_text) for one in listed]

        fake_feed.update_alerts(con, START + dt.timedelta(LAST), AlertRules(), "run-1")
        con.execute("UPDATE scores SET scored_at = '2026-04-15'")
        unseen = "Nobody has looked"
        assert order() == [("crisis", unseen), ("sad", unseen)]  # 10 April before 8 April, and 20% before 30%
        codes = inputs(con).codes
        record_case(con, codes["sad"], by="Ana", outcome="contacted")
        record_case(con, codes["crisis"], by="Ana", outcome="contacted")
        assert order() == [("crisis", "Looked at"), ("sad", "Looked at")]
        con.execute(
            "UPDATE scores SET s_suicidal = 0.99, peak_high = 0.9, scored_at = '2999-01-01'"
            " WHERE subject_id = 'sad' AND CAST(posted_at AS DATE) = '2026-04-12'"
        )
        fake_feed.update_alerts(con, START + dt.timedelta(LAST), AlertRules(), "run-2")
        again = "Not looked at since the newest crisis text"
        assert order() == [("sad", again), ("crisis", "Looked at")]
        found = inputs(con)
        card = Cards(found).card(next(one for one in people(found) if one.subject_id == "sad"))
        assert card.headline.startswith("Crisis alert of 8 Apr 2026: a text that the model reads")
        assert card.against.startswith("The newest such text is of 12 Apr 2026. ")


def test_a_card_says_how_the_person_does_now_and_not_in_may(case: Inputs) -> None:
    cards = {one.subject_id: Cards(case).card(one) for one in people(case)}
    assert cards["easing"].now == "10%"
    assert (
        cards["easing"].headline == "The score is below the alert line (50%). It is lower than in their past 8 weeks."
    )
    assert cards["easing"].against.startswith("10% over 7 texts; ")
    assert cards["easing"].against.endswith("Down from 80% the week before.")
    assert cards["new"].headline.startswith("New alert of ")
    assert cards["new"].against.startswith(
        "The score is at or above the alert line (50%). It is far higher than in their past 8 weeks. 79% over 7 texts"
    )
    assert "with a mean of 10%." in cards["new"].against
    assert (
        cards["high"].headline
        == "The score is at or above the alert line (50%). It is higher than in their past 8 weeks."
    )
    assert "the mean of their past 8 weeks is 51%." in cards["high"].against
    assert cards["stopped"].headline == "No text for 15 days; the last came on 30 Mar 2026."
    assert cards["stopped"].against == "The longest pause in the 8 weeks before was 1 day."
    assert cards["stopped"].open_text == "no open alert; last text on 30 Mar 2026"
    assert cards["new"].looked_text == "Nobody has looked"
    assert cards["stopped"].commands == []  # nothing to record: no rule has raised an alert
    assert cards["new"].commands == [
        f"risk-monitor alerts --db :memory: --acknowledge {cards['new'].code} --by NAME --outcome contacted"
    ]
    assert cards["stopped"].who == f"risk-monitor who {cards['stopped'].code} --db :memory:"


def test_a_new_alert_beside_an_older_one_is_dated_and_its_reason_stands_first(case: Inputs) -> None:
    found = case
    older = found.alerts.filter((pl.col("subject_id") == "high") & pl.col("is_open")).head(1)
    newer = older.with_columns(rule=pl.lit("change"), alert_id=pl.lit("f" * 32), opened_on=dt.date(2026, 4, 13))
    others = found.alerts.filter(pl.col("subject_id") != "high")
    found = replace(found, alerts=pl.concat([newer, older, others]))
    one = next(one for one in people(found) if one.subject_id == "high")
    card = Cards(found).card(one)
    assert one.group == "new"
    assert card.title == "Alerted this week"
    assert card.headline == "New alert of 13 Apr 2026: sadder than their own past."
    assert re.fullmatch(r"2 alerts open, the oldest for \d\d days", card.open_text)
    assert [reason.rule for reason in card.reasons] == ["sadder than their own past", card.reasons[1].rule]
    assert card.reasons[0].alert == "f" * 8
    assert card.opened.startswith("Also open: ")
    assert "13 Apr 2026" not in card.opened


@pytest.mark.slow
def test_a_card_tells_which_alerts_were_looked_at_and_each_look_once() -> None:
    with fake_feed.database() as con:
        fill(con)
        con.execute(
            "UPDATE alerts SET closed_on = NULL, closed_because = NULL, state = 'open' WHERE subject_id = 'high'"
        )

        def card() -> tuple[str, list[str]]:
            found = inputs(con)
            shown = Cards(found).card(next(one for one in people(found) if one.subject_id == "high"))
            return shown.looked_text, [event.text for event in shown.events]

        ids = con.execute(
            "SELECT alert_id, opened_on < max(opened_on) OVER () FROM alerts WHERE subject_id = 'high'"
            " ORDER BY opened_on, rule"
        ).fetchall()
        newest = ids[-1][0]
        assert card() == ("Nobody has looked", [])
        con.execute("BEGIN")
        record_case(con, newest, by="Ana", outcome="contacted")
        assert card()[0] == f"{len(ids) - 1} of {len(ids)} alerts not looked at"
        con.execute("ROLLBACK")
        con.execute("BEGIN")
        older = [alert_id for alert_id, is_older in ids if is_older]
        assert older
        for alert_id in older:
            record_case(con, alert_id, by="Ana", outcome="contacted")
        assert card()[0] == "Not looked at since the newest alert"
        con.execute("ROLLBACK")
        record_case(con, inputs(con).code("high"), by="Ana", outcome="contacted", note="at once for all")
        looked, events = card()
        assert (looked, len(events)) == ("Looked at", 1)


def test_a_sign_of_death_without_a_crisis_alert_says_why(case: Inputs) -> None:
    found = case
    shown = pl.DataFrame(
        [(who, found.as_of, "suicidal", 1, 1) for who in ("new", "crisis")],
        schema=["subject_id", "day", "criterion", "n", "n_shown"],
        orient="row",
    )
    found = replace(found, signs=shown, criteria=pl.DataFrame({"cohort": ["x"]}))
    notes = {one.subject_id: Cards(found).card(one).strips_note for one in people(found)}
    assert notes["new"].startswith(
        "A text showed a weak sign of thoughts of death or self-harm. No crisis alert opened"
    )
    assert "90% in one sad text" in notes["new"]
    assert notes["crisis"] == ""


def test_the_share_of_days_on_which_the_rules_could_fire_stands_beside_the_cards(
    case: Inputs,
) -> None:
    found = case
    days = found.could_fire.row(0, named=True)
    share = f"{days['any'] / days['subject_days']:.0%}"
    assert (
        f"On {share} of all days a person had written enough texts for the rules." in PeopleList(found).page(0).order
    )
    assert share not in ("0%", "100%")


def closed_crisis(con: duckdb.DuckDBPyConnection, why: str, days_ago: int, subject: str = "fine") -> str:
    """A crisis alert of this person that closed so many days before the last day of the report; returns its id."""
    closed_on = START + dt.timedelta(LAST - days_ago)
    con.execute(
        "INSERT INTO alerts BY NAME SELECT * REPLACE (rpad($id, 32, 'c') AS alert_id, $subject AS subject_id,"
        " 'crisis' AS rule, CAST($closed AS DATE) - 15 AS opened_on, CAST($closed AS DATE) - 15 AS evidence_from,"
        " CAST($closed AS DATE) - 15 AS evidence_to, 'closed' AS state, CAST($closed AS DATE) AS closed_on,"
        " $why AS closed_because) FROM alerts WHERE subject_id = 'crisis' LIMIT 1",
        {"id": f"c{days_ago}{subject}", "subject": subject, "closed": closed_on, "why": why},
    )
    return f"c{days_ago}{subject}".ljust(32, "c")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("why", "said"), [("calm again", "14 days without another such text"), ("silent", "14 days without any text")]
)
def test_a_crisis_alert_that_closed_by_itself_unseen_has_a_card_until_somebody_looks(why: str, said: str) -> None:
    with fake_feed.database() as con:
        fill(con)
        alert_id = closed_crisis(con, why, 2)
        closed_crisis(con, why, 27, "crisis")
        closed_crisis(con, why, 28, "left")
        found = inputs(con)
        listed = people(found)
        assert [one.subject_id for one in listed][:3] == ["crisis", "fine", "new"]
        assert "left" not in {one.subject_id for one in listed}  # longer ago than CLOSED_DAYS
        cards = {one.subject_id: Cards(found).card(one) for one in listed}
        card = cards["fine"]
        assert (card.title, card.looked_text) == ("Crisis closed unseen", "Crisis alert not looked at")
        assert card.headline == (
            f"Crisis alert of 28 Mar 2026: closed on 12 Apr 2026 by itself, after {said}; nobody had looked."
        )
        assert card.against.startswith("The sadness score does not measure this.")
        assert card.reasons[0].alert == alert_id[:8]
        assert len(cards["crisis"].unseen) == 1
        assert "by itself" in cards["crisis"].unseen[0]
        news = changes(found, listed)
        assert (news.unseen, "fine" in news.calm) == (["fine"], False)
        page = "".join(html.render(one, found.words).split("<script")[0] for one in pages.pages(found))
        assert "fewer than 1 " not in page
        assert "A crisis alert closes when 14 full days have passed without another such text" in page
        assert f"closed 2026-04-12: by itself, after {said}; nobody had looked" in page
        (command,) = card.commands
        record_case(con, command.split("--acknowledge ")[1].split()[0], by="Ana", outcome="contacted")
        found = inputs(con)
        assert "fine" not in {one.subject_id for one in people(found)}
        assert ("fine" in changes(found, people(found)).calm) == (why == "calm again")


@pytest.mark.slow
def test_a_look_before_the_newest_crisis_text_does_not_make_a_closed_alert_seen() -> None:
    with fake_feed.database() as con:
        fill(con)
        alert_id = closed_crisis(con, "calm again", 2)
        record_case(con, alert_id, by="Ana", outcome="contacted")
        assert not inputs(con).closed_unseen.height
        con.execute(
            "UPDATE scores SET s_suicidal = 0.99, peak_high = 0.9, scored_at = '2999-01-01'"
            " WHERE subject_id = 'fine' AND CAST(posted_at AS DATE) = '2026-03-28'"
        )
        for days_ago in (1, 0):
            found = inputs(con)
            one = next(one for one in people(found) if one.subject_id == "fine")
            assert Cards(found).card(one).headline.endswith("; nobody had looked at the newest such text.")
            closed_crisis(con, "withdrawn", days_ago)  # a correction took a newer alert back


def test_what_changed_since_last_week_is_named(case: Inputs) -> None:
    found = case
    news = changes(found, people(found))
    assert set(news.new) == {"crisis", "new"}
    assert news.silent == ["silent"]
    assert [subject for subject, _ in news.rose] == ["new"]
    assert [subject for subject, _ in news.fell] == ["easing"]
    gone = pl.when(pl.col("subject_id") == "new").then(pl.lit("withdrawn")).otherwise("closed_because")
    withdrawn = replace(found, alerts=found.alerts.with_columns(closed_because=gone))
    assert changes(withdrawn, people(found)).new == ["crisis"]


@pytest.mark.slow
def test_texts_are_quoted_once_escaped_and_with_the_crisis_wording_marked(
    con: duckdb.DuckDBPyConnection, case: Inputs
) -> None:
    found = inputs(con, evidence=True)
    cards = {one.subject_id: Cards(found).card(one) for one in people(found)}
    lists = cards["crisis"].passages
    assert [one.title for one in lists] == ["Newest texts"]  # all equally strong
    assert re.fullmatch(
        r'text <mark class="crisis">doc</mark>-\d+ &lt;b&gt;of&lt;/b&gt; crisis', cards["crisis"].quote.html
    )
    assert re.fullmatch(r"text doc-\d+ <b>of</b> crisis", cards["crisis"].short)
    assert [one.subject_id for one in people(found) if cards[one.subject_id].quote] == ["crisis"]
    quoted = [passage.html for one in lists for passage in one.passages]
    assert len(quoted) == len(set(quoted))
    assert not case.texts.height
    assert all(not card.passages and not card.quote for card in map(Cards(case).card, people(case)))


def test_crisis_texts_that_retention_removed_are_counted_and_not_quoted() -> None:
    with fake_feed.database() as con:
        fill(con)
        con.execute("UPDATE documents SET text = NULL")
        found = inputs(con, evidence=True)
    card = next(Cards(found).card(one) for one in people(found) if one.subject_id == "crisis")
    assert (card.quote, card.short, card.passages) == (None, "", [])
    assert found.passages["passage"].to_list() == [""]


@pytest.mark.slow
def test_a_card_quotes_the_crisis_text_of_an_alert_that_closed_unseen_though_it_is_older_than_28_days() -> None:
    with fake_feed.database() as con:
        fill(con)
        closed_crisis(con, "calm again", 20)
        con.execute("UPDATE documents SET text = repeat('a dark word ', 40) || doc_id WHERE subject_id = 'fine'")
        con.execute(
            "UPDATE scores SET s_suicidal = 0.99, peak_high = 0.9, scored_at = '2026-03-10'"
            " WHERE subject_id = 'fine' AND CAST(posted_at AS DATE) = '2026-03-10'"
        )
        found = inputs(con, evidence=True)
        one = next(one for one in people(found) if one.subject_id == "fine")
        card = Cards(found).card(one)
        listed = PeopleList(found)
        overview, full = (
            html.render(pages.index(found, listed, pages.partial(pages.Page)), found.words),
            "".join(html.render(one, found.words) for one in pages.people_list(listed, pages.partial(pages.Page))),
        )
    assert card.quote is not None
    assert card.quote.when == "10 Mar 2026, 08:00"
    assert len(card.short) <= SHORT + 1
    assert card.short.endswith("dark word a…")
    assert card.short in overview
    assert card.quote.html not in overview
    assert full.count(str(card.quote.html)) == 1
    assert "bold: it adds most" in full


def test_a_crisis_text_dated_ahead_is_on_the_pages_of_the_day_on_which_it_was_scored() -> None:
    scored_on = dt.date(2026, 6, 1)  # as the feed is scored
    with fake_feed.database() as con:
        fill(con)
        fake_feed.add(con, [("crisis", "2027-04-10 20:00", 0.1), ("only", "2027-04-11 20:00", 0.1)])
        con.execute(
            "INSERT INTO mentions BY NAME SELECT doc_id, subject_id, posted_at, 'p' AS phrase, 'suicidal' AS"
            " criterion, 0 AS \"first\", 4 AS \"last\", 'raised' AS state, 'l' AS list_id, 'r' AS run_id"
            " FROM documents WHERE posted_at > '2027-01-01'"
        )
        con.execute("UPDATE scores SET s_suicidal = 0.99, peak_high = 0.9 WHERE subject_id = 'only'")
        new = apply_rules(con, fake_feed.MODEL, AlertRules())
        write_episodes(con, new.episodes, new.model_id, new.as_of, "run-2", new.rules)
        found = inputs(con, evidence=True)
    assert found.as_of == scored_on
    listed = people(found)
    assert [(one.subject_id, one.group) for one in listed[:2]] == [("crisis", "crisis"), ("only", "crisis")]
    assert [str(one.now["last_day"]) for one in listed[:2]] == ["2026-06-01", "2026-06-01"]
    quotes = [Cards(found).card(one).quote for one in listed[:2]]
    assert [quote.when for quote in quotes if quote] == ["10 Apr 2027, 20:00", "11 Apr 2027, 20:00"]
    behind = found.alerts.filter(pl.col("opened_on") == scored_on).join(found.evidence, on="alert_id")
    assert sorted(behind["subject_id"]) == ["crisis", "only"]
    assert behind["has_wording"].all()
    html.render(pages.index(found, PeopleList(found), pages.partial(pages.Page)), found.words)


@pytest.mark.parametrize("blank", ["chr(10)", "' ' || chr(160) || chr(12288) || chr(8203) || chr(10240)"])
@pytest.mark.parametrize("times", [200, 700])
def test_a_text_that_begins_with_many_blank_lines_is_quoted(blank: str, times: int) -> None:
    with fake_feed.database() as con:
        fill(con)
        closed_crisis(con, "calm again", 20)
        con.execute(
            f"UPDATE documents SET text = repeat({blank}, {times}) || repeat('a dark word ', 60)"
            " WHERE subject_id = 'fine'"
        )
        con.execute(
            "UPDATE scores SET s_suicidal = 0.99, peak_high = 0.9, scored_at = '2026-03-10'"
            " WHERE subject_id = 'fine' AND CAST(posted_at AS DATE) = '2026-03-10'"
        )
        found = inputs(con, evidence=True)
    card = Cards(found).card(next(one for one in people(found) if one.subject_id == "fine"))
    assert card.short.startswith("a dark word")
    assert card.short.endswith("…")
    quotes = [str(passage.html) for one in card.passages for passage in one.passages]
    assert {quote[:11] for quote in [str(card.quote.html), *quotes]} == {"a dark word"}


def test_marks_never_overlap_and_never_leave_the_text() -> None:
    assert marked("a<b>c", [(1, 2, "x"), (1, 4, "y"), (4, 9, "z")]) == 'a<mark class="x">&lt;</mark>b&gt;c'


def test_a_curve_has_a_gap_where_nobody_wrote() -> None:
    svg = draw({0: 0.5, 1: 0.4, 5: 0.2}, None, 0.4, 'said "so"').svg
    assert svg.count("<polyline") == 2
    assert svg.count("<circle") == 3
    assert 'class="past"' not in svg
    assert 'aria-label="said &#34;so&#34;"' in svg


@pytest.mark.slow
def test_an_aggregate_report_shows_nobody_and_refuses_to(con: duckdb.DuckDBPyConnection) -> None:
    found = inputs(con, mode="aggregate", min_cohort=2)
    text = "".join(html.render(one, found.words).split("<script")[0] for one in pages.pages(found))
    assert not [code for code in found.codes.values() if code in text]
    assert text.count("This report is about groups and shows no single people.") == 3
    for option in ("evidence", "subject_pages", "show_subjects"):
        with pytest.raises(ConfigError, match="shows no single people"):
            Options(mode="aggregate", **{option: True})


@pytest.mark.slow
def test_names_of_a_roster_stand_beside_codes_and_in_no_link(con: duckdb.DuckDBPyConnection) -> None:
    found = inputs(con, {"new": "Ana Novák", "high": "Ana Novák"}, subject_pages=True)
    shown = {one.file: html.render(one, found.words) for one in pages.pages(found)}
    for subject in ("new", "high"):
        assert f"{found.code(subject)}</a>" in shown["people.html"]
        assert f"{found.code(subject)} · Ana Novák" in shown["alerts.html"]
    assert not [target for page in shown.values() for target in re.findall(r'href="([^"]*)', page) if "Ana" in target]


def crowd(found: Inputs, n: int, looked: bool = False) -> Inputs:
    """The same inputs with n people in a crisis, each a copy of one."""
    ids = [f"p{number:05d}" for number in range(n)]
    now = found.people.filter(pl.col("subject_id") == "crisis")
    alerts = found.alerts.filter(pl.col("subject_id") == "crisis")
    texts = found.texts.filter(pl.col("subject_id") == "crisis").with_columns(text=pl.lit("&" * 600))
    copies = pl.DataFrame({"new_id": ids, "code": [f"Xu{number}" for number in range(n)]})

    def many(frame: pl.DataFrame) -> pl.DataFrame:
        out = frame.drop("code", strict=False).join(copies, how="cross").with_columns(subject_id=pl.col("new_id"))
        return out.with_columns(p_7=pl.lit(0.2)) if "p_7" in frame.columns else out

    return replace(
        found, people=many(now), alerts=many(alerts), texts=many(texts), places={one: i for i, one in enumerate(ids)}
    )


@pytest.mark.slow
def test_two_thousand_people_in_a_crisis_fill_pages_below_two_megabytes_in_order(
    con: duckdb.DuckDBPyConnection,
) -> None:
    listed = PeopleList(crowd(inputs(con, evidence=True), 2000))
    assert listed.n_pages == 2000 // PAGE_CARDS
    found = list(pages.people_list(listed, pages.partial(pages.Page)))
    assert [one.file for one in found[:2]] == ["people.html", "people-2.html"]
    for one in (found[0], found[-1]):
        page = html.render(one, listed.inputs.words)
        assert len(page.encode()) < 2_000_000
        everybody = json.loads(re.search(r'id="everybody">(.*?)</script>', page)[1])
        assert len(everybody) == 2000
        assert [row[0] for row in everybody] == [listed.inputs.code(person.subject_id) for person in listed.listed]
    order = [person.subject_id for person in listed.listed]
    assert order == sorted(order)
    assert len(listed.overview().brief) == 12


@pytest.mark.slow
def test_the_other_pages_stay_below_two_megabytes_too_and_say_what_they_leave_out() -> None:
    with fake_feed.database() as con:
        texts = [(f"p{n:04d}", f"2026-01-{day} 08:{n % 60:02d}", 0.9) for n in range(2000) for day in (15, 20)]
        fake_feed.add(con, texts)
        con.execute("UPDATE documents SET text = repeat('low <again> & ', 40) || doc_id")
        con.execute(
            "UPDATE scores SET s_suicidal = 0.99, peak_high = 0.9 WHERE CAST(posted_at AS DATE) = '2026-01-20'"
        )
        con.execute(
            "INSERT INTO mentions BY NAME SELECT doc_id, subject_id, posted_at, 'p' AS phrase,"
            " 'suicidal' AS criterion, 200 AS \"first\", 210 AS \"last\", 'raised' AS state, 'l' AS list_id,"
            " 'r' AS run_id FROM documents"
        )
        fake_feed.update_alerts(con, dt.date(2026, 1, 20), AlertRules(), "run-1")
        found = inputs(con, evidence=True)
    page = pages.partial(pages.Page)
    overview, alerts = pages.index(found, PeopleList(found), page), pages.alerts(found, page)
    for one in (overview, alerts):
        assert len(html.render(one, found.words).encode()) < 2_000_000
    said = {figure.key: figure.summary for figure in alerts.figures}
    assert said["open_alerts"].endswith("Only 400 are shown: those of the crisis rule first, then the newest.")
    assert said["crisis_passages"] == "4,000 passages. The newest 400 are shown."
    assert said["evidence"].endswith(" texts. The first 200 are shown; the cards quote more.")
    tables = {figure.key: figure.table for figure in alerts.figures}
    shown = [[row[0] for row in tables[key].rows] for key in ("open_alerts", "evidence")]
    assert list(dict.fromkeys(shown[1])) == shown[0][: len(set(shown[1]))]  # texts in the order of their alerts


@pytest.mark.slow
def test_nobody_at_all_is_said_in_a_sentence() -> None:
    with fake_feed.database() as con:
        fake_feed.add(con, [("a", f"2026-01-{day:02d} 08:00", 0.1) for day in range(5, 15)])
        fake_feed.update_alerts(con, dt.date(2026, 1, 14), AlertRules(), "run-1")
        part = PeopleList(inputs(con)).page(0)
    assert part.summary == "Nobody has an open alert, and nobody fell silent."
    assert not part.groups
    assert part.others is not None
    assert set(GROUPS) == {group for group, _ in part.filters}
