"""The files of an output folder that this program wrote: only these are replaced or removed.

A folder may hold files of other people: the pages of a web site, a study, the exports of another program. So each
kind of output keeps a list of its own files in the folder, `.risk-monitor-KIND`, with one name per line. A name is
listed before its file is written, so a killed run leaves no file that the next run would take for somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from monitor.errors import ConfigError

LIST_PREFIX = ".risk-monitor-"
RESULTS = "query"  # the kind of files that `query --out` writes; no run writes them again


def listed_as(path: Path) -> str | None:
    """The kind of output whose list names this file; of a file that is such a list, the kind of the list; else None.

    Lists are searched in the folder of the file and in the one above.
    """
    for folder in (path.parent, path.parent.parent):
        for file in folder.glob(f"{LIST_PREFIX}*"):
            kind = file.name.removeprefix(LIST_PREFIX)
            if file == path:
                return kind
            with suppress(OSError):  # a file of others, which has the name of a list
                if path.relative_to(folder).as_posix() in _names_in(file):
                    return kind
    return None


class OutputFiles:
    """The list of the files that one kind of output has in a folder.

    Args:
        folder: the output folder; it need not exist yet.
        kind: such as "report"; two kinds may share a folder.
        earlier: finds the files of a version that wrote no list. It is called if there is no list yet.

    Raises:
        ConfigError: the list names a file outside of the folder. OSError: the list cannot be read.
    """

    def __init__(self, folder: Path, kind: str, earlier: Callable[[], Iterable[Path]] = tuple) -> None:
        self.folder = folder
        self._list = folder / f"{LIST_PREFIX}{kind}"
        if self._list.exists() and not self._list.is_file():
            raise ConfigError(
                f"{self._list}: risk-monitor keeps a list in a file of this name, but this file is not a "
                "list; move it away"
            )
        self._listed = self._list.is_file()
        if self._listed:
            self._names = set(_names_in(self._list))
        else:
            self._names = {self._name(path) for path in earlier()} - self._of_other_kinds()
        for name in sorted(self._names):
            if not self._is_inside(name):
                raise ConfigError(
                    f"{self._list}: this list names {name[:40]!r}, which lies outside of its folder; "
                    "risk-monitor wrote no such line, so look at the list and remove it"
                )

    @property
    def paths(self) -> list[Path]:
        """The files in the list; they need not exist."""
        return [self.folder / name for name in sorted(self._names)]

    def check(self, paths: Iterable[Path]) -> None:
        """Check that each of these files is missing or one of ours. A link is never ours.

        Raises:
            ConfigError: a file is somebody else's, or its name does not fit on a line of the list.
        """
        for path in paths:
            if "\n" in self._name(path):
                raise ConfigError(f"{path}: a name with a line break; name another file")
            foreign = path.is_symlink() or (self._name(path) not in self._names and path.exists())
            if foreign or not self._is_inside(self._name(path)):
                raise ConfigError(
                    f"{path}: risk-monitor did not write this file, and does not replace it; move it away, or name "
                    "another place"
                )

    def claim(self, *paths: Path) -> None:
        """List files that are about to be written.

        Raises:
            ConfigError: as `check`. OSError: the list cannot be written.
        """
        self.check(paths)
        new = {self._name(path) for path in paths} - self._names
        if not self._listed:
            new |= self._names
        self._names |= new
        if new or not self._listed:
            # Two queries may write into one folder at once: a line that is added keeps the lines of the other.
            with self._list.open("a", encoding="utf-8", errors="surrogateescape") as file:
                file.write("".join(f"{name}\n" for name in sorted(new)))
            self._listed = True

    def keep_only(self, paths: Iterable[Path]) -> None:
        """Remove our files except `paths`, and shorten the list to `paths`.

        Raises:
            OSError: a file cannot be removed, or the list cannot be written.
        """
        kept = {self._name(path) for path in paths}
        for name in self._names - kept:
            if not (self.folder / name).is_symlink():
                (self.folder / name).unlink(missing_ok=True)
        self._names = kept
        self._save()

    def _name(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()

    def _is_inside(self, name: str) -> bool:
        """Whether a name stays within the folder, also where a folder below it is a link."""
        parts = PurePosixPath(name).parts
        if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name:
            return False
        return (self.folder / name).parent.resolve().is_relative_to(self.folder.resolve())

    def _of_other_kinds(self) -> set[str]:
        """The names in the other lists of this folder."""
        lists = (file for file in self.folder.glob(f"{LIST_PREFIX}*") if file != self._list and file.is_file())
        return {name for file in lists for name in _names_in(file)}

    def _save(self) -> None:
        unfinished = self._list.with_name(f"{self._list.name}.new")
        text = "".join(f"{name}\n" for name in sorted(self._names))
        unfinished.unlink(missing_ok=True)
        unfinished.write_text(text, encoding="utf-8", errors="surrogateescape")
        unfinished.replace(self._list)
        self._listed = True


def _names_in(file: Path) -> list[str]:
    """The names in a list. Only a line feed ends a name: `str.splitlines` would also cut at U+2028 within a name."""
    text = file.read_bytes().decode("utf-8", "surrogateescape")
    return text.removesuffix("\n").split("\n") if text else []
