"""The scheduler on a fake clock: every night runs once, one run makes up for missed nights, and it stops cleanly."""

import datetime as dt
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers import base, blocking

from jobs import schedule
from jobs.console.app import COMMANDS
from jobs.pipeline.scheduled_jobs import ENDLESS, absolute_variables, command_lines
from jobs.schedule import Jobs, Scheduler, build_scheduler, crontab, last_night, systemd
from monitor.cron import Cron
from monitor.database import ledger
from monitor.database.connection import Database
from monitor.database.statements import SQL
from monitor.errors import ConfigError
from monitor.settings import Settings
from monitor.settings_tables import Schedule

LIMIT_S = 60
Ran = list[str]


class Clock:
    """Time that passes only while the scheduler waits."""

    def __init__(self, now: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = dt.datetime.fromisoformat(now).replace(tzinfo=dt.UTC)
        self.tick: Callable[[], None] = lambda: None
        clock = self

        class Now(dt.datetime):
            @classmethod
            def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:
                return clock.now.astimezone(tz)

        class Waiting:
            def wait(self, seconds: float) -> None:
                clock.now += dt.timedelta(seconds=min(seconds, 3600))  # the first wait is for ever
                clock.tick()

            set = clear = is_set = lambda self: None

        monkeypatch.setattr(base, "datetime", Now)
        monkeypatch.setattr(blocking, "Event", Waiting)
        monkeypatch.setattr(schedule, "utc", lambda: clock.now)

    def run(self, scheduler: Scheduler, until: str) -> None:
        """Let the time pass until `until`, UTC."""
        end, inner = dt.datetime.fromisoformat(until).replace(tzinfo=dt.UTC), self.tick

        def tick() -> None:
            inner()
            if self.now >= end and scheduler.running:
                scheduler.shutdown()

        self.tick = tick
        scheduler.start()


def nights(
    monkeypatch: pytest.MonkeyPatch,
    cron: str,
    zone: str,
    start: str,
    until: str,
    last: dt.datetime | None = None,
) -> Ran:
    """Start times of the job on the clocks of the zone, between two UTC times."""
    clock, ran = Clock(start, monkeypatch), Ran()
    when = Cron.parse(cron, zone)
    scheduler = build_scheduler(when, lambda: ran.append(f"{clock.now.astimezone(when.zone):%m-%d %H:%M %z}"), last)
    scheduler.add_executor(DebugExecutor())
    clock.run(scheduler, until)
    return ran


@pytest.mark.slow
def test_berlin_runs_once_a_night_through_both_clock_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    args = ("30 2 * * *", "Europe/Berlin")
    assert nights(monkeypatch, *args, "2026-03-27T12:00", "2026-03-30T12:00") == [
        "03-28 02:30 +0100",
        "03-29 03:00 +0200",  # 02:30 does not exist; Debian's cron runs it when the clocks have jumped
        "03-30 02:30 +0200",
    ]
    assert nights(monkeypatch, *args, "2026-10-23T12:00", "2026-10-26T12:00") == [
        "10-24 02:30 +0200",
        "10-25 02:30 +0200",
        "10-26 02:30 +0100",
    ]


@pytest.mark.slow
def test_taipei_runs_once_a_night_in_1979_and_now(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    args = ("30 0 * * *", "Asia/Taipei")
    assert nights(monkeypatch, *args, "1979-06-29T12:00", "1979-07-01T18:00") == [
        "06-30 00:30 +0800",
        "07-01 01:00 +0900",
        "07-02 00:30 +0900",
    ]
    late = ("30 23 * * *", "Asia/Taipei", "1979-09-29T12:00", "1979-10-01T18:00")
    assert nights(monkeypatch, *late) == ["09-29 23:30 +0900", "09-30 23:30 +0900", "10-01 23:30 +0800"]
    assert nights(monkeypatch, *args, "2026-03-28T12:00", "2026-03-30T18:00") == [
        "03-29 00:30 +0800",
        "03-30 00:30 +0800",
        "03-31 00:30 +0800",
    ]


def test_a_job_of_every_hour_runs_in_both_autumn_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    ran = nights(monkeypatch, "*/20 * * * *", "Europe/Berlin", "2026-10-24T22:55", "2026-10-25T02:05")
    assert ran[1:] == [  # the fake clock's first wait is an hour
        *("10-25 02:00 +0200", "10-25 02:20 +0200", "10-25 02:40 +0200"),
        *("10-25 02:00 +0100", "10-25 02:20 +0100", "10-25 02:40 +0100"),
        "10-25 03:00 +0100",
    ]


def test_one_run_at_the_start_makes_up_for_missed_nights(monkeypatch: pytest.MonkeyPatch) -> None:
    last = dt.datetime(2026, 1, 5, 2, 15)
    ran = nights(monkeypatch, "15 2 * * *", "UTC", "2026-01-09T10:00", "2026-01-11T00:00", last)
    assert ran == ["01-09 11:00 +0000", "01-10 02:15 +0000"]  # the fake clock's first wait is an hour


def test_no_run_at_the_start_without_a_missed_night(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    args = ("15 2 * * *", "UTC", "2026-01-09T10:00", "2026-01-10T12:00")
    for last in (None, dt.datetime(2026, 1, 9, 2, 15, 3), dt.datetime(2026, 1, 9, 9, 0)):
        assert nights(monkeypatch, *args, last) == ["01-10 02:15 +0000"]


def test_a_machine_that_slept_runs_once_on_waking(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ran = Clock("2026-01-05T00:00", monkeypatch), Ran()
    scheduler = build_scheduler(Cron.parse("15 2 * * *", "UTC"), lambda: ran.append(f"{clock.now:%m-%d %H:%M}"), None)
    scheduler.add_executor(DebugExecutor())

    def sleep_through_three_nights() -> None:
        if clock.now.hour == 1 and clock.now.day == 5:
            clock.now += dt.timedelta(days=3, hours=4)

    clock.tick = sleep_through_three_nights
    clock.run(scheduler, "2026-01-09T12:00")
    assert len(ran) == 2
    assert ran[0].startswith("01-08 05:")
    assert ran[1] == "01-09 02:15"


def test_a_clock_set_back_by_years_costs_no_night(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ran = Clock("2026-01-05T00:00", monkeypatch), Ran()
    scheduler = build_scheduler(
        Cron.parse("15 2 * * *", "UTC"), lambda: ran.append(f"{clock.now:%Y-%m-%d %H:%M}"), None
    )
    scheduler.add_executor(DebugExecutor())
    jumps = [dt.timedelta(days=1461), dt.timedelta(days=-1461)]

    def jump_ahead_and_back() -> None:
        if jumps and clock.now.hour == 1 and clock.now.day == 5:
            clock.now += jumps.pop(0)
        elif clock.now.day == 7:
            scheduler.shutdown()

    clock.tick = jump_ahead_and_back
    clock.run(scheduler, "2099-01-01")
    assert ran[-2:] == ["2026-01-05 02:15", "2026-01-06 02:15"]


def test_a_clock_set_back_by_minutes_doubles_no_night(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, ran = Clock("2026-01-05T00:00", monkeypatch), Ran()

    def night() -> None:
        ran.append(f"{clock.now:%m-%d %H:%M}")
        clock.now -= dt.timedelta(minutes=10)

    scheduler = build_scheduler(Cron.parse("15 2 * * *", "UTC"), night, None)
    scheduler.add_executor(DebugExecutor())
    clock.run(scheduler, "2026-01-06T12:00")
    assert ran == ["01-05 02:15", "01-06 02:15"]


def test_a_night_longer_than_a_day_never_runs_twice(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, began, go_on = Clock("2026-01-05T00:00", monkeypatch), Ran(), threading.Event()
    running = threading.Semaphore(1)

    def long() -> None:
        assert running.acquire(blocking=False), "two nights at once"
        began.append(f"{clock.now:%m-%d %H:%M}")
        started.set()
        go_on.wait(LIMIT_S)
        running.release()
        ended.set()

    started, ended = threading.Event(), threading.Event()

    def tick() -> None:
        if clock.now.day == 5 and clock.now.hour >= 3:
            assert started.wait(LIMIT_S)
        if clock.now.day == 7 and not go_on.is_set():
            go_on.set()
            assert ended.wait(LIMIT_S)

    clock.tick = tick
    clock.run(build_scheduler(Cron.parse("15 2 * * *", "UTC"), long, None), "2026-01-07T12:00")
    assert [day[:5] for day in began] == ["01-05", "01-07"]
    assert "so this one is left out" in capsys.readouterr().err


def test_the_last_night_is_the_last_completed_one(tmp_path: Path) -> None:
    db = tmp_path / "risk.duckdb"
    assert last_night(Database(db)) is None
    with Database(db).writing() as con:
        assert ledger.last_night(con, "nightly") is None
        for job, status, day in (
            ("nightly", "failed", 4), ("nightly", "done", 5), ("nightly", "stopped", 6), ("score", "done", 7),
        ):  # fmt: skip
            run = ledger.start_run(con, job, None)
            ledger.finish_run(con, run, status)
            con.execute("UPDATE runs SET started_at = ? WHERE run_id = ?", [dt.datetime(2026, 1, day), run])
    assert last_night(Database(db)) == dt.datetime(2026, 1, 5)
    with Database(db).writing() as con:  # a wrong clock wrote this; it must not suppress every night before that day
        run = ledger.start_run(con, "nightly", None)
        ledger.finish_run(con, run)
        con.execute("UPDATE runs SET started_at = TIMESTAMP '2099-01-01' WHERE run_id = ?", [run])
    assert last_night(Database(db)) == dt.datetime(2026, 1, 5)
    with Database(db).writing() as con:
        con.execute("DELETE FROM runs WHERE status = 'done'")
    assert last_night(Database(db)) == dt.datetime(2026, 1, 4), (
        "if every night failed, all since the first are missed"
    )


def start_python(code: str) -> subprocess.Popen[str]:
    """Start Python code in its own process and wait until it prints `ready`."""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        cwd=SQL.parent,
        env={**os.environ, "PYTHONPATH": str(SQL.parent)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
@pytest.mark.parametrize("numbers", [[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGINT]])
def test_a_stopped_scheduler_lets_its_child_end_and_starts_no_other(
    tmp_path: Path, numbers: list[signal.Signals]
) -> None:
    ended, second = tmp_path / "ended", tmp_path / "second"
    child = (
        "import signal, time, pathlib\n"
        "def end(*_):\n"
        f"    time.sleep(0.3); pathlib.Path({str(ended)!r}).touch(); raise SystemExit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "print('ready', flush=True)\n"
        "while True: time.sleep(0.05)\n"
    )
    process = start_python(
        "import datetime as dt, sys\nfrom pathlib import Path\nfrom jobs import schedule\n"
        "from monitor.cron import Cron\nfrom monitor.settings import Settings\n"
        "schedule.PROGRAM = (sys.executable, '-c')\n"
        "schedule.last_night = lambda db: dt.datetime(2026, 1, 5)\n"
        f"commands = {[[child], [f'open({str(second)!r}, chr(119))']]!r}\n"
        "schedule.run_scheduler(Settings(), Cron.parse('15 2 * * *', 'UTC'), commands, Path())\n"
    )
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.1)
    try:
        assert process.wait(LIMIT_S) == 0
    finally:
        process.kill()
    assert ended.exists()
    assert not second.exists()


def test_a_failed_job_ends_its_night_but_not_the_scheduler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schedule, "PROGRAM", (sys.executable, "-c"))
    after = tmp_path / "after"
    then = f"import pathlib; pathlib.Path({str(after)!r}).touch()"
    Jobs([["raise SystemExit(2)"], [then]], tmp_path)()
    assert "ended with exit code 2" in capsys.readouterr().err
    Jobs([["import os; os.kill(os.getpid(), 9)"], [then]], tmp_path)()
    assert "was ended by signal 9" in capsys.readouterr().err
    assert not after.exists()
    Jobs([["pass"], [then]], tmp_path)()
    assert after.exists()


def test_jobs_get_the_settings_file_and_must_be_commands() -> None:
    settings = Settings(schedule=Schedule(jobs=("nightly", "query 'FROM runs' --db a.duckdb")))
    file = Path("/srv/risk monitor.toml")
    assert command_lines(settings, file) == [
        ["nightly", "--config", str(file)],
        ["query", "FROM runs", "--db", "a.duckdb"],
    ]
    assert command_lines(settings, None)[0] == ["nightly"]
    alerts = Settings(schedule=Schedule(jobs=("evaluate-alerts --out a",)))
    assert command_lines(alerts, file) == [["evaluate-alerts", "--out", "a", "--config", str(file)]]
    simulated = Settings(schedule=Schedule(jobs=("evaluate-alerts --numbers 20 --out a",)))
    assert command_lines(simulated, file) == [["evaluate-alerts", "--numbers", "20", "--out", "a"]]
    with pytest.raises(ConfigError, match="--db does not use --seed; leave it out"):
        command_lines(Settings(schedule=Schedule(jobs=("evaluate-alerts --db a --seed 3 --out a",))), file)
    for wrong in ("nigthly", "rm -rf /", ""):
        with pytest.raises(ConfigError, match="is not a command that can be scheduled"):
            command_lines(Settings(schedule=Schedule(jobs=(wrong,))), None)
    with pytest.raises(ConfigError, match=r"schedule.jobs: .* no closing quotation"):
        command_lines(Settings(schedule=Schedule(jobs=("query 'FROM runs --db x",))), None)


NEEDED = {  # arguments without which a command does nothing
    "score": "feed.csv --db a.duckdb",
    "inspect": "feed.csv",
    "who": "Bavo7",
    "evaluate-alerts": "--out a",
    "backup": "backups",
    "restore": "backups/a --to b",
    "forget": "p1",
    "query": "'FROM runs' --db a.duckdb",
    "train": "--data d --out m",
    "evaluate": "--data d --model m --out o",
    "calibrate": "labels.csv",
    "validate": "phq9.csv --out o",
    "transfer": "--data d --out o",
    "pretrain": "--data d --out o",
    "lake": "check --lake lake",
}


@pytest.mark.parametrize("line", ["watch", "watch --every 30 --report", "schedule"])
def test_a_job_that_never_ends_is_refused_because_no_later_night_would_run(line: str) -> None:
    with pytest.raises(ConfigError, match=f"schedule.jobs: '{line}': .* stays until it is stopped.*; start it by"):
        command_lines(Settings(schedule=Schedule(jobs=("nightly", line))), Path("risk-monitor.toml"))


def test_a_job_that_reads_standard_input_finds_it_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = "import sys; open('read', 'w').write(sys.stdin.read() or 'nothing')"
    monkeypatch.setattr(schedule, "PROGRAM", [sys.executable, "-c", program])
    reader, writer = os.pipe()  # nobody writes, as at a terminal in the night
    before = os.dup(0)
    os.dup2(reader, 0)
    try:
        jobs = Jobs([["query", "-"]], tmp_path)
        thread = threading.Thread(target=jobs)
        thread.start()
        thread.join(20)
        jobs.stop()
        thread.join()
    finally:
        os.dup2(before, 0)
        for number in (before, reader, writer):
            os.close(number)
    assert (tmp_path / "read").read_text() == "nothing"


@pytest.mark.parametrize("name", sorted({*COMMANDS} - {*ENDLESS}))
def test_every_command_that_ends_can_be_a_scheduled_job(name: str) -> None:
    job = f"{name} {NEEDED.get(name, '')}"
    ((first, *_),) = command_lines(Settings(schedule=Schedule(jobs=(job,))), Path("risk-monitor.toml"))
    assert first == name


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("nightly --nosuch", "No such option: --nosuch; see `risk-monitor nightly --help`"),
        ("nightly --help", "only prints its help"),
        ("nightly now", "unexpected extra argument"),
        ("query 'FROM runs' --db a.duckdb --timeout soon", "valid number"),
        ("backup", "Missing parameter: folder; see `risk-monitor backup --help`"),
        ("lake nonsense --lake lake", "see `risk-monitor lake --help` for the commands of this group"),
        ("lake score --lak lake", "No such option: --lak"),
        ("report --mode aggregate", "leave out --mode, and use .*reports.* of the settings"),
        ("report --as-of 2026-01-05 --top 5", "leave out --as-of and --top, and use .*reports"),
        ("report --db a.duckdb", "a folder with --out"),
        ("report --db a.duckdb --out b --roster c.csv", "--roster needs --mode case"),
    ],
)
def test_a_job_with_a_faulty_option_is_refused_before_the_first_night(line: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(line) + ".*" + message):
        command_lines(Settings(schedule=Schedule(jobs=(line,))), Path("/srv/risk.toml"))


@pytest.mark.slow
def test_a_job_imports_nothing_from_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jobs").mkdir()
    for name in ("jobs/__init__.py", "jobs/cli.py", "monitor.py"):
        (tmp_path / name).write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(SQL.parent))
    Jobs([["status", "--help"]], tmp_path)()
    shown = capfd.readouterr()
    assert "Exit code 3" in shown.out
    assert shown.err == ""


def test_printed_cron_and_systemd_lines_escape_any_path() -> None:
    commands = [["nightly", "--config", "/srv/my 100%/risk.toml"]]
    lines = crontab("15 2 * * *", "Asia/Taipei", commands, Path("/srv/my 100%")).splitlines()
    assert lines[1] == "CRON_TZ=Asia/Taipei"
    assert lines[2].startswith("15 2 * * *  ")
    assert "--config '/srv/my 100\\%/risk.toml'" in lines[2]
    assert " cd '/srv/my 100\\%' && {" in lines[2]
    settings = Settings(db=Path("/srv/my 100%/risk.duckdb"), out=Path("/srv/out"), snapshot=Path("/srv/out"))
    unit = systemd(Cron.parse("15 2 * * mon-fri", "Asia/Taipei"), commands, settings, Path("/srv/my 100%"))
    assert "WorkingDirectory=/srv/my 100%%\n" in unit
    assert "PrivateNetwork=yes" in unit
    assert "OnCalendar=Mon,Tue,Wed,Thu,Fri *-*-* 02:15:00 Asia/Taipei\n" in unit
    assert 'nightly --config "/srv/my 100%%/risk.toml"\n' in unit
    settings = settings.model_copy(update={"db": Path("/srv/risk.duckdb")})
    unit = systemd(Cron.parse("15 2 * * *", "UTC"), [["query", "", "--db", "risk.duckdb"]], settings, Path("/srv"))
    assert 'query "" --db risk.duckdb\n' in unit


def test_cron_and_systemd_lines_are_never_printed_together(capsys: pytest.CaptureFixture[str]) -> None:
    for both in (True, False):
        with pytest.raises(ConfigError, match="exclude each other") if both else nullcontext():
            schedule.command(print_cron=True, print_systemd=both)
    assert "CRON_TZ" in capsys.readouterr().out


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("notify", [(), ("json://localhost",)])
def test_the_service_is_closed_to_all_that_a_night_does_not_need(tmp_path: Path, notify: tuple[str, ...]) -> None:
    settings = Settings(db=tmp_path / "risk.duckdb", notify=notify)
    text = systemd(Cron.parse("15 2 * * *", "UTC"), [["nightly"]], settings, tmp_path)
    unit = tmp_path / "risk-monitor.service"
    unit.write_text(text.partition("# /etc/systemd/system/risk-monitor.timer")[0])
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", str(unit)], capture_output=True, text=True, check=False
    )
    level = re.search(r"Overall exposure level for .*: ([0-9.]+)", judged.stdout)
    assert level is not None, judged.stderr
    assert float(level[1]) <= 3
    assert ("PrivateNetwork" in text) is (not notify)


def test_the_log_of_cron_is_rotated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "risk-monitor.toml").write_text("")
    schedule.command(tmp_path / "risk-monitor.toml", print_logrotate=True)
    assert capsys.readouterr().out.splitlines()[1] == f'"{tmp_path}/nightly.log" {{'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("report --db risk.duckdb --out out/case --mode case", []),
        ("report --db=risk.duckdb --out=out/case", []),
        ("nightly --config=other.toml", []),
        ("nightly --config other.toml", []),
        ("report", ["--config", "/srv/risk.toml"]),
        ("backup bk", ["--config", "/srv/risk.toml"]),
        ("score more.csv --db risk.duckdb", ["--config", "/srv/risk.toml"]),
        ("lake score --lake lake", ["--config", "/srv/risk.toml"]),
        ("lake compact --lake lake", []),
    ],
)
def test_a_job_gets_the_settings_file_unless_its_own_options_contradict_it(line: str, words: list[str]) -> None:
    (got,) = command_lines(Settings(schedule=Schedule(jobs=(line,))), Path("/srv/risk.toml"))
    assert got == [*line.split(), *words]


def test_the_settings_file_stands_before_arguments_that_look_like_options() -> None:
    (got,) = command_lines(Settings(schedule=Schedule(jobs=("backup -- -bk",))), Path("/srv/risk.toml"))
    assert got == ["backup", "--config", "/srv/risk.toml", "--", "-bk"]


def test_jobs_run_in_the_folder_of_the_settings_and_variables_keep_their_meaning(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    for name, value in {"DB": "risk.duckdb", "MODEL": "model", "DEVICE": "cpu"}.items():
        monkeypatch.setenv(f"RISK_MONITOR_{name}", value)
    monkeypatch.setattr(schedule, "PROGRAM", (sys.executable, "-Sc"))
    values = "[os.environ[f'RISK_MONITOR_{name}'] for name in ('DB', 'MODEL', 'DEVICE')]"
    code = f"import os, pathlib; pathlib.Path('seen').write_text(chr(10).join({values}))"
    Jobs([[code]], tmp_path / "there")()
    assert (tmp_path / "there" / "seen").read_text().splitlines() == [
        str(tmp_path / "here" / "risk.duckdb"),
        str(tmp_path / "here" / "model"),
        "cpu",
    ]


def test_paths_of_reports_in_a_variable_keep_their_meaning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    one = {"mode": "case", "folder": "case", "roster": "people/r.csv", "days": 30}
    monkeypatch.setenv("RISK_MONITOR_REPORTS", json.dumps([one, {"folder": "~/a"}, {"folder": "/b"}]))
    absolute = {"folder": str(tmp_path / "case"), "roster": str(tmp_path / "people" / "r.csv")}
    reports = absolute_variables()["RISK_MONITOR_REPORTS"]
    assert json.loads(reports) == [one | absolute, {"folder": "~/a"}, {"folder": "/b"}]
    for wrong in ("no JSON", '{"folder": 1}', '["x"]', '[{"folder": 3}]'):
        monkeypatch.setenv("RISK_MONITOR_REPORTS", wrong)
        assert absolute_variables()["RISK_MONITOR_REPORTS"] == wrong


def written(unit: str) -> list[str]:
    """The folders that a unit names in ReadWritePaths."""
    (line,) = re.findall("^ReadWritePaths=(.*)$", unit, flags=re.M)
    return re.findall('"([^"]*)"', line)


def test_the_service_may_write_whatever_the_night_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ("conf", "state", "out", "snapshot", "case", "keys", "disk", "backups", "more", "other", "trial/keys")
    for name in folders:
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "state" / "risk.duckdb").symlink_to(tmp_path / "disk" / "risk.duckdb")
    (tmp_path / "conf" / "other.toml").write_text('db = "../other/risk.duckdb"\nkey_file = "../trial/keys/key"\n')
    (tmp_path / "conf" / "risk-monitor.toml").write_text(
        'db = "../state/risk.duckdb"\nout = "../out/report"\nsnapshot = "../snapshot"\nkey_file = "../keys/key"\n'
        '[schedule]\njobs = ["nightly", "backup ../backups", "report --db ../state/risk.duckdb --out ../more",'
        ' "nightly --config other.toml"]\n'
        '[[reports]]\nmode = "case"\nfolder = "../case"\n[[reports]]\nmode = "people"\n'
    )
    schedule.command(tmp_path / "conf" / "risk-monitor.toml", print_systemd=True)
    names = {str(Path(path).relative_to(tmp_path)) for path in written(capsys.readouterr().out)}
    # conf has the report and snapshot of other.toml; out has the folders report and people, once they are made
    assert names == {*folders}


def test_the_service_may_never_write_everywhere(tmp_path: Path) -> None:
    cron = Cron.parse("15 2 * * *", "UTC")
    nowhere = Path(f"/no such folder of {tmp_path.name}/snapshot")
    settings = Settings(db=tmp_path / "risk.duckdb", out=tmp_path / "out", snapshot=nowhere)
    with pytest.raises(ConfigError, match=r"none of the folders above it exists.* mkdir -p '/no such folder") as told:
        systemd(cron, [["nightly"]], settings, tmp_path)
    assert "\n" not in str(told.value)


def test_a_quote_in_a_path_is_escaped_in_the_service(tmp_path: Path) -> None:
    folder = tmp_path / 'a "b'
    folder.mkdir()
    settings = Settings(db=folder / "risk.duckdb", out=folder, snapshot=folder)
    unit = systemd(Cron.parse("15 2 * * *", "UTC"), [["nightly"]], settings, folder)
    assert f'ReadWritePaths="{tmp_path}/a \\"b"\n' in unit


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_ignores_no_line_of_the_service(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    settings = Settings(db=tmp_path / "conf" / ".." / "risk.duckdb", out=tmp_path / "out", snapshot=tmp_path / "out")
    text = systemd(Cron.parse("15 2 * * *", "UTC"), [["nightly"]], settings, tmp_path)
    unit = tmp_path / "risk-monitor.service"
    unit.write_text(text.partition("# /etc/systemd/system/risk-monitor.timer")[0])
    judged = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert "ignoring" not in judged.stderr


def test_the_service_may_write_a_result_of_query_again(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "week.csv").touch()
    settings = Settings(db=tmp_path / "risk.duckdb", out=tmp_path, snapshot=tmp_path)
    jobs = [["query", "FROM runs", "--db", "risk.duckdb", "--out", "tables/week.csv"]]
    assert str(tmp_path / "tables") in written(systemd(Cron.parse("15 2 * * *", "UTC"), jobs, settings, tmp_path))


def test_the_service_reaches_the_lakes_of_its_jobs(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    (tmp_path / "far").mkdir()
    settings = Settings(db=tmp_path / "conf" / "risk.duckdb", out=tmp_path / "conf", snapshot=tmp_path / "conf")
    cron = Cron.parse("15 2 * * *", "UTC")
    jobs = [["lake", "retention", "--lake", "../far/lake", "--text-days", "30"]]
    unit = systemd(cron, jobs, settings, tmp_path / "conf")
    assert f'"{tmp_path / "far"}"' in unit
    assert "PrivateNetwork=yes" in unit
    unit = systemd(cron, [["lake", "score", "--lake", "s3://bucket/lake"]], settings, tmp_path / "conf")
    assert "PrivateNetwork" not in unit


@pytest.mark.parametrize("what", [{"print_cron": True}, {"print_systemd": True}])
def test_variables_that_cron_and_systemd_do_not_know_are_named_beside_the_printed_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], what: dict[str, bool]
) -> None:
    for name in [name for name in os.environ if name.startswith("RISK_MONITOR_")]:
        monkeypatch.delenv(name)
    schedule.command(**what)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("RISK_MONITOR_KEY", "k" * 32)
    monkeypatch.setenv("RISK_MONITOR_THRESHOLD", "0.3")
    schedule.command(**what)
    shown = capsys.readouterr()
    assert "RISK_MONITOR_KEY, RISK_MONITOR_THRESHOLD: set here, and unknown to cron and systemd" in shown.err
    assert "k" * 32 not in shown.out + shown.err
