"""Files inside a `.zip`: the single file of a feed, or the files of an export that its program packs."""

from __future__ import annotations

import lzma
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from monitor.errors import DataError
from monitor.intake.json_objects import DECODER
from monitor.intake.presets import Preset
from monitor.intake.streams import check_growth
from monitor.scratch_folder import left_folders, scratch_folder

_MAX_PERSON_BYTES = 2**20
UNPACKED = "risk-monitor-unpacked-"
# Damage raises these, and so does a password.
BAD_ZIP = (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error, lzma.LZMAError)


def members_to_read(path: Path, preset: Preset | None, endings: tuple[str, ...]) -> list[str]:
    """The files of a .zip that hold rows: those that the preset names, otherwise its only file of a kind we read.

    Raises:
        DataError: the file is no .zip, is encrypted, holds none or several such files, or two of one name.
    """
    try:
        with zipfile.ZipFile(path) as packed:
            files = [info for info in packed.infolist() if not info.is_dir() and not _is_hidden(info.filename)]
    except (OSError, *BAD_ZIP) as error:
        raise DataError(f"{path}: not a readable .zip (cut short or damaged?); pack it again") from error
    if any(info.flag_bits & 1 for info in files):
        raise DataError(f"{path}: this .zip has a password; unpack it")
    names = [info.filename for info in files]
    there = f"it holds: {', '.join(map(member_name, names[:6]))}{' …' if len(names) > 6 else ''}"
    if preset and preset.members:
        for group in preset.members:
            own = (name for name in names if any(fnmatch(PurePosixPath(name).name.lower(), one) for one in group))
            if matching := sorted(own):
                return _each_once(path, matching, names, preset)
    matching = [name for name in names if name.lower().endswith(endings)]
    if len(_each_once(path, matching, names, preset)) != 1:
        number = "no file" if not matching else "several files"
        raise DataError(f"{path}: {number} of a kind that is read ({there}); unpack it, or name a preset")
    return matching


def _each_once(path: Path, matching: list[str], names: list[str], preset: Preset | None) -> list[str]:
    """The names `matching`. A file is read by its name, so the second of one name would be read in its place, too.

    Raises:
        DataError: a name among them, or that of a file that names people, comes twice among `names`.
    """
    about = [preset.users, preset.person[0] if preset.person else ""] if preset else []
    beside = [name for name in names if any(own and _is_called(name, own) for own in about)]
    counts = Counter(names)
    if twice := next((name for name in [*matching, *beside] if counts[name] > 1), None):
        raise DataError(f"{path}: two files in it are called {member_name(twice)}; pack it again with one of them")
    return matching


def member_name(member: str) -> str:
    """The name of a file of the .zip, for messages."""
    return " ".join(member.split())[-60:]


def _is_called(name: str, own_name: str) -> bool:
    return PurePosixPath(name).name.lower() == own_name


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def person_of(path: Path, preset: Preset | None) -> str | None:
    """The id of the person whose archive this is, if one of its files names them."""
    if preset is None or preset.person is None:
        return None
    own_name, keys = preset.person
    try:
        with zipfile.ZipFile(path) as packed:
            name = next(n for n in packed.namelist() if _is_called(n, own_name))
            with packed.open(name) as stream:
                text = stream.read(_MAX_PERSON_BYTES).decode("utf-8", "replace")
        value = DECODER.decode(text[min(i for i in (text.find("["), text.find("{")) if i >= 0) :])
        value = value[0] if isinstance(value, list) else value
        for key in keys:
            value = value[key]
    except (StopIteration, ValueError, KeyError, IndexError, TypeError, OSError, *BAD_ZIP):
        return None
    return str(value) if isinstance(value, str | int) else None


def list_of_users(path: Path, preset: Preset | None) -> str | None:
    """The file of the .zip that lists the users, if the preset knows one."""
    if preset is None or not preset.users:
        return None
    with zipfile.ZipFile(path) as packed:
        return next((name for name in packed.namelist() if _is_called(name, preset.users)), None)


def packed_size(path: Path, member: str) -> int:
    """Size in bytes of a packed file of the .zip."""
    with zipfile.ZipFile(path) as packed:
        return packed.getinfo(member).compress_size


def left_unpacked() -> list[Path]:
    """Folders in which killed runs may have left unpacked files."""
    return left_folders(Path(tempfile.gettempdir()), UNPACKED)


@contextmanager
def unpacked(path: Path, member: str) -> Iterator[Path]:
    """A copy of a file of the .zip in a temporary folder, for formats that are not read from front to back.

    Raises:
        DataError: the file is damaged, or larger than allowed when unpacked.
    """
    with scratch_folder(Path(tempfile.gettempdir()), UNPACKED) as folder:
        copy = folder / f"member{PurePosixPath(member).suffix.lower()}"
        try:
            with zipfile.ZipFile(path) as packed, packed.open(member) as stream, copy.open("wb") as out:
                size = packed.getinfo(member).compress_size
                while block := stream.read(2**20):
                    out.write(block)
                    check_growth(path, out.tell(), size)
        except BAD_ZIP as error:
            raise DataError(f"{path}: {member_name(member)} in it is damaged; pack it again") from error
        yield copy
