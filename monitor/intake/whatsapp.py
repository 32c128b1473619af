"""Messages of a WhatsApp chat exported as text, of Android and iOS, in any language.

A message begins with a date; lines without one continue the message before them, and are refused if that message was
refused. `row` is the line on which a message begins. Lines that WhatsApp itself writes (joins, "end-to-end
encrypted") and pictures are not a person's text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from monitor.intake.csv_jsonl import add_object
from monitor.intake.raw_rows import MAX_LINE_BYTES, Batch, BatchBuilder, Line, Lines, Stream
from monitor.intake.selection import Selection

_CHECKED_LINES = 50  # one of so many first lines of a chat is a message
_MARKS = "\u200e\u200f\u202a\u202c\ufeff"
_START = re.compile(
    rf"^[{_MARKS}]*\[?(?P<date>\d{{1,4}}[./-]\s?\d{{1,2}}[./-]\s?\d{{1,4}})\.?,?\s"
    r"(?P<time>(?:上午|下午)?\s?\d{1,2}[:.]\d\d(?:[:.]\d\d)?(?:\s?[AaPp]\.?\s?[Mm]\.?)?)"
    r"(?:\]\s|\s[-–]\s)(?P<rest>.*)",
    re.DOTALL,
)
_AUTHOR = re.compile(rf"^[{_MARKS}~\s]*(?P<author>[^:\"“”]{{1,80}}?):\s(?P<text>.*)", re.DOTALL)
_NO_TEXT = re.compile(
    r"<[^<>]{1,60}>|null|(this message was|you) deleted( this message)?\.?|(diese|du hast diese) nachricht (wurde )?"
    r"gelöscht\.?|(此訊息已刪除|您已刪除此訊息)。?|(.{1,80} \((file attached|datei angehängt|檔案已附上)\))",
    re.IGNORECASE,
)
_EDITED = re.compile(rf"\s*[{_MARKS}]*<(This message was edited|Diese Nachricht wurde bearbeitet|已編輯此訊息)>\s*$")


def is_chat(text: str) -> bool:
    """Whether a text begins as a chat does."""
    return any(_START.match(line) for line in text.split("\n")[:_CHECKED_LINES])


def read_whatsapp(path: Path, batch_rows: int, selection: Selection, stream: Stream) -> Iterator[Batch]:
    """Batches of the messages of a chat; see `csv_jsonl.read_csv`.

    Raises:
        DataError: none of the first lines is a message.
    """
    builder = BatchBuilder(selection.measures, selection.dates)
    message: Line | None = None
    has_begun = False
    with stream:
        lines = Lines(stream, (selection.feed and selection.feed.encoding) or "UTF-8")
        while (line := lines.next_line()) is not None:
            is_start = _START.match(line.text) is not None
            has_begun = has_begun or is_start
            if is_start:
                _add(builder, message, selection)
                message = None if line.fault else line  # the next lines are of this message, not of the one before
            if line.fault:
                builder.refuse(line, line.fault)
            elif not is_start and message is not None and len(message.text) < MAX_LINE_BYTES:
                message = message._replace(text=message.text + line.text)
            elif not has_begun and line.number > _CHECKED_LINES:
                break
            elif not is_start and line.text.strip():
                builder.refuse(line, "no message: it does not begin with a date")
            if builder.is_full(batch_rows):
                yield builder.build()
        if not has_begun:
            raise selection.wrong_preset("none of its lines begins with a date and a time")
        _add(builder, message, selection)
    yield builder.build()


def _add(builder: BatchBuilder, message: Line | None, selection: Selection) -> None:
    if message is None:
        return
    start = _START.match(message.text)
    said = _AUTHOR.match(start["rest"]) if start else None
    if start is None or said is None:
        builder.skip()
        return
    text = _EDITED.sub("", said["text"].rstrip("\r\n"))
    if text.startswith("\u200e") or not text.strip(_MARKS + " ") or _NO_TEXT.fullmatch(text.strip()):
        builder.skip()
        return
    row = {"author": said["author"], "date": f"{start['date'].replace(' ', '')} {start['time']}", "text": text}
    add_object(builder, message, row, selection)
