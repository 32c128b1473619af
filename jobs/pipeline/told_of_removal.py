"""A removal whose later steps fail says so: the rows are gone, but other files may still hold them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from jobs.console.progress import print_warning


@contextmanager
def told_of_removal(removed: Mapping[str, int], place: str, rest: str) -> Iterator[None]:
    """If the block fails or is stopped, print a warning that the subject is removed, before the error is printed.

    Args:
        removed: table -> number of removed rows; if it is empty, nothing is printed.
        place: what lost the rows, such as "the database".
        rest: what is not done.
    """
    try:
        yield
    except BaseException:
        if removed:
            print_warning(
                f"the subject is removed from {place}, but {rest}; run the same command again to end the work"
            )
        raise
