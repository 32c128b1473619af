"""The files of a model folder: read, or refused in one clear line, and their hashes."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from monitor.errors import ModelError

REMEDIES = {"tokenizer.json": "save the tokenizer in the fast format (tokenizer.json) there"}


def there(path: Path) -> Path:
    """The path of a file.

    Raises:
        ModelError: there is no file.
    """
    if not path.is_file():
        raise ModelError(f"{path}: missing; {REMEDIES.get(path.name, 'copy or download it again')}")
    return path


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ModelError: the file is missing or damaged, or holds something else.
    """
    try:
        value = json.loads(there(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as fault:
        raise ModelError(f"{path}: damaged ({fault}); copy or download it again") from fault
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
        raise ModelError(f"{path}: damaged ({fault}); copy or download it again") from fault


def base_hash(base: Path) -> str:
    """Hash of a base's weight files: sha256 of the file, or of the files' hashes where there are several.

    Raises:
        ModelError: there are no weight files.
    """
    files = sorted(base.glob("model*.safetensors"))
    if not files:
        raise ModelError(f"{base}: no model*.safetensors; give a folder with weights in that format")
    hashes = [file_hash(path) for path in files]
    return hashes[0] if len(hashes) == 1 else text_hash("".join(hashes))


def canonical(value: Any) -> str:
    """The same text for the same JSON value, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def text_hash(text: str) -> str:
    """Sha256 of a text, in hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def file_hash(path: Path) -> str:
    """Sha256 of a file, in hexadecimal digits.

    Raises:
        ModelError: there is no file.
    """
    # The hub's cache names a large file by its sha256: a snapshot links to blobs/<sha256>.
    target = there(path).resolve()
    if target.parent.name == "blobs" and re.fullmatch(r"[0-9a-f]{64}", target.name):
        return target.name
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
