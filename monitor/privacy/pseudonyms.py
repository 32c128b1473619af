"""Pseudonyms: keyed hashes that replace ids on reading, so that no stored row names a person without the key.

The key comes from the variable RISK_MONITOR_KEY, or from a key file that only its owner can read. The database never
contains the key, only its fingerprint, so that a second key cannot split a person's history in two. The key also
hashes document ids: the id of a post often leads to its author, and anybody could test guesses against an unkeyed
hash of a text long after the text was removed.

HMAC: RFC 2104. Source of the practice: ENISA, "Pseudonymisation techniques and best practices", 2019.
"""

from __future__ import annotations

import base64
import hmac
import os
import re
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from monitor.errors import ConfigError, cannot_write
from monitor.regular_files import require_regular

KEY_VARIABLE = "RISK_MONITOR_KEY"
MIN_KEY_CHARACTERS = 16
PLAIN = "plain"  # the fingerprint of a database that stores ids as they are


class Pseudonyms:
    """Keyed hashes, always the same for the same key and id; nobody can compute or reverse them without the key.

    Args:
        key: at least MIN_KEY_CHARACTERS characters, not counting spaces around them.
        origin: the source of the key, for the error message.

    Raises:
        ConfigError: the key is too short to protect anything.
    """

    def __init__(self, key: str, origin: str = KEY_VARIABLE) -> None:
        if len(key.strip()) < MIN_KEY_CHARACTERS:
            raise ConfigError(
                f"{origin}: a key needs at least {MIN_KEY_CHARACTERS} characters; "
                "`openssl rand -hex 32` makes a good one"
            )
        self._key = key.strip().encode()

    def of(self, subject_id: str) -> str:
        """The pseudonym of a subject, 16 letters (80 bits)."""
        return self.of_subjects([subject_id])[0]

    def of_subjects(self, subject_ids: Sequence[str]) -> list[str]:
        """The pseudonym of each subject."""
        return self._hashed("subject", subject_ids, 10)

    def of_documents(self, names: Sequence[str]) -> list[str]:
        """The id of each document, 26 letters (128 bits), from its given id, or from subject, time and text."""
        return self._hashed("document", names, 16)

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, which identifies the key and reveals nothing else about it."""
        return self._hashed("fingerprint", [""], 10)[0]

    def _hashed(self, purpose: str, values: Sequence[str], n_bytes: int) -> list[str]:
        keyed = (f"{purpose}\0{value}".encode("utf-8", "replace") for value in values)
        digests = (hmac.digest(self._key, value, "sha256")[:n_bytes] for value in keyed)
        return [base64.b32encode(digest).decode().rstrip("=").lower() for digest in digests]


def looks_like_pseudonym(subject: str) -> bool:
    """Whether an id has the form of a subject's pseudonym."""
    return re.fullmatch("[a-z2-7]{16}", subject) is not None


def default_key_file(db: Path) -> Path:
    """The key file, beside the database, that is used if the settings do not name one."""
    return db.with_name(f"{db.name}.key")


def open_pseudonyms(key_file: Path, *, create: bool = True) -> Pseudonyms:
    """The pseudonyms of the key in RISK_MONITOR_KEY if it is set, otherwise of the key file.

    Args:
        key_file: a file with mode 600; its whole text is the key.
        create: create a missing file with a new random key.

    Raises:
        ConfigError: the key is too short, or its file is missing, unreadable, or readable by others, or cannot
            be made. StoreError: the disk is full.
    """
    key = os.environ.get(KEY_VARIABLE)
    if key is not None:
        return Pseudonyms(key, f"variable {KEY_VARIABLE}")
    require_regular(key_file, ConfigError)
    try:
        if create and not key_file.exists():
            _create(key_file)
        with key_file.open(encoding="utf-8") as stream:
            if os.fstat(stream.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(
                    f"{key_file}: others can read or change this key; `chmod 600 {key_file}`, and start a new "
                    "database with a new key if somebody may have read it"
                )
            return Pseudonyms(stream.read(), str(key_file))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{key_file}: the key of this database's first run is not here; bring it back from where that run was, "
            f"name another path (key_file, --key-file), or set {KEY_VARIABLE}"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{key_file}: cannot read the key of the pseudonyms ({error.strerror}); let this user read it"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{key_file}: not a key file (its bytes are not UTF-8 text)") from error


def _create(key_file: Path) -> None:
    """Create the file in one step, so that two simultaneous runs use the same key."""
    unfinished = key_file.with_name(f".{key_file.name}.{os.getpid()}.new")
    try:
        key_file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            os.fchmod(stream.fileno(), 0o600)  # whatever the umask: under 777 the file would have mode 000
            stream.write(secrets.token_hex(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):  # another run was faster
            os.link(unfinished, key_file)
    except OSError as error:
        raise cannot_write(str(key_file), error) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
