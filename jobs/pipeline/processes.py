"""Worker processes of a run: the number of cores that they may use, and how they end with the run."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import wait as wait_for_end

THREADS = ("OMP_NUM_THREADS", "RAYON_NUM_THREADS")  # of torch, and of the tokenizer


def own_cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores() -> int:
    """The number of cores that this process may use, or the lower number in OMP_NUM_THREADS."""
    own = own_cores()
    given = os.environ.get(THREADS[0], "")
    return min(own, int(given)) if given.isdigit() and int(given) else own


def end_with_parent() -> None:
    """Make this process ignore Ctrl-C, end on SIGTERM, and end with its parent, even if the parent is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end() -> None:
        wait_for_end([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
