"""What DuckDB spills of a query that does not fit into memory: rows of people, which a killed process leaves behind.

DuckDB removes the files of killed processes when a later query spills into the same folder, which may be never.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from monitor.scratch_folder import runs

SPILLED = re.compile(r"duckdb_temp_(\d+)_.*")  # the number is the process


def spill_folder(file: Path) -> Path:
    """The folder beside a database into which its queries spill. DuckDB makes it when it needs it."""
    return file.absolute().with_name(f"{file.name}.tmp")


def remove_left_spills(file: Path) -> list[Path]:
    """Remove what processes that no longer run have spilled beside a database, as DuckDB itself does.

    Returns:
        the files in that folder that stay: of running processes, of other programs, or not ours to remove.
    """
    folder, stay = spill_folder(file), []
    try:
        files = sorted(folder.iterdir())
    except NotADirectoryError:
        return [folder]
    except OSError:
        return [folder] if folder.exists() else []
    for path in files:
        spilled = SPILLED.fullmatch(path.name)
        try:
            if spilled is None or runs(int(spilled[1])):
                stay.append(path)
            else:
                path.unlink(missing_ok=True)
        except OSError:
            stay.append(path)
    if not stay:
        with suppress(OSError):  # a query spills there since
            folder.rmdir()
    return stay


def spills_of_others(file: Path) -> list[str]:
    """A line for what `remove_left_spills` leaves beside a database: it may hold any row; none if nothing is left."""
    stay = remove_left_spills(file)
    if not stay:
        return []
    more = f" and {len(stay) - 1:,} more" if len(stay) > 1 else ""
    return [
        f"{stay[0]}{more}: a running query, or a program that is not ours, keeps rows there; end it, or remove what "
        "is left, and forget again"
    ]
