"""Remove the temporary files that a killed process leaves when its query did not fit into memory.

These files contain rows about people. DuckDB removes the files of killed processes only when a later query spills
into the same folder, which may never happen.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

from monitor.scratch_folder import runs

SPILLED = re.compile(r"duckdb_temp_(\d+)_.*")  # the number is the process


def spill_folder(file: Path) -> Path:
    """The folder beside a database into which its queries spill. DuckDB creates the folder at the first spill."""
    return file.absolute().with_name(f"{file.name}.tmp")


def remove_left_spills(file: Path) -> list[Path]:
    """Remove the files that processes which no longer run have spilled beside a database.

    Returns:
        the files that stay in the folder: of running processes, of other programs, or not removable by this user.
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
        with suppress(OSError):  # a query has spilled into the folder since
            folder.rmdir()
    return stay


def spills_of_others(file: Path) -> list[str]:
    """One line about the files that `remove_left_spills` leaves: they may hold any row; empty if none stay."""
    stay = remove_left_spills(file)
    if not stay:
        return []
    more = f" and {len(stay) - 1:,} more" if len(stay) > 1 else ""
    return [
        f"{stay[0]}{more}: a running query, or a program that is not ours, keeps rows there; end it, or remove what "
        "is left, and forget again"
    ]
