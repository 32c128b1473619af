"""Scorers for workers in other processes: each says where it runs, takes its time, and may die once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.keyword_scorer import KeywordScorer, KeywordScores


class WorkerScorer(KeywordScorer):
    """A KeywordScorer that writes FOLDER/PID with the card of its process.

    Args:
        folder: where.
        sleep_s: seconds that each call takes.
        dies: whether the first call of all processes ends its process.
    """

    def __init__(self, folder: Path, sleep_s: float = 0.0, *, dies: bool = False) -> None:
        super().__init__()
        self._folder, self._sleep_s, self._dies = folder, sleep_s, dies
        (folder / str(os.getpid())).write_text(os.environ.get("CUDA_VISIBLE_DEVICES", ""))

    def score(self, texts: Sequence[str], progress: Callable[[int], None] | None = None) -> KeywordScores:
        if self._dies:
            try:
                (self._folder / "died").touch(exist_ok=False)
            except FileExistsError:
                pass
            else:
                os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self._sleep_s)
        return super().score(texts, progress)


def die() -> KeywordScorer:
    """Opens no scorer: its process is killed, as by a system without memory."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError
