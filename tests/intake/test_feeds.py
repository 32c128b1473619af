"""Files with other columns, dates, zones and encodings, as their feed says."""

import datetime as dt
import re
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from monitor.errors import ConfigError, DataError
from monitor.intake import streams, timestamps
from monitor.intake.documents import check_file, read_documents
from monitor.intake.feeds import Feed, feed_finder
from monitor.intake.inspection import inspect_file
from monitor.intake.likely_encoding import likely_encodings
from monitor.intake.row_rules import IdRules
from monitor.privacy.pseudonyms import Pseudonyms
from tests.support.inputs import read, refusals, write

FIVE_PM = dt.datetime(2026, 10, 5, 17)


def test_a_feed_names_the_columns_joins_texts_and_hands_on_measures(tmp_path: Path) -> None:
    header = '"Who ",When,"How was\nyour morning?",Evening,Sleep\n'
    path = write(
        tmp_path / "a.csv", header + 's1,2026-10-05,calm,,"7,5"\ns1,2026-10-06,fine,tired,8\ns2,2026-10-06,,,x\n'
    )
    feed = Feed(subject_id="who", posted_at="When", text=("How was your morning?", "Evening"), measures=("Sleep",))
    chunk = next(read_documents(path, feed=feed))
    assert chunk.documents["text"].to_list() == ["calm", "fine\ntired"]
    assert chunk.documents["row"].to_list() == [3, 4]
    assert refusals(chunk) == [(5, "text", "empty")]
    assert chunk.measures.select("subject_id", "name", "value").rows() == [("s1", "Sleep", 7.5), ("s1", "Sleep", 8.0)]


@pytest.mark.parametrize(
    ("written", "feed"),
    [
        ("05/10/2026 18:00", Feed(day_first=True, time_zone="Europe/London")),
        ("10/5/26 6:00 PM", Feed(day_first=False, time_zone="Europe/London")),
        ("05.10.2026 19:00", Feed(date_format="%d.%m.%Y %H:%M", time_zone="Europe/Berlin")),
        ("2026-10-05 19:00", Feed(time_zone="Europe/Berlin")),
        ("2026-10-05 17:00+00:00", Feed(time_zone="Europe/Berlin")),
        ("2026-10-06 01:00", Feed(time_zone="Asia/Taipei")),
        ("1791219600", Feed(time_zone="Europe/Berlin")),
        ("46300.70833333", Feed(date_format="excel")),
        ("2026-10-05 17:00:00 UTC", Feed()),
        ("2026/10/05 6:00:00 PM GMT+1", Feed()),
        ("Mon Oct 05 17:00:00 +0000 2026", Feed()),
        ("Mon, 05 Oct 2026 17:00:00 GMT", Feed()),
        ("5 October 2026, 17:00", Feed()),
        ("Oct 5, 2026 at 5:00\u202fPM", Feed()),
        ("2026/10/5 下午5:00", Feed()),
    ],
)
def test_a_time_is_read_as_its_feed_writes_it(tmp_path: Path, written: str, feed: Feed) -> None:
    path = write(tmp_path / "a.csv", f'subject_id,posted_at,text\ns1,"{written}",x\n')
    (chunk,) = read_documents(path, feed=feed)
    assert chunk.documents["posted_at"].to_list() == [FIVE_PM], chunk.rejects["reason"].to_list()


def test_the_hour_that_a_clock_skips_or_repeats_is_a_time(tmp_path: Path) -> None:
    rows = "s1,2026-03-29 02:30,skipped\ns1,2026-10-25 02:30,twice\n"
    path = write(tmp_path / "a.csv", "subject_id,posted_at,text\n" + rows)
    (chunk,) = read_documents(path, feed=Feed(time_zone="Europe/Berlin"))
    assert chunk.documents["posted_at"].to_list() == [
        dt.datetime(2026, 3, 29, 1, 30),
        dt.datetime(2026, 10, 25, 0, 30),
    ]


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("05/10/2026", ["99/99/9999", "day or month first"]),
        ("46300.7", ["99999.9", '"excel"']),
        ("5. Okt. 2026", ["9. Aaa. 9999", "date_format"]),
        ("my mother Ann", ["no date"]),
    ],
)
def test_a_date_not_understood_is_named_by_its_shape(tmp_path: Path, written: str, parts: list[str]) -> None:
    (reason,) = read(write(tmp_path / "a.csv", f"subject_id,posted_at,text\ns1,{written},x\n")).rejects["reason"]
    assert all(part in reason for part in parts)
    assert written not in reason


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"date_format": "%d/%m/%Y"}, "not in the format %d/%m/%Y; its shape is 99/99/9999"),
        ({"day_first": True}, "its shape is 99/99/9999, but there is no such day with the day first"),
    ],
)
def test_a_message_asks_for_no_setting_that_the_feed_has(tmp_path: Path, known: dict[str, object], said: str) -> None:
    path = write(tmp_path / "a.csv", "subject_id,posted_at,text\ns1,10/25/2026,x\n")
    (chunk,) = read_documents(path, feed=Feed(**known))  # type: ignore[arg-type]
    assert chunk.rejects["reason"][0].endswith(said)


def test_months_are_never_guessed_but_follow_from_days_above_twelve(tmp_path: Path) -> None:
    def forms(*days: str) -> Path:
        rows = "".join(f"{day} 18:00:00,a@b.example,fine\n" for day in days)
        return write(tmp_path / "a.csv", "Timestamp,Email Address,Your day?\n" + rows)

    feed = Feed(preset="google-forms")
    assert next(read_documents(forms("5/10/2026", "25/10/2026"), feed=feed)).documents["posted_at"][0].month == 10
    assert next(read_documents(forms("5/10/2026", "10/25/2026"), feed=feed)).documents["posted_at"][0].month == 5
    for days, said in ((("5/10/2026",), "both day and month"), (("25/10/2026", "10/25/2026"), "some have")):
        with pytest.raises(DataError, match=said):
            check_file(forms(*days), feed)


def cp1252(n_bad: int, n: int) -> bytes:
    texts = (f"it’s {i}" if i < n_bad else f"fine {i}" for i in range(n))
    rows = [f"s1,2026-10-05 10:{i:02d},{text}\n" for i, text in enumerate(texts)]
    return ("subject_id,posted_at,text\n" + "".join(rows)).encode("cp1252")


def test_a_file_of_another_encoding_is_refused_with_the_remedy_or_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", cp1252(3, 50))
    with pytest.raises(DataError, match=r'3 of its 50 rows are not UTF-8.*encoding = "cp1252"'):
        check_file(path)
    (chunk,) = read_documents(path, feed=Feed(encoding="cp1252"))
    assert chunk.n_valid == 50
    assert chunk.documents["text"][0] == "it’s 0"
    for content in (cp1252(1, 3), cp1252(2, 50)):  # single damaged rows are rejects
        assert read(write(path, content)).rejects["reason"].unique().to_list() == ["not UTF-8"]


@pytest.mark.parametrize("encoding", ["utf-16", "big5", "shift_jis", "gb18030"])
def test_other_encodings_are_proposed_and_read(tmp_path: Path, encoding: str) -> None:
    rows = "".join(f"s1,2026-10-05 10:0{i},今日好\n" for i in range(9))
    path = write(tmp_path / "a.csv", ("subject_id,posted_at,text\n" + rows).encode(encoding))
    with pytest.raises(DataError, match="UTF-"):
        check_file(path)
    (chunk,) = read_documents(path, feed=Feed(encoding=encoding))
    assert chunk.documents["text"].unique().to_list() == ["今日好"]


def test_rows_above_and_below_the_header_and_other_delimiters_are_skipped(tmp_path: Path) -> None:
    content = 'Study 7\n\nsubject_id|posted_at|text\nwho|"when\never"|what\ns1|2026-10-05|a, b; c\n'
    feed = Feed(skip_rows=2, skip_rows_after_header=1, delimiter="|")
    (chunk,) = read_documents(write(tmp_path / "a.csv", content), feed=feed)
    assert chunk.documents.select("row", "text").rows() == [(6, "a, b; c")]
    assert chunk.n_read == 1


@pytest.mark.parametrize(
    ("content", "feed", "parts"),
    [
        ("Timestamp,Who,Text\n", None, ["it has: Timestamp, Who, Text", "inspect"]),
        ("s1,2026-10-05,I told Ann\n", None, ["looks like a row"]),
        ("s1,when,text\n", Feed(subject_id="id"), ["no column id, which subject_id names", "it has: s1, when, text"]),
        ("subject_id,posted_at,text\n", Feed(measures=("sleep",)), ["no column sleep, which measures names"]),
        ("record_id,a_timestamp,b_timestamp,x\n", Feed(preset="redcap"), ["several columns", "posted_at"]),
        (
            "subject_id,posted_at,text\n",
            Feed(preset="google-forms"),
            ["google-forms", "none of its columns for subject_id (Email Address, Username), posted_at (Timestamp"],
        ),
        ("subject_id,posted_at,text\n", Feed(preset="m-path"), ["m-path"]),
    ],
)
def test_a_missing_column_is_named_with_those_that_are_there(
    tmp_path: Path, content: str, feed: Feed | None, parts: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        check_file(write(tmp_path / "a.csv", content), feed)
    assert all(part in str(caught.value) for part in parts), caught.value
    assert "Ann" not in str(caught.value)


@pytest.mark.parametrize(
    "given",
    [
        {"preset": "myspace"}, {"date_format": "%d/%m"}, {"date_format": "%Q"}, {"time_zone": "Mars"},
        {"encoding": "x"}, {"encoding": "base64"}, {"delimiter": "ab"}, {"files": "../x.csv"}, {"files": "/x.csv"},
        {"files": "a**/x.csv"},
        {"subject_id": "a", "subject": "b"}, {"subject": " "}, {"date_format": "%d/%m/%Y", "day_first": True},
        {"skip_rows": -1}, {"colour": "red"},
    ],
)  # fmt: skip
def test_a_wrong_setting_of_a_feed_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Feed(**given)  # type: ignore[arg-type]


def test_a_file_that_two_feeds_name_is_refused_in_one_line(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "x\n")
    feed_of = feed_finder([Feed(files="*.csv"), Feed(files="a.*", preset="reddit")], tmp_path)
    with pytest.raises(ConfigError, match=r"two feeds name this file"):
        feed_of(path)
    assert feed_finder([Feed(files="b.csv")], tmp_path)(path) is None


def test_a_file_in_another_encoding_than_named_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "feed.csv"
    path.write_bytes(b"subject_id,posted_at,text\ns1,2026-01-05,hello there\n" * 9)
    with pytest.raises(DataError, match=r"feed\.csv: cannot be read as utf-16 .*name its own encoding"):
        streams.open_text(path, "utf-16").read()


@pytest.mark.parametrize(
    ("encoding", "bad"),
    [
        ("utf-16", b"\x3d\xd8"),
        ("utf-16-le", b"\x80\xdc"),
        ("utf-16-be", b"\xd8\x3d"),
        ("utf-32", b"\x00\xd8\x00\x00"),
        ("big5", b"\xff"),
        ("cp932", b"\x81"),
    ],
)
def test_undecodable_bytes_cost_their_own_row_only(tmp_path: Path, encoding: str, bad: bytes) -> None:
    rows = [f"s{i},2026-10-05,text {i}\n" for i in range(3000)]
    first, rest = (
        "".join(part).encode(encoding) for part in (["subject_id,posted_at,text\n", *rows[:1500]], rows[1500:])
    )
    mark = "".encode(encoding)
    content = first[: -len(bad)] + bad + first[-len(bad) :] + rest.removeprefix(mark)
    chunks = list(read_documents(write(tmp_path / "a.csv", content), feed=Feed(encoding=encoding)))
    assert [row for chunk in chunks for row in chunk.rejects["row"]] == [1501]
    assert sum(chunk.n_valid for chunk in chunks) == 2999


def test_the_encoding_is_guessed_from_a_sample_cut_within_a_character() -> None:
    sample = ("我今天覺得非常難過，不知道該怎麼辦才好" * 3000).encode("big5")
    assert {likely_encodings(sample[:n]) for n in (50_000, 50_001)} == {("big5hkscs",)}


SENTENCES = {
    "Japanese": [
        "今日はとても疲れました。仕事が終わってから、友達と少し話しました。",
        "最近よく眠れません。朝起きるのがつらいです。",
        "サッカーの試合を見に行った。楽しかった！",
        "会議が長引いて帰宅が遅くなった。疲労困憊。",
    ],
    "Korean": [
        "오늘은 정말 힘든 하루였다. 아무것도 하고 싶지 않다.",
        "시험이 끝나서 너무 기쁘다!",
        "회사에서 또 혼났다. 나는 왜 이럴까.",
        "햄버거랑 콜라를 먹었다 ㅋㅋㅋ",
    ],
    "simplified": [
        "我今天觉得非常难过，不知道该怎么办才好。",
        "妈妈打电话来，说她身体很好，我放心了。",
        "工作太忙了，每天都很累。",
        "晚上吃了火锅，味道不错",
    ],
    "traditional": [
        "我今天覺得非常難過，不知道該怎麼辦才好。",
        "媽媽打電話來，說她身體很好，我放心了。",
        "工作太忙了，每天都很累。",
        "晚上吃了火鍋，味道不錯",
    ],
}


@pytest.mark.parametrize(
    ("script", "encoding", "guess"),
    [
        ("Japanese", "shift_jis", "cp932"),
        ("Japanese", "cp932", "cp932"),
        ("Japanese", "euc_jp", "euc_jp"),
        ("Korean", "euc_kr", "cp949"),
        ("Korean", "cp949", "cp949"),
        ("simplified", "gb2312", "gb18030"),
        ("simplified", "gb18030", "gb18030"),
        ("traditional", "big5", "big5hkscs"),
    ],
)
def test_the_encodings_of_east_asia_are_told_apart_by_what_is_written_in_them(
    tmp_path: Path, script: str, encoding: str, guess: str
) -> None:
    sentences = SENTENCES[script]
    for sentence in (*sentences, "\n".join(sentences)):
        assert likely_encodings(sentence.encode(encoding)) == (guess,), sentence
    rows = "".join(f"s{i},2026-10-05,{sentence}\n" for i, sentence in enumerate(sentences))
    found = inspect_file(write(tmp_path / "a.csv", ("subject_id,posted_at,text\n" + rows).encode(encoding)))
    assert (found.feed.encoding, found.n_taken) == (guess, 4)
    chunk = next(read_documents(tmp_path / "a.csv", feed=found.feed))
    assert chunk.documents["text"].to_list() == sentences


def test_a_format_may_name_an_offset_but_no_zone_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "subject_id,posted_at,text\na,05/10/2026 18:35 +0200,x\n")
    (chunk,) = read_documents(path, feed=Feed(date_format="%d/%m/%Y %H:%M %z", time_zone="Asia/Taipei"))
    assert chunk.documents["posted_at"].to_list() == [dt.datetime(2026, 10, 5, 16, 35)]
    with pytest.raises(ValidationError):
        Feed(date_format="%d/%m/%Y %H:%M %Z")


def test_a_json_measure_of_any_type_costs_no_text(tmp_path: Path) -> None:
    values = ["7.5", 7, "true", "[7]", "{}", "null", '"\\ud83d"', '""', "NaN", "Infinity"]
    lines = (
        f'{{"subject_id": "a", "posted_at": "2026-10-05", "text": "t{i}", "m": {v}}}' for i, v in enumerate(values)
    )
    (chunk,) = read_documents(write(tmp_path / "a.jsonl", "\n".join(lines)), feed=Feed(measures="m"))
    assert (chunk.n_valid, chunk.n_read, chunk.measures["value"].to_list()) == (10, 10, [7.5, 7])
    assert chunk.bad_measures["row"].to_list() == [3, 4, 5, 7, 10]


@pytest.mark.parametrize("rules", [IdRules(), IdRules(casefold=True), IdRules(strip=True)])
def test_a_source_that_is_the_subject_becomes_its_pseudonym(tmp_path: Path, rules: IdRules) -> None:
    path = write(tmp_path / "a.csv", "who,posted_at,text\nAnna,2026-10-05,x\n7.0,2026-10-05,y\n@P 01,2026-10-05,z\n")
    feed = Feed(subject_id="who", source="who")
    (chunk,) = read_documents(path, feed=feed, ids=rules, pseudonyms=Pseudonyms("0123456789abcdef"))
    assert chunk.documents["source"].to_list() == chunk.documents["subject_id"].to_list()


@pytest.mark.parametrize("kind", [pa.binary(), pa.string()])
def test_a_part_of_a_parquet_text_that_is_not_utf8_rejects_its_row(tmp_path: Path, kind: pa.DataType) -> None:
    odd = pa.array([b"bad\xff", b"good", None], pa.binary())
    odd = odd if kind == pa.binary() else pa.Array.from_buffers(pa.string(), 3, odd.buffers())
    table = pa.table(
        {"subject_id": ["a", "b", "c"], "posted_at": ["2026-10-05"] * 3, "am": odd, "pm": ["x", "y", "z"]}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    (chunk,) = read_documents(tmp_path / "a.parquet", feed=Feed(text=("am", "pm")))
    assert chunk.documents["text"].to_list() == ["good\ny", "z"]
    assert chunk.rejects.select("row", "column", "reason").rows() == [(1, "text", "not UTF-8")]


def read_with_the_format_of_the_reason(path: Path, reason: str) -> tuple[int, int, int]:
    """Year, hour and minute of the first text, read with the date_format that the reason of a reject names."""
    (form,) = re.findall(
        r', which has two meanings, an epoch or a date and a time; give date_format = "(.*)"$', reason
    )
    (chunk,) = read_documents(path, feed=Feed(date_format=form))
    time = chunk.documents["posted_at"][0]
    return time.year, time.hour, time.minute


@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.float64()])
def test_twelve_digits_are_no_epoch_if_they_are_a_date_and_a_time(tmp_path: Path, kind: pa.DataType) -> None:
    times = pa.array([202610051835, 999999999999, 1_700_000_000_000], pa.int64()).cast(kind)
    pq.write_table(pa.table({"subject_id": ["a"] * 3, "posted_at": times, "text": ["x"] * 3}), tmp_path / "a.parquet")
    (chunk,) = read_documents(tmp_path / "a.parquet")
    assert (chunk.documents["row"].to_list(), chunk.rejects["row"].to_list()) == ([2, 3], [1])
    assert read_with_the_format_of_the_reason(tmp_path / "a.parquet", chunk.rejects["reason"][0]) == (2026, 18, 35)
    path = write(tmp_path / "a.csv", "subject_id,posted_at,text\na,202610051700,x\n")
    (chunk,) = read_documents(path, feed=Feed(date_format="%Y%m%d%H%M"))
    assert chunk.documents["posted_at"].to_list() == [FIVE_PM]


@pytest.mark.parametrize("kind", [pa.string(), pa.int64(), pa.float64()])
def test_ten_digits_are_no_epoch_to_come_if_they_are_a_date_and_an_hour(
    tmp_path: Path, kind: pa.DataType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timestamps, "time", SimpleNamespace(time=lambda: 1_791_225_315))
    hour, day, epoch, far = 2026100518, 2026103224, 1_790_000_000, 2_100_000_000
    times = pa.array([hour, day, epoch, far], pa.int64()).cast(kind)
    pq.write_table(pa.table({"subject_id": ["a"] * 4, "posted_at": times, "text": ["x"] * 4}), tmp_path / "a.parquet")
    (chunk,) = read_documents(tmp_path / "a.parquet")
    assert (chunk.documents["row"].to_list(), chunk.rejects["row"].to_list()) == ([2, 3, 4], [1])
    assert read_with_the_format_of_the_reason(tmp_path / "a.parquet", chunk.rejects["reason"][0]) == (2026, 18, 0)
    monkeypatch.setattr(timestamps, "time", SimpleNamespace(time=lambda: hour))
    (chunk,) = read_documents(tmp_path / "a.parquet")
    assert chunk.documents["row"].to_list() == [1, 2, 3, 4]
    path = write(tmp_path / "a.csv", "subject_id,posted_at,text\na,2026100517,x\n")
    (chunk,) = read_documents(path, feed=Feed(date_format="%Y%m%d%H"))
    assert chunk.documents["posted_at"].to_list() == [FIVE_PM]


def test_a_year_of_two_digits_is_none_of_the_far_future(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "subject_id,posted_at,text\na,31/12/99,x\na,5-Oct-26,y\na,01/01/68,z\n")
    (chunk,) = read_documents(path, feed=Feed(day_first=True))
    assert chunk.documents["posted_at"].dt.year().to_list() == [1999, 2026, 2068]


@pytest.mark.parametrize("text", ["\u200b\u200b", "\ufeff", "\u2800", "\u00ad \u200d", "\u3164", " \u3000\t"])
def test_a_text_without_a_visible_character_is_empty(tmp_path: Path, text: str) -> None:
    path = write(tmp_path / "a.csv", f'subject_id,posted_at,text\na,2026-10-05,"{text}"\nb,2026-10-05,"{text}☹️"\n')
    (chunk,) = read_documents(path)
    assert chunk.rejects.select("row", "column", "reason").rows() == [(2, "text", "empty")]
