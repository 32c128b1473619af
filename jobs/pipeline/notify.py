"""Notify people of alerts and failed runs through the Apprise URLs in `notify`.

A message holds counts only: never a text, an id or a file name. Details stay on the machine.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from pydantic import SecretStr

from jobs.console.interrupts import Stopped
from jobs.console.progress import print_warning
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.rules import AlertRules
from monitor.alerts.state import AlertCounts, count_unsent, mark_sent
from monitor.database.connection import Database
from monitor.database.statements import query, utc_now
from monitor.errors import BusyError, ConfigError

TITLE = "Risk monitor"
IN_REPORT = "The report says more."
IN_LIST = "`risk-monitor alerts` lists the alerts that are not closed."
RUN_FAILED = f"The report of this run failed; {IN_LIST}"


@contextmanager
def notify_on_failure(urls: Sequence[SecretStr], job: str) -> Iterator[None]:
    """If an error ends the block, send its class (not its message), and raise it again.

    Raises:
        ConfigError: a URL cannot be used; raised before the block begins.
    """
    _open_apprise(urls)
    try:
        yield
    except (Stopped, BusyError):
        raise
    except Exception as error:
        if _send(urls, f"The {job} run failed ({type(error).__name__}). Its log says what to do."):
            print_warning("an address in notify rejected the message about this failure")
        raise


def notify_of_alerts(
    urls: Sequence[SecretStr],
    db: Database,
    model_id: str,
    alerts: AlertCounts,
    quality: str,
    rules: AlertRules,
    more: str = IN_REPORT,
) -> None:
    """Send a message with the number of open alerts that no earlier message counted, and with a warning if the input
    is red.

    The message also counts people who wrote another crisis text while their alert of the crisis rule is not closed,
    and people whose crisis text was read only when such an alert was closed already.

    The message ends with `more`, which says where to read on.

    If an address rejects a message, the run warns; alerts that reached no address are sent again by the next run.
    The caller holds `database.only_writer`.
    """
    if not urls:
        return
    with db.reading() as con:
        n_new, n_crisis = count_unsent(con, model_id)
        line = {"as_of": utc_now().date(), "suicidal_limit": rules.suicidal_limit}
        n_again = query(con, "alerts/unsent_crisis_texts", model_id=model_id, **line).item()
        n_late = query(con, "alerts/unsent_late_crisis_texts", model_id=model_id, **line).item()
    parts = []
    if n_new:
        parts.append(f"New alerts: {n_new:,}; closed: {alerts.closed:,}; open: {alerts.open:,}.")
    if n_crisis:
        parts.append(f"New alerts of the crisis rule: {n_crisis:,}; a person must read them now.")
    if n_again:
        parts.append(f"People who wrote of a crisis again since the last message or look: {n_again:,}; read it now.")
    if n_late:
        parts.append(
            f"People whose crisis text arrived late, when its alert was closed already: {n_late:,}; read it now."
        )
    if quality == "red":
        parts.append("The quality of the input is red.")
    if not parts:
        return
    failed = _send(urls, " ".join([*parts, more]))
    sent = len(failed) < len(urls)
    if failed:
        retry = "; the next run tries again" if (n_new or n_again or n_late) and not sent else ""
        numbers = ", ".join(map(str, failed))
        print_warning(f"notify: address {numbers} rejected the message; the run itself is done{retry}")
    if (n_new or n_again or n_late) and sent:
        with db.writing() as con:
            mark_sent(con, model_id)


def _send(urls: Sequence[SecretStr], body: str) -> list[int]:
    """Send a message to each address; returns the numbers, from 1, of those that rejected it."""
    message = {"title": TITLE, "body": f"{body}\n{NOT_A_DIAGNOSIS}"}
    return [number for number, url in enumerate(urls, start=1) if not _open_apprise([url]).notify(**message)]


def _open_apprise(urls: Sequence[SecretStr]) -> Any:
    """An Apprise object for these URLs; None without URLs. Its log is off, because the log would show the URLs."""
    if not urls:
        return None
    if find_spec("apprise") is None:
        raise ConfigError("notify names addresses, but apprise is not installed; pip install 'risk-monitor[notify]'")
    from apprise import Apprise

    logging.getLogger("apprise").disabled = True
    apprise = Apprise()
    for number, url in enumerate(urls, start=1):
        if not apprise.add(url.get_secret_value()):
            raise ConfigError(f"notify: address {number} is not a URL that Apprise knows (see its list of services)")
    return apprise
