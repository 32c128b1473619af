"""Run the nightly job at its due times, on machines without cron; or print the schedule for cron or systemd.

risk-monitor schedule --config risk-monitor.toml

Each job is a separate process, so its end frees all memory, including the GPU's. One run at the start makes up for
all missed nights. On SIGTERM or Ctrl-C the job finishes its current chunk first.
"""

from __future__ import annotations

import datetime as dt
import itertools
import logging
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from apscheduler.events import EVENT_JOB_MAX_INSTANCES
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.base import BaseTrigger

from jobs.console.app import run
from jobs.console.progress import print_note, print_warning
from jobs.console.shared_options import SettingsOption
from jobs.pipeline.scheduled_jobs import absolute_variables, command_lines, need_network, written_folders
from monitor.cron import Cron
from monitor.database import ledger
from monitor.database.connection import Database
from monitor.errors import ConfigError
from monitor.settings import DEFAULT_FILE, PREFIX, Settings, load_settings

CHECK_EVERY_S = 60  # the longest wait until the scheduler notices a changed clock or a wake-up
NIGHTLY = "nightly"
PROGRAM = (sys.executable, "-P", "-m", "jobs.cli")  # -P: never import a `jobs` of the working folder
INSTALLED = (str(Path(sys.executable).with_name("risk-monitor")),)  # works from any folder


HARDENING = """\
NoNewPrivileges=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectHome=read-only
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
CapabilityBoundingSet=
AmbientCapabilities=
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM
"""
"""Of the service; a GPU needs PrivateDevices=no. MemoryDenyWriteExecute would stop the renderer of charts."""
NO_NETWORK = """\
PrivateNetwork=yes
RestrictAddressFamilies=AF_UNIX
IPAddressDeny=any
"""


class CronTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """The due times of a Cron for APScheduler."""

    def __init__(self, cron: Cron) -> None:
        self.cron = cron

    def get_next_fire_time(self, previous: dt.datetime | None, now: dt.datetime) -> dt.datetime:
        """The due time after the previous one; it is in the past if a night was missed."""
        return self.cron.after(previous or now)


class Scheduler(BlockingScheduler):  # type: ignore[misc]
    """Checks the clock at least once a minute, and corrects a next run that a wrong clock made too late."""

    def _process_jobs(self) -> float:
        for job in self.get_jobs():
            soon = job.trigger.cron.after(utc())
            # In UTC: times of one zone are compared by their clocks, which show an hour twice in autumn.
            if job.next_run_time.astimezone(dt.UTC) > job.trigger.cron.after(soon):
                job.modify(next_run_time=soon)
        wait_s = super()._process_jobs()
        return CHECK_EVERY_S if wait_s is None else min(wait_s, CHECK_EVERY_S)


class Jobs:
    """Runs command lines of risk-monitor one after another, each in its own process, until `stop`.

    Args:
        commands: the words of each command line.
        folder: the working folder of the jobs, which is that of the settings file; their paths are relative to it.
    """

    def __init__(self, commands: list[list[str]], folder: Path) -> None:
        self._commands = commands
        self._folder = folder
        self._variables = absolute_variables()
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def __call__(self) -> None:
        """Run one night. A failed command ends it, because later commands may need its results."""
        for command in self._commands:
            with self._lock:
                if self._stopping:
                    return
                # In its own session the child does not receive Ctrl-C; `stop` signals it. Its standard input is
                # empty, or a job such as `query -` would wait for somebody to type.
                self._child = subprocess.Popen(
                    [*PROGRAM, *command],
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                    cwd=self._folder,
                    env=self._variables,
                )
            code = self._child.wait()
            if code:
                reason = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
                print_warning(f"{command[0]} {reason}")
                return

    def stop(self) -> None:
        """Start no further command, and let a running one finish its chunk."""
        with self._lock:
            self._stopping = True
            if self._child is not None and self._child.poll() is None:
                self._child.send_signal(signal.SIGTERM)


def build_scheduler(cron: Cron, jobs: Any, last: dt.datetime | None) -> Scheduler:
    """A scheduler that is not started yet.

    Args:
        cron: the due times.
        jobs: a function that runs the jobs. The scheduler calls it in a thread, and never while it still runs.
        last: UTC start of the last completed night; None: no night was missed.
    """
    scheduler = Scheduler(timezone=cron.zone)
    first = cron.after((last or utc()).replace(tzinfo=dt.UTC))
    scheduler.add_job(
        jobs, CronTrigger(cron), next_run_time=first, misfire_grace_time=None, coalesce=True, max_instances=1
    )
    scheduler.add_listener(
        lambda _: print_note("the previous run is still going, so this one is left out"),
        EVENT_JOB_MAX_INSTANCES,
    )
    return scheduler


def utc() -> dt.datetime:
    """The current time, with its zone."""
    return dt.datetime.now(dt.UTC)


def last_night(db: Database) -> dt.datetime | None:
    """UTC start of the last completed nightly run; None if there was none."""
    if not db.exists():
        return None
    with db.reading() as con:
        return ledger.last_night(con, NIGHTLY)


def run_scheduler(settings: Settings, cron: Cron, commands: list[list[str]], folder: Path) -> None:
    """Run the scheduler until SIGTERM or Ctrl-C; the commands run in the folder of the settings. Further signals
    change nothing.
    """
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # build_scheduler prints its warning itself
    jobs, last = Jobs(commands, folder), last_night(Database(settings.db))
    scheduler = build_scheduler(cron, jobs, last)

    def stop() -> None:
        jobs.stop()
        while not scheduler.running:  # the signal may come before the start
            time.sleep(0.05)
        scheduler.shutdown(wait=True)

    # A thread, because the handler may interrupt code that holds a lock which `stop` needs.
    thread, requests = threading.Thread(target=stop), itertools.count()

    def request_stop(*_: object) -> None:
        if next(requests) == 0:  # a second `stop` would wait without end for a scheduler that is stopped
            thread.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, request_stop)
    due = cron.after(last.replace(tzinfo=dt.UTC)) if last else None
    if due and due < utc():
        print_note(f"the run of {due:%Y-%m-%d %H:%M %Z} was missed; it runs now")
    print_note(f"next run at {cron.after(utc()):%Y-%m-%d %H:%M %Z}: {', then '.join(words[0] for words in commands)}")
    scheduler.start()
    print_note("stopped")


def crontab(cron: str, zone: str, commands: list[list[str]], folder: Path) -> str:
    """Lines for `crontab -e`."""
    program = " && ".join(shlex.join([*INSTALLED, *words]) for words in commands)
    # cron starts jobs in the home folder; paths of jobs in [schedule] are relative to the settings.
    call = f"cd {shlex.quote(str(folder))} && {{ {program}; }} >> {shlex.quote(str(folder / 'nightly.log'))} 2>&1"
    return (
        "# Times are those of the machine; cronie reads CRON_TZ, Debian's cron does not.\n"
        f"CRON_TZ={zone}\n{cron}  {call.replace('%', chr(92) + '%')}\n"
    )


def logrotate(folder: Path) -> str:
    """A file for /etc/logrotate.d that keeps twelve months of the log that the cron lines write."""
    return f"""\
# /etc/logrotate.d/risk-monitor
"{folder / "nightly.log"}" {{
    monthly
    rotate 12
    compress
    missingok
    notifempty
    create 0600
}}
"""


def systemd(cron: Cron, commands: list[list[str]], settings: Settings, folder: Path) -> str:
    """A systemd service that may write only to the folders of the settings, and the timer that starts it.

    Args:
        cron: the due times.
        commands: the words of each job.
        settings: the service may write to their folders; it has a network only for `notify` and for lakes in an
            object store.
        folder: of the settings file.

    Raises:
        ConfigError: a folder and all folders above it are missing.
    """
    starts = "\n".join(f"ExecStart={_systemd_words([*INSTALLED, *words])}" for words in commands)
    written = sorted({_nearest(place) for place in written_folders(settings, commands, folder)})
    return f"""\
# /etc/systemd/system/risk-monitor.service     `systemd-analyze security risk-monitor.service` judges it
[Unit]
Description=Risk monitor, nightly run
# OnFailure=NAME.service starts a service of yours when a run fails

[Service]
Type=oneshot
User={os.environ.get("USER", "risk-monitor")}
WorkingDirectory={_systemd_path(folder)}
UMask=0077
Nice=10
TimeoutStopSec=300
{starts}
ProtectSystem=strict
ReadWritePaths={" ".join(f'"{_in_quotes(path)}"' for path in written)}
{HARDENING}{"" if settings.notify or need_network(commands) else NO_NETWORK}
# /etc/systemd/system/risk-monitor.timer     systemctl enable --now risk-monitor.timer
# systemd leaves out a time that the clocks skip in spring; the next run makes up for it.
[Unit]
Description=Risk monitor, when its nightly run is due

[Timer]
OnCalendar={cron.on_calendar()}
Persistent=true

[Install]
WantedBy=timers.target
"""


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists: systemd cannot let a service write to a missing one."""
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if existing == Path(existing.anchor):
        raise ConfigError(
            f"{folder}: none of the folders above it exists, and the service may not write to {existing}; make it "
            f"with mkdir -p {shlex.quote(str(folder))}, then print the unit again"
        )
    return existing


def _in_quotes(path: Path) -> str:
    return _systemd_path(path).replace("\\", "\\\\").replace('"', '\\"')


def _systemd_path(path: str | Path) -> str:
    """A path outside a command line, where a dollar sign does not begin a variable."""
    return str(path).replace("%", "%%")


def _systemd_words(words: list[str]) -> str:
    # Without quotes an empty word would be lost.
    return " ".join(
        f'"{_escaped(word)}"' if not word or set(word) & set(" \"'\\;") else _escaped(word) for word in words
    )


def _escaped(word: str) -> str:
    return word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")


def command(
    config: SettingsOption = None,
    print_cron: Annotated[bool, typer.Option("--print-cron", help="Print crontab lines, run nothing.")] = False,
    print_systemd: Annotated[
        bool, typer.Option("--print-systemd", help="Print a systemd service and timer, run nothing.")
    ] = False,
    print_logrotate: Annotated[
        bool, typer.Option("--print-logrotate", help="Print a logrotate file for the log of cron, run nothing.")
    ] = False,
) -> None:
    """Run the nightly job when it is due, and make up for missed nights."""
    if print_cron + print_systemd + print_logrotate > 1:
        raise ConfigError("--print-cron, --print-systemd and --print-logrotate exclude each other; give one")
    settings = load_settings(config)
    file = (config or DEFAULT_FILE).resolve()
    commands = command_lines(settings, file if file.exists() else None)
    zone = settings.schedule.time_zone or settings.time_zone
    cron = Cron.parse(settings.schedule.cron, zone)
    if (print_cron or print_systemd) and (names := sorted(name for name in os.environ if name.startswith(PREFIX))):
        print_note(
            f"{', '.join(names)}: set here, and unknown to cron and systemd; put settings into the settings file, a "
            "key into its file, or both into the crontab or the service"
        )
    if print_cron:
        typer.echo(crontab(settings.schedule.cron, zone, commands, file.parent), nl=False)
    elif print_logrotate:
        typer.echo(logrotate(file.parent), nl=False)
    elif print_systemd:
        typer.echo(systemd(cron, commands, settings, file.parent), nl=False)
    else:
        run_scheduler(settings, cron, commands, file.parent)


if __name__ == "__main__":
    run(command)
