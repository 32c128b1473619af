"""Subject ids become keyed hashes at the door, so that nothing kept here names a person to one without the key.

The key comes from the variable RISK_MONITOR_KEY, or from a key file that its owner alone can read; it is never
in the database, which holds a fingerprint only, so that a second key cannot split a person in two. A document's
id is hashed with the key as well: the id of a post often leads to its author, and an unkeyed hash of a text could
be guessed at long after the text is gone.

HMAC: RFC 2104. Source of the practice: ENISA, "Pseudonymisation techniques and best practices", 2019.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np

from monitor.errors import ConfigError

KEY_VARIABLE = "RISK_MONITOR_KEY"
MIN_KEY_CHARACTERS = 16
# The letters of base 32 (RFC 4648), small.
LETTERS = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
PLAIN = "plain"  # the fingerprint of a database whose ids came in as pseudonyms, or may be kept


class Pseudonyms:
    """Keyed hashes, always the same for the same key and id; without the key nobody can make or undo them.

    Args:
        key: at least MIN_KEY_CHARACTERS characters; spaces around it do not count.
        origin: where it comes from, for the error.

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
        """Tells this key from another, and nothing more about it."""
        return self._hashed("fingerprint", [""], 10)[0]

    def _hashed(self, purpose: str, values: Sequence[str], n_bytes: int) -> list[str]:
        keyed = (f"{purpose}\0{value}".encode("utf-8", "replace") for value in values)
        digests = b"".join(hmac.digest(self._key, value, "sha256")[:n_bytes] for value in keyed)
        # All at once, for base64.b32encode takes longer than the hash.
        bits = np.unpackbits(np.frombuffer(digests, np.uint8).reshape(-1, n_bytes), axis=1)
        n_letters = -(-8 * n_bytes // 5)
        fives = np.pad(bits, ((0, 0), (0, 5 * n_letters - 8 * n_bytes))).reshape(-1, n_letters, 5)
        written = LETTERS[fives @ np.array([16, 8, 4, 2, 1], np.uint8)]
        return [str(name) for name in written.view(f"S{n_letters}").ravel().astype(str)]


def default_key_file(db: Path) -> Path:
    """Where a database's key is kept unless the settings name another place: beside it."""
    return db.with_name(f"{db.name}.key")


def open_pseudonyms(key_file: Path, *, create: bool = True) -> Pseudonyms:
    """The pseudonyms of RISK_MONITOR_KEY where it is set, otherwise of the key file.

    Args:
        key_file: a file with mode 600; the key is all of its text.
        create: make it, with a new random key, where there is none.

    Raises:
        ConfigError: the key is too short, or its file is missing, unreadable, or readable by others.
    """
    given = os.environ.get(KEY_VARIABLE)
    if given is not None:
        return Pseudonyms(given, f"variable {KEY_VARIABLE}")
    try:
        if create and not key_file.exists():
            _create(key_file)
        with key_file.open(encoding="utf-8") as stream:
            if os.fstat(stream.fileno()).st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                raise ConfigError(
                    f"{key_file}: others can read or change this key; `chmod 600 {key_file}`, and make a new key "
                    "for a new database if somebody may have read it"
                )
            return Pseudonyms(stream.read(), str(key_file))
    except FileNotFoundError as error:
        raise ConfigError(
            f"{key_file}: the key that this database was begun with is not here; bring it from where it was begun, "
            f"name it (key_file, --key-file), or set {KEY_VARIABLE}"
        ) from error
    except OSError as error:
        raise ConfigError(f"{key_file}: cannot read the key of the pseudonyms ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{key_file}: not a key file (its bytes are no text)") from error


def _create(key_file: Path) -> None:
    """Make the file in one step, so that two runs at once agree on one key."""
    key_file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = key_file.with_name(f".{key_file.name}.{os.getpid()}.new")
    unfinished.unlink(missing_ok=True)
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_hex(32) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        with suppress(FileExistsError):  # another run was faster
            os.link(unfinished, key_file)
    finally:
        unfinished.unlink(missing_ok=True)
