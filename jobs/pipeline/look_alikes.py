"""Name the subjects whose ids look like a forgotten one."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.console.progress import print_warning


def warn_of_look_alikes(alike: Sequence[str], place: str) -> None:
    """Name the other subjects whose ids look like the forgotten one.

    Args:
        alike: their ids.
        place: the store that they stay in, such as "the database".
    """
    if not alike:
        return
    stay = "1 other subject differs" if len(alike) == 1 else f"{len(alike):,} other subjects differ"
    print_warning(
        f"{stay} from this one only by case, .0 or accents, spaces or leading zeros, and stay in {place}: "
        f"{', '.join(alike)}; forget each of them that is the same person"
    )
