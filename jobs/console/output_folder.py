"""Output folders: make and check them before hours of work depend on them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from monitor.errors import ConfigError, cannot_write
from monitor.output_files import OutputFiles

MODEL_PARTS = ("monitor.json", "config.json", "adapter", "base")
TRAINING_FILES = ("training_list.npy", "training_curve.json", "training_curve.png")
_made: list[Path] = []  # the folders that `claim_folder` made in this process, outer ones first
OUR_PAGE = '<a class="skip" href="#main">'


def claim_folder(out: Path, option: str = "--out") -> None:
    """Make the folder that an option names, if it does not exist. If the command fails before it writes a file there,
    the folder is removed again.

    Raises:
        ConfigError: the folder cannot be made or written to. StoreError: the disk is full.
    """
    try:
        missing = [folder for folder in (*reversed(out.parents), out) if not folder.exists()]
        out.mkdir(parents=True, exist_ok=True)
        _made.extend(missing)
        tempfile.TemporaryFile(dir=out).close()
    except OSError as error:
        raise cannot_write(f"{option} {out}", error) from error


def remove_empty_folders() -> None:
    """Remove those folders that `claim_folder` made and that hold nothing, because their command failed."""
    while _made:
        with suppress(OSError):  # it holds a file, or another program removed it
            _made.pop().rmdir()


def claim_files(out: Path, kind: str, names: Sequence[str], marks: Sequence[str] = ()) -> OutputFiles:
    """Make the folder of --out, and check that each of these files is missing or was written by us.

    Before writing them, call `claim` of the result.

    Args:
        out: the folder.
        kind: kind of the files, as `OutputFiles` takes it.
        names: names of the files.
        marks: text in the first file by which a version without lists is recognised.

    Raises:
        ConfigError: a file is somebody else's, or the folder cannot be written. StoreError: the disk is full.
    """
    claim_folder(out)
    try:
        files = OutputFiles(out, kind, lambda: _earlier_files(out, names, marks))
        files.check(out / name for name in names)
    except OSError as error:
        raise cannot_write(f"--out {out}", error) from error
    return files


def _earlier_files(out: Path, names: Sequence[str], marks: Sequence[str]) -> Iterator[Path]:
    """The files of a version without lists, recognised by the text of the first file and of each page."""
    with suppress(OSError, UnicodeDecodeError):
        text = (out / names[0]).read_text("utf-8")
        if marks and all(f'"{mark}"' in text for mark in marks):
            for path in (out / name for name in names):
                if path.suffix != ".html" or not path.exists() or OUR_PAGE in path.read_text("utf-8"):
                    yield path


def claim_model_folder(out: Path) -> None:
    """Make and check the folder for a new model. No model in it is overwritten.

    Raises:
        ConfigError: the folder cannot be made or written to, or holds a part of a model or of a training run.
    """
    parts = [name for name in MODEL_PARTS if (out / name).exists()]
    if parts:
        raise ConfigError(
            f"--out {out}: holds a model already ({', '.join(parts)}); name another folder, or move that one away"
        )
    if theirs := [name for name in TRAINING_FILES if (out / name).exists()]:
        raise ConfigError(
            f"--out {out}: holds {', '.join(theirs)}, which training would replace; name another folder"
        )
    claim_folder(out)
