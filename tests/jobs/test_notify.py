"""Notifications: what they say, what they never say, and that their addresses stay secret."""

import datetime as dt
import http.server
import json
import re
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from jobs.alerts import command as alerts
from jobs.console.interrupts import Stopped
from jobs.nightly import run_nightly
from jobs.pipeline.night import run_pipeline
from jobs.pipeline.notify import notify_of_alerts, notify_on_failure
from jobs.query import run_query
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.rules import AlertRules
from monitor.alerts.state import AlertCounts
from monitor.crisis.phrases import SHIPPED
from monitor.database.connection import Database
from monitor.errors import ConfigError, DataError, ReportError
from monitor.settings import Settings, load_settings
from tests.support.keyword_scorer import KeywordModel, KeywordScorer

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("without_pictures")]

RULES = AlertRules()
COUNTS = AlertCounts(raised=0, closed=1, open=5)
REFUSING = SecretStr("json://user:hunter2@127.0.0.1:9/")  # nobody listens at the port of `discard`


@pytest.fixture
def inbox() -> Iterator[tuple[list[SecretStr], list[dict[str, Any]]]]:
    """An address on this machine, and what was sent to it."""
    received: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield [SecretStr(f"json://user:hunter2@127.0.0.1:{server.server_port}/")], received
    server.shutdown()
    server.server_close()


Inbox = tuple[list[SecretStr], list[dict[str, Any]]]


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """A database with two open alerts of the model `m`, one that somebody has seen, and one of another model."""
    with Database(tmp_path / "risk.duckdb").writing() as con:
        for number, (model, state) in enumerate((("m", "open"), ("m", "open"), ("m", "acknowledged"), ("x", "open"))):
            con.execute(
                "INSERT INTO alerts BY NAME SELECT $id AS alert_id, $model AS model_id, 's' AS subject_id,"
                " 'level' AS rule, DATE '2026-01-05' AS opened_on, opened_on AS evidence_from,"
                " opened_on AS evidence_to, 3 AS n, 0.9 AS value, 0.5 AS threshold, $state AS state,"
                " opened_on AS state_changed_at, 'r' AS run_id, opened_on AS raised_at",
                {"id": f"a{number}", "model": model, "state": state},
            )
    return tmp_path / "risk.duckdb"


@pytest.fixture
def sad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of a night whose inbox raises alerts; report and snapshot, which take long to write, are left out."""
    monkeypatch.setattr("jobs.pipeline.night.write_report", lambda _, out, **__: out / "index.html")
    monkeypatch.setattr("jobs.pipeline.night.publish", lambda *_, **__: None)
    today = dt.datetime.now(dt.UTC).date()
    rows = [
        f"{who},{today - dt.timedelta(days=day)},only {mood} today {day}\n"
        for day in range(60)
        for who, mood in (("alice@example.org", "sadness" if day < 20 else "joy"), ("bob@example.org", "joy"))
    ]
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "alice.csv").write_text("subject_id,posted_at,text\n" + "".join(rows))
    (tmp_path / "night.toml").write_text('db = "risk.duckdb"\nsettle_s = 0\n')
    return load_settings(tmp_path / "night.toml")


def test_new_alerts_and_red_input_are_sent_as_numbers_alone(inbox: Inbox, db: Path) -> None:
    urls, received = inbox
    notify_of_alerts(urls, Database(db), "m", COUNTS, "red", RULES)
    (message,) = received
    assert message["title"] == "Risk monitor"
    assert message["message"].splitlines() == [
        "New alerts: 2; closed: 1; open: 5. The quality of the input is red. The report says more.",
        NOT_A_DIAGNOSIS,
    ]


def test_an_alert_is_sent_once_and_a_quiet_night_not_at_all(inbox: Inbox, db: Path) -> None:
    urls, received = inbox
    for _ in range(3):
        notify_of_alerts(urls, Database(db), "m", COUNTS, "yellow", RULES)
    assert len(received) == 1


@pytest.mark.slow
def test_a_night_sends_its_alerts_and_failure_without_any_name(inbox: Inbox, sad: Settings, tmp_path: Path) -> None:
    urls, received = inbox
    settings = sad.model_copy(update={"notify": tuple(urls)})
    for _ in range(2):  # the second raises none
        run_nightly(settings, KeywordScorer)
    (message,) = received
    assert re.match(r"New alerts: [1-9]\d*; closed: \d+; open: [1-9]", message["message"])
    (tmp_path / "inbox" / "alice.csv").unlink()
    (tmp_path / "inbox").rmdir()
    with pytest.raises(DataError):
        run_nightly(settings, KeywordScorer)
    assert "nightly run failed (DataError)" in received[1]["message"]
    for word in ("alice", "bob", "example", "only", str(tmp_path)):
        assert word not in json.dumps(received)


def test_alerts_are_sent_although_the_report_fails(
    inbox: Inbox, sad: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls, received = inbox

    def full(*_: object, **__: object) -> None:
        raise ConfigError("--out out/report: cannot write there")

    monkeypatch.setattr("jobs.pipeline.night.write_report", full)
    for _ in range(2):
        with pytest.raises(ReportError, match="cannot write there"):
            run_nightly(sad.model_copy(update={"notify": tuple(urls)}), KeywordScorer)
    alerts, *failures = [message["message"] for message in received]
    assert re.match(
        r"New alerts: [1-9].*The report of this run failed; `risk-monitor alerts` lists the alerts that are ",
        alerts,
    )
    assert [("run failed (ReportError)" in failure, "New alerts" in failure) for failure in failures] == [
        (True, False)
    ] * 2


@pytest.mark.parametrize("step", ["explain_alerts", "measure"])
def test_alerts_are_sent_although_a_step_between_them_and_the_report_fails(
    inbox: Inbox, sad: Settings, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    urls, received = inbox
    monkeypatch.setattr(f"jobs.pipeline.night.{step}", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run_nightly(sad.model_copy(update={"notify": tuple(urls)}), KeywordScorer)
    alerts, failure = [message["message"] for message in received]
    assert re.match(r"New alerts: [1-9].*The report of this run failed; `risk-monitor alerts` lists", alerts)
    assert "run failed (ZeroDivisionError)" in failure


def test_a_run_without_a_report_sends_people_to_the_list_of_alerts(inbox: Inbox, sad: Settings) -> None:
    urls, received = inbox
    run_pipeline(sad.model_copy(update={"notify": tuple(urls)}), KeywordScorer, "watch", report=False)
    assert re.match(r"New alerts: [^.]*\. `risk-monitor alerts` lists the alerts that are", received[0]["message"])


def test_a_faulty_crisis_list_is_a_failed_run_that_is_recorded_and_sent(inbox: Inbox, sad: Settings) -> None:
    urls, received = inbox
    run_nightly(sad, KeywordScorer)
    lost = {"notify": tuple(urls), "crisis_list": sad.db.with_name("lost.toml")}
    with pytest.raises(ConfigError, match=r"lost\.toml"):
        run_nightly(sad.model_copy(update=lost), lambda: pytest.fail("the model was loaded"))
    assert "nightly run failed (ConfigError)" in received[0]["message"]
    assert run_query(Database(sad.db), "SELECT status FROM runs ORDER BY run_id").rows == [("done",), ("failed",)]


def test_a_failed_run_sends_the_class_of_its_error(inbox: Inbox) -> None:
    urls, received = inbox
    with pytest.raises(DataError, match="alice"), notify_on_failure(urls, "nightly"):
        raise DataError("inbox/alice.csv: no column text")
    assert "nightly run failed (DataError)" in received[0]["message"]
    assert "alice" not in json.dumps(received)


def test_a_run_that_was_stopped_or_done_has_not_failed(inbox: Inbox) -> None:
    urls, received = inbox
    with notify_on_failure(urls, "nightly"):
        pass
    with pytest.raises(Stopped), notify_on_failure(urls, "nightly"):
        raise Stopped
    assert received == []


def test_alerts_of_a_night_that_failed_are_sent_by_the_next(
    inbox: Inbox, sad: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls, received = inbox
    with monkeypatch.context() as broken:
        broken.setattr("jobs.pipeline.night.measure", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run_nightly(sad, KeywordScorer)
    assert run_query(Database(sad.db), "SELECT count(*) > 0 FROM open_alerts").rows == [(True,)]
    run_nightly(sad.model_copy(update={"notify": tuple(urls)}), KeywordScorer)
    assert [message["message"][:10] for message in received] == ["New alerts"]


@pytest.mark.slow
def test_an_unsent_message_is_a_warning_and_is_sent_next_night(
    inbox: Inbox, sad: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    urls, received = inbox
    for addresses in ([REFUSING], urls, urls):
        run_nightly(sad.model_copy(update={"notify": tuple(addresses)}), KeywordScorer)
    told = "notify: address 1 rejected the message; the run itself is done; the next run tries again"
    assert capsys.readouterr().err.splitlines().count(told) == 1
    assert run_query(Database(sad.db), "SELECT status FROM runs").rows == [("done",)] * 3
    assert len(received) == 1


def test_alerts_count_as_sent_once_one_address_accepts(
    inbox: Inbox, db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    urls, received = inbox
    for _ in range(2):
        notify_of_alerts([REFUSING, *urls], Database(db), "m", COUNTS, "green", RULES)
    assert len(received) == 1
    assert capsys.readouterr().err == "notify: address 1 rejected the message; the run itself is done\n"


def test_a_failing_address_stays_secret_and_hides_no_error(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, db: Path
) -> None:
    notify_of_alerts([REFUSING], Database(db), "m", COUNTS, "red", RULES)
    with pytest.raises(DataError), notify_on_failure([REFUSING], "nightly"):
        raise DataError("the first")
    shown = "".join(capfd.readouterr()) + caplog.text
    assert "address 1 rejected the message; the run itself is done" in shown
    assert "rejected the message about this failure" in shown
    assert "hunter2" not in shown
    assert "127.0.0.1" not in shown


def test_unusable_addresses_are_refused_before_the_run_and_stay_secret(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, db: Path
) -> None:
    wrong = [REFUSING, SecretStr("nosuch://hunter2@host")]
    with (
        pytest.raises(ConfigError, match="address 2 is not a URL") as caught,
        notify_on_failure(wrong, "nightly"),
    ):
        pytest.fail("it began")
    assert "hunter2" not in str(caught.value) + "".join(capfd.readouterr())
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setattr("jobs.pipeline.notify.find_spec", lambda _: None)
    with (
        pytest.raises(ConfigError, match=r"pip install 'risk-monitor\[notify\]'"),
        notify_on_failure(wrong, "nightly"),
    ):
        pytest.fail("it began")
    with notify_on_failure([], "nightly"):
        notify_of_alerts([], Database(db), "m", COUNTS, "red", RULES)


def test_a_message_counts_new_crisis_alerts_apart(inbox: Inbox, db: Path) -> None:
    urls, received = inbox
    with Database(db).writing() as con:
        con.execute("UPDATE alerts SET rule = 'crisis' WHERE alert_id IN ('a1', 'a2', 'a3')")
    notify_of_alerts(urls, Database(db), "m", COUNTS, "green", RULES)
    assert "New alerts: 2" in received[0]["message"]
    assert "New alerts of the crisis rule: 1; a person must read them now." in received[0]["message"]


def score(db: Path, doc_id: str, p_suicidal: float, posted_at: dt.datetime | None = None) -> None:
    """Insert a score of a text of the person `s`; posted_at is in UTC, and None is the time of the score."""
    with Database(db).writing() as con:
        con.execute(
            "INSERT INTO scores BY NAME SELECT $id AS doc_id, 's' AS subject_id, 'm' AS model_id, 'c' AS cohort,"
            " timezone('UTC', now()) AS scored_at, coalesce($at, scored_at) AS posted_at,"
            " $p AS s_suicidal, 0.9 AS peak_high,"
            " 'fear' AS emotion, 'mid_risk' AS risk, 'r' AS run_id, 9 AS n_tokens, false AS truncated,"
            " 1 / 6 AS p_joy, 1 / 6 AS p_sadness, 1 / 6 AS p_love, 1 / 6 AS p_anger, 1 / 6 AS p_fear,"
            " 1 / 6 AS p_surprise, 1 / 2 AS p_low, 1 / 3 AS p_mid, 1 / 6 AS p_high, 1 / 6 AS confidence",
            {"id": doc_id, "p": p_suicidal, "at": posted_at},
        )


AGAIN = "People who wrote of a crisis again since the last message or look: 1; read it now."


@pytest.mark.parametrize("state", ["open", "acknowledged"])
def test_a_crisis_text_of_somebody_who_was_reported_is_counted_once(inbox: Inbox, db: Path, state: str) -> None:
    """The alert stays as it is, so nothing else in a message would tell of the text."""
    urls, received = inbox
    with Database(db).writing() as con:
        con.execute("UPDATE alerts SET rule = 'crisis' WHERE alert_id = 'a0'")
    score(db, "d1", 0.95)
    notify_of_alerts(urls, Database(db), "m", COUNTS, "green", RULES)
    assert AGAIN not in received[0]["message"], "a new alert says it"
    with Database(db).writing() as con:
        con.execute("UPDATE alerts SET state = $state WHERE alert_id = 'a0'", {"state": state})
    score(db, "d2", 0.4)
    notify_of_alerts(urls, Database(db), "m", COUNTS, "green", RULES)
    assert len(received) == 1, "the text is calm"
    score(db, "d3", 0.95)
    for _ in range(2):
        notify_of_alerts(urls, Database(db), "m", COUNTS, "green", RULES)
    assert AGAIN in received[1]["message"]
    assert len(received) == 2


def test_a_crisis_text_that_a_recorded_outcome_covers_is_not_counted(inbox: Inbox, db: Path) -> None:
    """An outcome leaves the state of an acknowledged alert as it is, but it is a look."""
    urls, received = inbox
    with Database(db).writing() as con:
        con.execute("UPDATE alerts SET rule = 'crisis' WHERE alert_id = 'a0'")
    notify_of_alerts(urls, Database(db), "m", COUNTS, "green", RULES)
    alerts(db=db, acknowledged="a0")
    score(db, "d1", 0.95)
    alerts(db=db, acknowledged="a0", by="Ana", outcome="contacted")
    notify_of_alerts(urls, Database(db), "m", COUNTS, "green", RULES)
    assert len(received) == 1
    score(db, "d2", 0.95)
    notify_of_alerts(urls, Database(db), "m", COUNTS, "green", RULES)
    assert AGAIN in received[1]["message"]


def test_a_crisis_text_dated_ahead_is_counted_once_when_it_is_scored(
    inbox: Inbox, db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls, received = inbox
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    with Database(db).writing() as con:
        con.execute("UPDATE alerts SET rule = 'crisis' WHERE alert_id = 'a0'")
    notify_of_alerts(urls, Database(db), "m", COUNTS, "green", RULES)
    score(db, "ahead", 0.95, now + dt.timedelta(days=3))
    for days in range(5):
        night = now + dt.timedelta(days=days, minutes=1)
        monkeypatch.setattr("jobs.pipeline.notify.utc_now", lambda night=night: night)
        monkeypatch.setattr("monitor.alerts.state.utc_now", lambda night=night: night)
        notify_of_alerts(urls, Database(db), "m", COUNTS, "green", RULES)
        assert len(received) == 2, "a message at once, and none on the day that the text bears"
    assert AGAIN in received[1]["message"]


def nights(settings: Settings, *feeds: str) -> None:
    for feed in feeds:
        number = len(list(settings.inbox.iterdir()))
        (settings.inbox / f"{number}.csv").write_text("subject_id,posted_at,text\n" + feed)
        run_nightly(settings, KeywordScorer)


@pytest.fixture
def quiet(sad: Settings, inbox: Inbox) -> Settings:
    """Settings of nights with an empty inbox and an address for messages."""
    for file in sad.inbox.iterdir():
        file.unlink()
    return sad.model_copy(update={"notify": tuple(inbox[0])})


CRISIS = "a,2025-11-01T20:00:00Z,I want to kill myself\nb,2025-11-01,only joy\n"
LATE = "a,2025-11-15T20:00:00Z,I am going to kill myself\nb,2025-11-17,only joy\n"


@pytest.mark.slow
@pytest.mark.parametrize("looked", [False, True])
def test_a_crisis_text_that_reopens_a_closed_alert_is_sent(quiet: Settings, inbox: Inbox, looked: bool) -> None:
    nights(quiet, CRISIS)
    if looked:
        ((alert_id,),) = run_query(Database(quiet.db), "SELECT alert_id FROM alerts").rows
        alerts(db=quiet.db, acknowledged=alert_id)
    nights(quiet, "b,2025-11-16,only joy\n", LATE, "b,2025-11-18,only joy\n")
    first, again = (message["message"] for message in inbox[1])
    assert "New alerts of the crisis rule: 1" in first
    assert "New alerts of the crisis rule: 1" in again


@pytest.mark.slow
def test_a_crisis_text_whose_alert_is_closed_already_is_sent_once(quiet: Settings, inbox: Inbox) -> None:
    nights(quiet, "b,2025-11-20,only joy\n", "a,2025-11-04,I want to kill myself\n", "b,2025-11-21,only joy\n")
    (message,) = inbox[1]
    assert "arrived late, when its alert was closed already: 1; read it now" in message["message"]


@pytest.mark.slow
def test_an_alert_that_was_sent_and_closed_is_not_sent_as_late(quiet: Settings, inbox: Inbox) -> None:
    nights(quiet, CRISIS, "b,2025-11-16,only joy\n", "b,2025-11-20,only joy\n")
    assert len(inbox[1]) == 1


@pytest.mark.slow
def test_what_was_done_about_crisis_alerts_follows_to_another_model(
    quiet: Settings, inbox: Inbox, capsys: pytest.CaptureFixture[str]
) -> None:
    nights(quiet, CRISIS, "b,2025-11-19,only joy\n", "a,2025-11-25,I want to kill myself\nb,2025-11-26,only joy\n")
    told = len(inbox[1])
    ids = run_query(Database(quiet.db), "SELECT alert_id FROM alerts ORDER BY opened_on").rows
    for (alert_id,) in ids:
        alerts(db=quiet.db, acknowledged=alert_id, by="Ana", outcome="contacted")
    for model_id in ("keywords-2", "keywords-1"):
        run_nightly(quiet, lambda model_id=model_id: KeywordScorer(KeywordModel(model_id=model_id)))  # type: ignore[misc]
        capsys.readouterr()
        alerts(db=quiet.db, closed=True)
        shown = capsys.readouterr().out
        assert (shown.count("Ana contacted"), shown.count("nobody has looked"), len(ids)) == (2, 0, 2)
    assert len(inbox[1]) == told


@pytest.mark.slow
def test_crisis_texts_of_long_ago_are_not_sent_at_a_first_import(quiet: Settings, inbox: Inbox) -> None:
    nights(quiet, "a,2025-01-04,I want to kill myself\nb,2025-11-20,only joy\n")
    assert inbox[1] == []


@pytest.mark.slow
def test_a_stored_text_that_a_changed_list_raises_is_sent_once(quiet: Settings, inbox: Inbox) -> None:
    """Its person has an alert that was sent already, for a text that both lists raise."""
    own, entry = quiet.db.with_name("own.toml"), 'phrase = "blue zebra"\ncriterion = "suicidal"\nwhy = "a sign"\n'
    own.write_text(f"{SHIPPED.read_text()}[[phrases]]\n{entry}")
    nights(quiet, CRISIS + "a,2025-11-02,the blue zebra came again\n")
    nights(quiet.model_copy(update={"crisis_list": own}), "b,2025-11-03,only joy\n", "b,2025-11-04,only joy\n")
    first, second = (message["message"] for message in inbox[1])
    assert "New alerts of the crisis rule: 1" in first
    assert AGAIN in second


@pytest.mark.slow
def test_wording_that_was_told_is_no_news_when_a_list_is_set_back(quiet: Settings, inbox: Inbox) -> None:
    """The other list lacks the wording, so the alert is withdrawn for a night, and comes back as it was sent."""
    other = quiet.db.with_name("other.toml")
    other.write_text('[[phrases]]\nphrase = "blue zebra"\ncriterion = "suicidal"\nwhy = "a sign"\n')
    for settings, state in ((quiet, "open"), (quiet.model_copy(update={"crisis_list": other}), "closed")) * 2:
        nights(settings, "b,2025-11-03,only joy\n" if inbox[1] else CRISIS)
        assert run_query(Database(quiet.db), "SELECT state FROM alerts").rows == [(state,)]
    nights(quiet, "b,2025-11-04,only joy\n")
    (message,) = inbox[1]
    assert "New alerts of the crisis rule: 1" in message["message"]
    nights(quiet, "a,2025-11-05,I am going to kill myself\n")
    assert AGAIN in inbox[1][1]["message"]


@pytest.mark.slow
def test_wording_that_nobody_was_told_of_is_sent_when_a_list_is_set_back(quiet: Settings, inbox: Inbox) -> None:
    own, entry = quiet.db.with_name("own.toml"), 'phrase = "blue zebra"\ncriterion = "suicidal"\nwhy = "a sign"\n'
    own.write_text(f"{SHIPPED.read_text()}[[phrases]]\n{entry}")
    nights(quiet, CRISIS + "a,2025-11-02,the blue zebra came again\n")
    changed = quiet.model_copy(update={"crisis_list": own})
    nights(changed.model_copy(update={"notify": ()}), "b,2025-11-03,only joy\n")
    nights(quiet, "c,2025-11-03,I want to kill myself\n")  # a message that does not count the text
    nights(changed, "b,2025-11-04,only joy\n")
    assert [AGAIN in message["message"] for message in inbox[1]] == [False, False, True]
