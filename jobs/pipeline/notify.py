"""Tell people of alerts and failed runs, by way of the Apprise URLs in `notify`; never of texts, ids or files.

The message says that somebody should look, and how much there is to see; what there is stays on the machine.
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
from monitor.alerts.state import AlertCounts, count_unsent, mark_sent
from monitor.database.connection import Database
from monitor.errors import BusyError, ConfigError

TITLE = "Risk monitor"


@contextmanager
def notify_on_failure(urls: Sequence[SecretStr], job: str) -> Iterator[None]:
    """Tell of an error that ends the block, by its kind alone, and let it go on.

    Raises:
        ConfigError: the URLs cannot be used; before the block begins.
    """
    _messenger(urls)
    try:
        yield
    except (Stopped, BusyError):
        raise
    except Exception as error:
        if _refusing(urls, f"The {job} run failed ({type(error).__name__}). Its log says what to do."):
            print_warning("an address in notify did not take the message about this failure")
        raise


def notify_of_alerts(
    urls: Sequence[SecretStr], db: Database, model_id: str, alerts: AlertCounts, quality: str
) -> None:
    """Tell of the open alerts that nobody was told of yet, and of red input; of other nights nothing.

    An address that does not take the message is a warning. Where none takes it, the next run tells of the alerts.
    The caller holds `database.only_writer`.
    """
    if not urls:
        return
    with db.reading() as con:
        n_new = count_unsent(con, model_id)
    parts = []
    if n_new:
        parts.append(f"New alerts: {n_new:,}; closed: {alerts.closed:,}; open: {alerts.open:,}.")
    if quality == "red":
        parts.append("The quality of the input is red.")
    if not parts:
        return
    refusing = _refusing(urls, " ".join([*parts, "The report says more."]))
    taken = len(refusing) < len(urls)
    if refusing:
        again = "; the next run tries again" if n_new and not taken else ""
        which = ", ".join(map(str, refusing))
        print_warning(f"notify: address {which} did not take the message; the run itself is done{again}")
    if n_new and taken:
        with db.writing() as con:
            mark_sent(con, model_id)


def _refusing(urls: Sequence[SecretStr], body: str) -> list[int]:
    """The numbers of the addresses, from 1, that do not take a message."""
    message = {"title": TITLE, "body": f"{body}\n{NOT_A_DIAGNOSIS}"}
    return [number for number, url in enumerate(urls, start=1) if not _messenger([url]).notify(**message)]


def _messenger(urls: Sequence[SecretStr]) -> Any:
    """An Apprise object for these URLs, which it cannot log; None where there are none."""
    if not urls:
        return None
    if find_spec("apprise") is None:
        raise ConfigError(
            "notify names addresses, but apprise is not installed; pip install 'risk-monitor[notify]'"
        )
    from apprise import Apprise

    logging.getLogger("apprise").disabled = True
    messenger = Apprise()
    for number, url in enumerate(urls, start=1):
        if not messenger.add(url.get_secret_value()):
            raise ConfigError(
                f"notify: address {number} is no URL that Apprise knows (see its list of services)"
            )
    return messenger
