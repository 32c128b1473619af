"""Exports as real programs write them, with invented content: each gets in whole, and `inspect` says how.

The files in `exports` hold the same five entries of Anna, Ben and Carl.
"""

import csv
import datetime as dt
import io
import json
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl
import pytest

from jobs.inspect import print_inspection
from monitor.errors import DataError
from monitor.intake.documents import Chunk, read_documents
from monitor.intake.feeds import Feed
from monitor.intake.inspection import inspect_file
from monitor.intake.settings_block import as_toml
from tests.support.excel_file import write_excel
from tests.support.inputs import write

EXPORTS = Path(__file__).parent / "exports"
TIMES = [
    dt.datetime(2026, 10, 5, 17, 35, 15),
    dt.datetime(2026, 10, 5, 18, 13, 34),
    dt.datetime(2026, 10, 13, 20, 49, 7),
    dt.datetime(2026, 10, 25, 18, 2),
    dt.datetime(2026, 11, 2, 20, 7, 50),
]
TEXTS = [
    "Quiet day. Tea with Sam, then the library",
    "Cried again, I feel miserable and so alone",
    'Nice dinner: curry, and "cake"\nwith everybody',
    "Lectures, gym, bed. Fine; nothing else",
    "I don’t know — everything feels naïve ☹",
]
PEOPLE = [0, 1, 0, 2, 1]
CASES = {
    "google_forms.csv": {"preset": "google-forms", "time_zone": "Europe/London"},
    "qualtrics.csv": {"preset": "qualtrics", "text": "Q2"},
    "qualtrics_list.csv": {"preset": "qualtrics", "subject_id": "RecipientEmail", "text": "Q2"},
    "redcap_labels.csv": {"preset": "redcap", "text": "How was your day?"},
    "redcap.csv": {"preset": "redcap", "text": "diary_text", "time_zone": "Europe/London"},
    "m_path.csv": {"preset": "m-path", "text": "diary_open", "measures": "mood_sliderNegPos"},
    "reddit_comments.jsonl": {"preset": "reddit"},
    "anna.zip": {"preset": "reddit"},
    "twitter.zip": {"preset": "twitter-archive"},
    "slack_2026-10-05.json": {"preset": "slack"},
    "slack.zip": {"preset": "slack"},
    "discord.json": {"preset": "discord"},
    "discord_package.zip": {"preset": "discord"},
    "telegram_result.json": {"preset": "telegram"},
    "WhatsApp Chat with Study.txt": {"preset": "whatsapp", "time_zone": "Europe/London"},
    "WhatsApp Chat with Study.zip": {"preset": "whatsapp", "time_zone": "Europe/London"},
    "whatsapp_ios_de_chat.txt": {"preset": "whatsapp", "time_zone": "Europe/Berlin"},
    "dayone_Journal.json": {"preset": "dayone"},
    "excel.xlsx": {"subject_id": "Who", "posted_at": "When", "text": "Entry"},
    "excel_german.csv": {
        "subject_id": "Teilnehmer",
        "posted_at": "Zeitpunkt",
        "text": "Eintrag",
        "day_first": True,
        "time_zone": "Europe/Berlin",
        "encoding": "cp1252",
    },
}
ONE_PERSON = {"twitter.zip", "dayone_Journal.json", "anna.zip", "discord_package.zip"}
NO_SECONDS = {"WhatsApp Chat with Study.txt", "WhatsApp Chat with Study.zip"}


@pytest.fixture
def export(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The file of this name; packed files are packed from the others."""
    name = str(request.param)
    if name == "slack.zip":
        days: dict[str, list[dict[str, object]]] = {}
        for message in json.loads((EXPORTS / "slack_2026-10-05.json").read_text(encoding="utf-8")):
            day = dt.datetime.fromtimestamp(float(str(message["ts"])), dt.UTC).date()
            days.setdefault(f"diary/{day}.json", []).append(message)
        files = {"users.json": "[]", "channels.json": "[]", **{name: json.dumps(day) for name, day in days.items()}}
        return pack(tmp_path / name, files)
    if name == "twitter.zip":
        files = {f"data/{file}": (EXPORTS / file).read_text(encoding="utf-8") for file in ("tweets.js", "account.js")}
        start, _, tweets = files["data/tweets.js"].partition(" = ")
        first, *rest = json.loads(tweets)  # a long archive is in several parts
        parts = {"data/tweets.js": [first], "data/tweets-part1.js": rest, "data/deleted-tweets.js": []}
        files |= {part: f"{start} = {json.dumps(tweets)}" for part, tweets in parts.items()}
        return pack(tmp_path / name, {**files, "Your archive.html": "<html>"})
    if name in ("anna.zip", "discord_package.zip"):
        return pack(tmp_path / name, reddit_request() if name == "anna.zip" else discord_package())
    if name == "WhatsApp Chat with Study.zip":
        chat = (EXPORTS / name).with_suffix(".txt").read_text(encoding="utf-8")
        return pack(tmp_path / name, {"WhatsApp Chat with Study.txt": chat, "notes.txt": "a note\nthat was sent\n"})
    if name == "qualtrics_list.csv":  # people of a contact list without an id of their own
        head, *rows = csv.reader((EXPORTS / "qualtrics.csv").read_text(encoding="utf-8").splitlines(keepends=True))
        email, own = head.index("RecipientEmail"), head.index("ExternalReference")
        for row in rows[2:]:
            row[email], row[own] = row[own], ""
        return write_table(tmp_path / name, [head, *rows])
    if name == "redcap_labels.csv":
        return write_table(tmp_path / name, redcap_labels())
    if name == "excel.xlsx":
        days_since = [(time - dt.datetime(1899, 12, 30)) / dt.timedelta(days=1) for time in TIMES]
        rows = [[f"P{person}", day, text] for person, day, text in zip(PEOPLE, days_since, TEXTS, strict=True)]
        return write_excel(tmp_path / name, [["Who", "When", "Entry"], *rows], date_column=1)
    return EXPORTS / name


def reddit_request() -> dict[str, str]:
    """What Reddit sends to a person: comments and posts side by side, with names of columns of their own."""
    rows = [[f"k{i}", f"{time} UTC", "", text] for i, (time, text) in enumerate(zip(TIMES, TEXTS, strict=True))]
    head = ["id", "date", "permalink", "body"]
    return {
        "comments.csv": table([head, *rows[:3]]),
        "posts.csv": table([[*head, "title"], *([*row, ""] for row in rows[3:])]),
        "comment_headers.csv": table([["id", "date"]]),
        "statistics.csv": table([["statistic", "value"]]),
    }


def discord_package() -> dict[str, str]:
    """Discord's own package: a folder a channel, as CSV in those of before 2024."""
    rows = [[i, f"{time}+00:00", text, ""] for i, (time, text) in enumerate(zip(TIMES, TEXTS, strict=True))]
    head = ["ID", "Timestamp", "Contents", "Attachments"]
    return {
        "account/user.json": json.dumps({"id": "771203", "username": "anna"}),
        "messages/index.json": json.dumps({"1": "general", "2": "diary"}),
        "messages/c1/channel.json": json.dumps({"id": "1", "type": 0}),
        "messages/c1/messages.csv": table([head, *rows[:2]]),
        "messages/c2/messages.json": json.dumps([dict(zip(head, row, strict=True)) for row in rows[2:]]),
    }


def redcap_labels() -> list[list[object]]:
    """REDCap's records with labels; each person also has a row of an event without the diary."""
    head = ["Record ID", "Event Name", "Repeat Instrument", "Repeat Instance", "Survey Identifier", "Age"]
    head += ["Survey Timestamp", "How was your day?", "Complete?"]
    forms: list[list[object]] = [[person, "Baseline", "", "", "", 30 + person, "", "", ""] for person in range(3)]
    forms += [[person, "Week 9", "Diary", 9, "", "", "[not completed]", "", "Incomplete"] for person in range(3)]
    entries = zip(PEOPLE, TIMES, TEXTS, strict=True)
    return [
        list(head),
        *forms,
        *(
            [person, "Week 1", "Diary", 1, "", "", f"{time:%Y-%m-%d %H:%M:%S}", text, "Complete"]
            for person, time, text in entries
        ),
    ]


def table(rows: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


def write_table(path: Path, rows: Iterable[Iterable[object]]) -> Path:
    return write(path, table(rows))


def pack(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def check(path: Path, chunks: list[Chunk], *, has_zone: bool = True) -> None:
    """The five entries are there, each of its person, at its time; nothing was rejected."""
    documents = [row for chunk in chunks for row in chunk.documents.iter_rows(named=True)]
    documents.sort(key=lambda row: row["posted_at"])  # the parts of an archive follow each other by name
    assert [reason for chunk in chunks for reason in chunk.rejects["reason"]] == []
    expected_texts = TEXTS
    if path.name == "excel_german.csv":  # CP1252 has no sad face, and Carl writes German
        expected_texts = [*TEXTS[:3], f"{TEXTS[3]} – müde", TEXTS[4].removesuffix(" ☹")]
    assert [row["text"] for row in documents] == expected_texts
    if has_zone:
        expected = [time.replace(second=0) for time in TIMES] if path.name in NO_SECONDS else TIMES
        assert [row["posted_at"] for row in documents] == expected
    subjects = [row["subject_id"] for row in documents]
    people = [0] * 5 if path.name in ONE_PERSON else PEOPLE
    assert [subjects.index(subject) for subject in subjects] == [people.index(person) for person in people]


@pytest.mark.parametrize(("export", "settings"), CASES.items(), indirect=["export"], ids=CASES)
def test_an_export_gets_in_whole_by_its_preset_or_a_few_settings(export: Path, settings: dict[str, str]) -> None:
    chunks = list(read_documents(export, feed=Feed(**settings)))  # type: ignore[arg-type]
    check(export, chunks)
    if export.name == "m_path.csv":
        assert chunks[0].measures["value"].to_list() == [3.0, 4.0, 5.0, 6.0, 7.0]


@pytest.mark.parametrize("export", CASES, indirect=True)
def test_inspect_proposes_settings_that_read_the_export_untouched(export: Path) -> None:
    found = inspect_file(export)
    assert (found.n_taken, found.n_rejected, found.refused) == (5, 0, None)
    has_zone = "time_zone" not in CASES[export.name]  # no file says the zone of its clock
    check(export, list(read_documents(export, feed=found.feed)), has_zone=has_zone)
    block = as_toml(found.feed, export)
    assert block.startswith("[[feeds]]\n")
    assert not any(text[:12] in block or text[:12] in repr(found.columns) for text in TEXTS)


HEADERS = {
    "pandas.csv": ",Who,When,What\n{}",
    "row numbers.tsv": "\tWho\tWhen\tWhat\n{}",
    "excel.csv": "Who,When,What,,,\n{}",
    "title.csv": "Study 7,,\nwritten on 5 October,,\n,,\nWho,When,What\n{}",
    "lines.csv": "Study 7\n\nWho,When,What\n{}",
    "long title.csv": '"Study\n7",,\nWho,When,What\n{}',
}


@pytest.mark.parametrize("name", [*HEADERS, "title.xlsx", "numbers.xlsx"])
def test_inspect_finds_the_header_below_a_title_and_beside_columns_without_a_name(tmp_path: Path, name: str) -> None:
    rows: list[list[object]] = [[f"who{i % 3}", f"2026-10-0{i + 1}", f"a day that was fine {i}"] for i in range(6)]
    path = tmp_path / name
    if name == "title.xlsx":
        write_excel(path, [["Study 7"], [None], ["Who", "When", "What"], *rows], merged="A1:C1")
    elif name == "numbers.xlsx":
        write_excel(path, [[None, "Who", "When", "What"], *([i, *row] for i, row in enumerate(rows))])
    else:
        before, after, mark = (
            name in ("pandas.csv", "row numbers.tsv"),
            3 * (name == "excel.csv"),
            "\t,"[".csv" in name],
        )
        lines = (mark.join(map(str, [*[i] * before, *row, *[""] * after])) for i, row in enumerate(rows))
        write(path, HEADERS[name].format("\n".join(lines)))
    found = inspect_file(path)
    assert [column.name for column in found.columns] == ["Who", "When", "What"]
    assert (found.n_taken, found.n_rejected, found.questions) == (6, 0, {})
    chunks = list(read_documents(path, feed=found.feed))
    assert [text for chunk in chunks for text in chunk.documents["text"]] == [row[2] for row in rows]
    if not found.feed.skip_rows:
        with pytest.raises(DataError, match="it has: Who, When, What"):
            next(read_documents(path))


ODD: list[object] = [None, 5, -1.5, True, "", "x", [], [5], [None], ["x", 5], {}, {"text": 5}, [["x"]], float("nan")]


def with_odd_values(value: object) -> Iterator[object]:
    """The value with one of its parts, however deep, replaced by another JSON value, or without it."""
    yield from ODD
    if isinstance(value, dict):
        for key, part in value.items():
            yield {name: other for name, other in value.items() if name != key}
            yield from ({**value, key: odd} for odd in with_odd_values(part))
    elif isinstance(value, list):
        for i, part in enumerate(value):
            yield from ([*value[:i], odd, *value[i + 1 :]] for odd in with_odd_values(part))


def entries_of(name: str) -> list[dict[str, object]]:
    content = (EXPORTS / name).read_text(encoding="utf-8")
    if name.endswith(".jsonl"):
        return [json.loads(line) for line in content.splitlines()]
    tree = json.loads(content.partition(" = ")[2] if name.endswith(".js") else content)
    return list(tree if isinstance(tree, list) else tree.get("messages") or tree["entries"])


@pytest.mark.parametrize(
    ("name", "preset"),
    [
        ("reddit_comments.jsonl", "reddit"),
        ("tweets.js", "twitter-archive"),
        ("slack_2026-10-05.json", "slack"),
        ("discord.json", "discord"),
        ("telegram_result.json", "telegram"),
        ("dayone_Journal.json", "dayone"),
    ],
)
def test_an_entry_with_any_other_json_value_in_it_costs_itself(tmp_path: Path, name: str, preset: str) -> None:
    others = entries_of(name)
    first = next(entry for entry in others if TEXTS[0][:9] in json.dumps(entry))
    others.remove(first)
    entries = [first, *with_odd_values(first), *others]
    key = {"discord": "messages", "telegram": "messages", "dayone": "entries"}.get(preset)
    if preset == "reddit":
        content = "\n".join(map(json.dumps, entries))
    else:
        content = json.dumps({"id": 5, key: entries} if key else entries)
    path = write(tmp_path / f"anna{Path(name).suffix}", content)
    chunks = list(read_documents(path, feed=Feed(preset=preset), on_change="keep_both"))  # type: ignore[arg-type]
    assert sum(chunk.n_read + chunk.n_not_texts for chunk in chunks) == len(entries)
    taken = [text for chunk in chunks for text in chunk.documents["text"]]
    assert {"x", TEXTS[4]} <= set(taken)
    assert all(chunk.n_read == chunk.n_valid + chunk.rejects.height for chunk in chunks)


@pytest.mark.parametrize(
    ("preset", "entry", "text"),
    [
        (
            "reddit",
            {"author": "u", "created_utc": 1767600000, "body": "me &amp; you &lt;3", "id": "a"},
            "me & you <3",
        ),
        (
            "twitter-archive",
            {
                "tweet": {
                    "id_str": "1",
                    "created_at": "Mon Jan 05 10:00:00 +0000 2026",
                    "full_text": "a &amp; b &gt; c",
                }
            },
            "a & b > c",
        ),
        (
            "slack",
            {
                "type": "message",
                "user": "U1",
                "ts": "1767600000.0001",
                "text": "<@U2> &lt;3 <https://a.b/c|this page>",
            },
            "@U2 <3 this page",
        ),
    ],
)
def test_signs_that_a_program_writes_as_entities_are_read_as_signs(
    tmp_path: Path, preset: str, entry: dict[str, object], text: str
) -> None:
    content = json.dumps(entry) if preset == "reddit" else json.dumps([entry])
    path = write(tmp_path / f"anna.{'jsonl' if preset == 'reddit' else 'json'}", content)
    (chunk,) = read_documents(path, feed=Feed(preset=preset), on_change="keep_both")  # type: ignore[arg-type]
    assert chunk.documents["text"].to_list() == [text]


DATED = [f"who{i % 3},0{1 + i % 9}/0{1 + i * 2 % 9}/2026 1{i % 10}:30,I feel rather sad today" for i in range(30)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            "\n".join(["who,when,text", *DATED]),
            ["the day or the month first in 99/99/9999 99:99?", "--posted-at when --day-first|--month-first"],
        ),
        ("when,text\n2026-01-05T10:00:00,I feel rather sad\n", ["no column subject_id", "--subject-id COLUMN"]),
        ("subject_id,posted_at,text\n", ["it holds no rows"]),
        ("subject_id,posted_at,text\na,2026-01-05,\na,never,x\n", ["0, 2 rejected", "not times; no date"]),
    ],
)
def test_inspect_proposes_no_settings_that_cannot_work(
    tmp_path: Path, content: str, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "a.csv", content)
    print_inspection(path, inspect_file(path))
    shown = capsys.readouterr().out
    for part in (*said, "no settings yet"):
        assert part in shown
    assert "[[feeds]]" not in shown
    assert "risk-monitor score" not in shown


def test_a_time_without_end_does_not_make_a_file_damaged(tmp_path: Path) -> None:
    times = pl.Series([2**63 - 1, 1_767_225_600_000_000]).cast(pl.Datetime("us"))
    pl.DataFrame({"subject_id": ["a", "b"], "posted_at": times, "text": ["sad", "joy"]}).write_parquet(
        tmp_path / "a.parquet"
    )
    found = inspect_file(tmp_path / "a.parquet")
    assert (found.n_taken, found.n_rejected) == (1, 1)


def test_lines_after_a_damaged_message_are_not_added_to_the_one_before(tmp_path: Path) -> None:
    lines = [
        b"05/10/2026, 18:35 - Anna: fine\nreally\n",
        b"05/10/2026, 18:36 - Ben: caf\xe9\nI want to die\n",
        b"05/10/2026, 18:37 - Anna: bye\n",
    ]
    path = write(tmp_path / "chat.txt", b"".join(lines))
    (chunk,) = read_documents(path, feed=Feed(preset="whatsapp", day_first=True))
    assert chunk.documents["text"].to_list() == ["fine\nreally", "bye"]
    assert chunk.rejects["row"].to_list() == [3, 4]


@pytest.mark.parametrize(
    "content",
    [
        "AuthorID,Author,Date,Content,Attachments\n1,a,2026-10-05T10:00:00Z,hi,\n1,a,2026-10-05T11:00:00Z,,http://x\n",
        "ID,Timestamp,Contents,Attachments\n1,2026-10-05 10:00:00,hi,\n2,2026-10-05 11:00:00,,http://x\n",
    ],
)
def test_discord_pictures_without_words_are_left_out_of_tables_too(tmp_path: Path, content: str) -> None:
    (chunk,) = read_documents(write(tmp_path / "anna.csv", content), feed=Feed(preset="discord"))
    assert (chunk.n_valid, chunk.rejects.height, chunk.n_not_texts) == (1, 0, 1)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_inspect_of_columns_whose_names_differ_by_case_is_no_error(tmp_path: Path, name: str) -> None:
    rows = [
        {"who": f"p{i % 3}", "date": f"2026-10-{i + 1:02}", "Note": f"a b c {i}", "note": "d e f"} for i in range(9)
    ]
    if name == "a.csv":
        content = "\n".join(",".join(row) for row in (rows[0].keys(), *(row.values() for row in rows)))
    else:
        content = "\n".join(json.dumps(row | {"": "one two three"}) for row in rows)
    assert inspect_file(write(tmp_path / name, content)).feed.text == ("Note",)


def test_inspect_cuts_lines_where_the_readers_cut_them(tmp_path: Path) -> None:
    rows = [
        {"subject_id": f"p{i % 3}", "posted_at": f"2026-10-{i + 1:02}", "text": "a\u2028b c\x85d"} for i in range(9)
    ]
    content = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    assert inspect_file(write(tmp_path / "a.jsonl", content)).n_rows == 9
    content = "a title\u2028of two\x0blines\n" + "\n".join(
        ",".join(row.values()) for row in ({n: n for n in rows[0]}, *rows)
    )
    assert inspect_file(write(tmp_path / "a.csv", content), Feed(skip_rows=1)).n_rows == 9


def test_a_forwarded_message_is_not_the_text_of_who_forwards_it(tmp_path: Path) -> None:
    own = {"id": 1, "type": "message", "date": "2026-10-05T10:00:00", "from_id": "user1", "text": "mine"}
    foreign = own | {"id": 2, "forwarded_from": "News", "text": "somebody wants to die"}
    nameless = own | {"id": 3, "forwarded_from": None, "text": "somebody whose account was deleted"}
    path = write(tmp_path / "result.json", json.dumps({"id": 5, "messages": [own, foreign, nameless]}))
    (chunk,) = read_documents(path, feed=Feed(preset="telegram"))
    assert (chunk.documents["text"].to_list(), chunk.n_not_texts, chunk.n_read) == (["mine"], 2, 1)


@pytest.mark.parametrize("author", ["AutoModerator", "automoderator"])
def test_the_moderating_bot_of_reddit_is_no_subject(tmp_path: Path, author: str) -> None:
    own = {"author": "anna", "created_utc": 1767600000, "body": "mine", "id": "a", "distinguished": "moderator"}
    bot = own | {"author": author, "body": "Your post was removed. If you feel sad, call us", "id": "b"}
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, [own, bot])))
    (chunk,) = read_documents(path, feed=Feed(preset="reddit"))
    assert (chunk.documents["subject_id"].to_list(), chunk.n_not_texts, chunk.n_read) == (["anna"], 1, 1)


@pytest.mark.parametrize("users", ["users.json", "export/users.json"])
def test_users_whom_the_export_of_slack_calls_bots_are_no_subjects(tmp_path: Path, users: str) -> None:
    said = [("U1", "mine"), ("U2", "I am a poll"), ("U3", "mine too"), ("USLACKBOT", "Reminder: be happy")]
    day = [
        {"type": "message", "user": user, "ts": f"179122531{i}.0", "text": text}
        for i, (user, text) in enumerate(said)
    ]
    people = [5, {"id": "U1", "is_bot": False}, {"id": "U2", "is_bot": True}, {"id": "U3"}, {"is_bot": "true"}]
    files = {"diary/2026-10-05.json": json.dumps(day), users: json.dumps(people)}
    (chunk,) = read_documents(pack(tmp_path / "a.zip", files), feed=Feed(preset="slack"))
    assert chunk.documents["text"].to_list() == ["mine", "mine too"]
    assert (chunk.n_not_texts, chunk.n_read) == (2, 2)


@pytest.mark.parametrize(
    ("users", "fault"),
    [
        ('[{"id": "U1"}, {"id": "U2", "is_bot": true, "is_bot": true}]', "is damaged near entry 2"),
        ('[{"id": "U1"}, {"id": "U2", "is_bot": tru}]', "is damaged near entry 2"),
        ('[{"id": "U1"}, {"id": "U2", "is_bot": true}', "is damaged near entry 2"),
        ("not JSON", "is damaged near entry 1"),
        ("", "is damaged near entry 1"),
        ('{"ok": true, "members": [{"id": "U2", "is_bot": true}]}', "holds no list"),
    ],
)
def test_a_list_of_users_that_cannot_be_read_whole_is_told(tmp_path: Path, users: str, fault: str) -> None:
    day = [{"type": "message", "user": "U2", "ts": "1791225310.0", "text": "I am a poll"}]
    path = pack(tmp_path / "a.zip", {"c/2026-10-05.json": json.dumps(day), "users.json": users})
    with pytest.raises(DataError, match=rf"a\.zip: users\.json in it, which says who is a bot, {fault};"):
        list(read_documents(path, feed=Feed(preset="slack")))


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_lists_of_users_of_one_name_are_refused(tmp_path: Path) -> None:
    path = pack(tmp_path / "a.zip", {"users.json": "[]", "c/2026-10-05.json": "[]"})
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr("users.json", '[{"id": "U1", "is_bot": true}]')
    with pytest.raises(DataError, match=r"two files in it are called users\.json"):
        list(read_documents(path, feed=Feed(preset="slack")))


def test_what_a_bot_of_telegram_wrote_is_nobodys_text(tmp_path: Path) -> None:
    own = {"id": 1, "type": "message", "date": "2026-10-05T10:00:00", "from_id": "user1", "text": "mine"}
    inline = own | {"id": 2, "via_bot": "@poems", "text": "a sad poem that the bot found"}
    answer = own | {"id": 3, "from_id": "user77", "text": "I am a bot. How are you?"}
    chats = [
        {"type": "bot_chat", "id": 77, "messages": [own, answer, answer | {"id": 4, "from_id": 77}]},
        {"type": "personal_chat", "id": 1, "messages": [own | {"text": "mine too"}, inline]},
    ]
    path = write(tmp_path / "result.json", json.dumps({"chats": {"list": chats}}))
    (chunk,) = read_documents(path, feed=Feed(preset="telegram"))
    assert (chunk.documents["text"].to_list(), chunk.n_not_texts, chunk.n_read) == (["mine", "mine too"], 3, 2)
