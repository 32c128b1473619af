"""Read the files of a model folder, refuse damaged ones in one clear line, and compute their hashes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from tokenizers import Tokenizer

from monitor.errors import ModelError, MonitorError

MAX_JSON_BYTES = 2**24  # monitor.json and similar files have kilobytes
READING_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)
REMEDIES = {"tokenizer.json": "save the tokenizer in the fast format (tokenizer.json) there"}


@contextmanager
def damage_named(folder: Path) -> Iterator[None]:
    """Turn any error that a stranger's files cause in a library into one line that does not quote the files.

    Raises:
        ModelError: reading or computing failed in the block. A MonitorError passes unchanged.
    """
    try:
        yield
    except MonitorError:
        raise
    except (*READING_ERRORS, SafetensorError) as fault:
        raise ModelError(f"{folder}: damaged ({type(fault).__name__}); copy or download it again") from fault


def there(path: Path) -> Path:
    """The path itself, if there is a file at it.

    Raises:
        ModelError: there is no file.
    """
    if not path.is_file():
        raise ModelError(f"{path}: missing; {REMEDIES.get(path.name, 'copy or download it again')}")
    return path


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds.

    Raises:
        ModelError: the file is missing or damaged, or holds something else.
    """
    if there(path).stat().st_size > MAX_JSON_BYTES:
        raise ModelError(f"{path}: damaged (larger than 16 MiB); copy or download it again")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as fault:
        # Never repeat the library's message: the file may be a link to another file, which the message would quote.
        place = f"line {fault.lineno}, column {fault.colno}" if isinstance(fault, json.JSONDecodeError) else "no JSON"
        raise ModelError(f"{path}: damaged ({place}); copy or download it again") from fault
    if not isinstance(value, dict):
        raise ModelError(f"{path}: not a JSON object; copy or download it again")
    return value


def read_tokenizer(base: Path) -> Tokenizer:
    """The tokenizer.json of a base folder.

    Raises:
        ModelError: the file is missing or damaged.
    """
    path = there(base / "tokenizer.json")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as fault:  # tokenizers raises bare Exception for a damaged file
        raise ModelError(f"{path}: damaged, no tokenizer in it; copy or download it again") from fault


def base_hash(base: Path) -> str:
    """Hash of a base's weight files: the sha256 of the file, or of the files' hashes if there are several files.

    Raises:
        ModelError: there are no weight files.
    """
    files = sorted(base.glob("model*.safetensors"))
    if not files:
        raise ModelError(f"{base}: no model*.safetensors; give a folder with weights in that format")
    hashes = [file_hash(path) for path in files]
    return hashes[0] if len(hashes) == 1 else text_hash("".join(hashes))


def canonical(value: Any) -> str:
    """The JSON value as text that does not depend on the order of keys."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def text_hash(text: str) -> str:
    """Sha256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """Sha256 of a file, in hexadecimal digits.

    Raises:
        ModelError: there is no file.
    """
    with there(path).open("rb") as file:  # not the hash in a cache's file name: the folder's author chose it
        return hashlib.file_digest(file, "sha256").hexdigest()
