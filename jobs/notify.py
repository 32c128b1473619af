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

from jobs.progress import warn
from jobs.stopping import Stopped
from monitor import NOT_A_DIAGNOSIS
from monitor.errors import BusyError, ConfigError

TITLE = "Risk monitor"


@contextmanager
def telling_of_failure(urls: Sequence[SecretStr], job: str) -> Iterator[None]:
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
        if not _sent(urls, f"The {job} run failed ({type(error).__name__}). Its log says what to do."):
            warn("an address in notify did not take the message about this failure")
        raise


def tell_of_night(
    urls: Sequence[SecretStr], *, raised: int, closed: int, still_open: int, quality: str
) -> None:
    """Tell of a night that raised alerts or whose input was red; of others nothing.

    Raises:
        ConfigError: an address did not take the message.
    """
    parts = []
    if raised:
        parts.append(f"New alerts: {raised:,}; closed: {closed:,}; open: {still_open:,}.")
    if quality == "red":
        parts.append("The quality of the input is red.")
    if parts and not _sent(urls, " ".join([*parts, "The report says more."])):
        raise ConfigError("notify: an address did not take the message; the run itself is done")


def _sent(urls: Sequence[SecretStr], body: str) -> bool:
    return not urls or bool(_messenger(urls).notify(title=TITLE, body=f"{body}\n{NOT_A_DIAGNOSIS}"))


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
