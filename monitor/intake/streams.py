"""Bytes of an input file as UTF-8: unpacked, and decoded by the feed's encoding; checked before a row is read."""

from __future__ import annotations

import codecs
import gzip
import io
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from monitor.errors import DataError
from monitor.intake.likely_encoding import in_words, likely_encodings
from monitor.intake.raw_rows import DAMAGE, MAX_LINE_BYTES, Stream

BLOCK_BYTES = 2**16  # buffer size; its complete lines are parsed at once
MAX_GROWTH = 200  # times that a packed file may grow; texts grow three to ten times
FREE_BYTES = 2**28  # any file may unpack to so many
MAX_NOT_UTF8 = 0.05  # largest share of rows that cannot be decoded; with more, the file has another encoding
_SAMPLE_BYTES = 2**20
_MARK, _UNDECODABLE = "risk-monitor-mark", "\udcff"  # name of the error handler, and what it writes

Opener = Callable[[], Stream]


class NotUtf8Error(DataError):
    """Too many rows are not UTF-8, and no encoding was given; `likely` holds the encodings that the file may have."""

    def __init__(self, message: str, likely: tuple[str, ...]) -> None:
        super().__init__(message)
        self.likely = likely


def _mark_undecodable(error: UnicodeError) -> tuple[str, int]:
    """Replace what cannot be decoded by a mark, and go on behind it.

    `surrogateescape` would not do: it refuses bytes below 128, which half a UTF-16 surrogate pair may hold, and may
    stop in the middle of a unit of UTF-16.
    """
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _UNDECODABLE, error.end


codecs.register_error(_MARK, _mark_undecodable)


class _Recoded(io.RawIOBase):
    """A stream of another encoding as UTF-8. Bytes that it cannot decode become bytes that are not UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str, path: Path) -> None:
        self._stream, self._encoding, self._path = stream, encoding, path
        self._decoder = codecs.getincrementaldecoder(encoding)(_MARK)
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            raw = self._stream.read(BLOCK_BYTES)
            try:
                text = self._decoder.decode(raw, final=not raw)
            except UnicodeError as error:  # UTF-16 without its mark, or a codec that is not for text
                raise DataError(
                    f"{self._path}: cannot be read as {self._encoding} ({error}); name its own encoding"
                ) from error
            self._rest = text.encode("utf-8", "surrogatepass")
            if not raw:
                break
        n = min(len(buffer), len(self._rest))
        buffer[:n], self._rest = self._rest[:n], self._rest[n:]
        return n

    def close(self) -> None:
        self._stream.close()
        super().close()


def open_text(path: Path, encoding: str | None = None, member: str | None = None) -> Stream:
    """The bytes of a file, of a `.gz`, or of a member of a `.zip`, as UTF-8."""
    stream: Any
    if member is not None:
        stream = zipfile.ZipFile(path).open(member)  # noqa: SIM115  (the stream is the caller's to close)
        stream.readinto = stream.readinto1  # otherwise damage would cost the whole block before it
    elif path.suffix.lower() == ".gz":
        stream = gzip.GzipFile(path)
    else:
        stream = io.FileIO(path)
    if encoding is not None and codecs.lookup(encoding).name != "utf-8":
        return io.BufferedReader(_Recoded(stream, encoding, path), BLOCK_BYTES)
    if isinstance(stream, gzip.GzipFile):
        return stream
    return io.BufferedReader(stream, BLOCK_BYTES)


def check_text(path: Path, opener: Opener, packed_bytes: int | None, encoding: str | None) -> None:
    """Read a text file once before its rows, to check that it is not a zip bomb and has the feed's encoding.

    Args:
        path: the file, for messages.
        opener: opens it anew, as UTF-8.
        packed_bytes: size of the file, or of its member of a `.zip`, if it is packed.
        encoding: what the feed says; None: UTF-8.

    Raises:
        DataError: the file is damaged before its first row, unpacks to more than MAX_GROWTH times its size, or more
            than MAX_NOT_UTF8 of its rows (and more than one) cannot be decoded; if the feed names no encoding, it is
            a NotUtf8Error.
    """
    decoder, is_utf8, n_bytes = codecs.getincrementaldecoder("utf-8")(), True, 0
    try:
        stream = opener()
        stream.peek(1)
    except DAMAGE as error:
        raise DataError(f"{path}: the file is damaged or cut short; export it again") from error
    with stream:
        try:
            while block := stream.read(_SAMPLE_BYTES):
                n_bytes += len(block)
                if packed_bytes is not None:
                    check_growth(path, n_bytes, packed_bytes)
                try:
                    if is_utf8:
                        decoder.decode(block)
                except UnicodeDecodeError:
                    is_utf8 = False
        except DAMAGE:
            return  # damaged bytes may unpack to anything, so they do not show the encoding
    if not is_utf8:
        _check_rows(path, opener, encoding)


def check_growth(path: Path, n_bytes: int, packed_bytes: int) -> None:
    """Raise DataError if `packed_bytes` are too few for `n_bytes`: no export of texts is packed so tightly."""
    if n_bytes > FREE_BYTES and n_bytes > MAX_GROWTH * packed_bytes:
        raise DataError(
            f"{path}: it unpacks to more than {MAX_GROWTH} times its size, which no export does (a zip bomb?); "
            "unpack it yourself, or write it without compression, if you trust it"
        )


def _check_rows(path: Path, opener: Opener, encoding: str | None) -> None:
    n = bad = 0
    sample = b""
    with suppress(*DAMAGE), opener() as stream:
        while line := stream.readline(MAX_LINE_BYTES):
            n += bool(line.strip())
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                bad += 1
                if len(sample) < _SAMPLE_BYTES:
                    sample += line[:_SAMPLE_BYTES]
    n = max(n - 1, 1)  # the header is no row
    if bad < 2 or bad <= MAX_NOT_UTF8 * n:
        return
    there = f"{path}: {min(bad, n):,} of its {n:,} rows are not {encoding or 'UTF-8'}"
    if encoding is not None:
        raise DataError(f"{there}; give another encoding, or save the file as UTF-8")
    likely = likely_encodings(sample)
    if len(likely) == 1:
        give = f'; give encoding = "{likely[0]}" in its [[feeds]] (or --encoding {likely[0]})'
    else:
        give = ". Name the one of the program that wrote it as encoding in its [[feeds]] (or --encoding NAME)"
    remedy = f"it seems to be {in_words(likely)}{give}, or save it as UTF-8 (in Excel: CSV UTF-8)"
    raise NotUtf8Error(f"{there}, {remedy}", likely)
