"""Excel files as other programs write them: no two people become one, and rows have the numbers of their sheet."""

import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from monitor.errors import DataError
from monitor.intake import excel
from monitor.intake.documents import read_documents
from monitor.intake.excel_parts import read_cells
from monitor.intake.feeds import Feed
from monitor.intake.inspection import inspect_file
from tests.support.excel_file import write_excel
from tests.support.inputs import refusals

SHEET, BOOK, RELATIONS = "xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels"
FEED = Feed(subject_id="who", posted_at="when", text="text")
HEADER: list[object] = ["Who", "When", "Text"]
LONG: list[list[object]] = [
    HEADER,
    [12345678901234567, "2026-10-05", "x"],
    [12345678901234569, "2026-10-05", "y"],
    ["anna", "2026-10-05", "z"],
]
Change = Callable[[str], str]


def changed(path: Path, changes: dict[str, Change], more: dict[str, str] | None = None) -> Path:
    """The file with some of its parts changed and others added."""
    with zipfile.ZipFile(path) as packed:
        parts = {name: packed.read(name).decode() for name in packed.namelist()} | (more or {})
    with zipfile.ZipFile(path, "w") as packed:
        for name, content in parts.items():
            packed.writestr(name, changes.get(name, str)(content))
    return path


def refusal(path: Path, feed: Feed = FEED) -> str:
    with pytest.raises(DataError) as caught:
        list(read_documents(path, feed=feed))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def shifted(rows: int, columns: int) -> Change:
    """A change of a sheet: its cells stand lower, and further right."""

    def move(found: re.Match[str]) -> str:
        return f'r="{chr(ord(found[1]) + columns) if found[1] else ""}{int(found[2]) + rows}"'

    return lambda content: re.sub(r'r="([A-Z]?)(\d+)"', move, content)


def prefixed(content: str) -> str:
    content = re.sub(r"<(/?)(?=[a-zA-Z])", r"<\1x:", content)
    return content.replace("xmlns=", "xmlns:x=")


FORMS: dict[str, Change] = {
    "as Excel writes it": str,
    "from column B": shifted(0, 1),
    "below two empty rows": shifted(2, 0),
    "below empty rows and beside an empty column": shifted(2, 1),
    "with its type, as openpyxl and pandas write it": lambda c: re.sub(r'(<c r="\w+")>', r'\1 t="n">', c),
    "with the style first": lambda c: re.sub(r'<c (r="\w+")>', r'<c s="0" \1>', c),
    "with single quotes": lambda c: re.sub(r'<c r="(\w+)"', r"<c r='\1'", c),
    "without places of cells": lambda c: re.sub(r'<c r="\w+"', "<c", c),
    "without places of cells and rows": lambda c: re.sub(r'<(c|row) r="\w+"', r"<\1", c),
    "with a prefix": prefixed,
    "as a formula": lambda c: re.sub(r"<v>(\d{17})", r"<f>B1*1</f><v>\1", c),
    "with spaces between": lambda c: c.replace("><", ">\n  <"),
    "in exponents": lambda c: re.sub(r"<v>(\d)(\d{16})</v>", r"<v>\1.\2e16</v>", c),
}


@pytest.mark.parametrize("form", FORMS)
def test_rounded_ids_are_rejected_however_a_program_writes_their_cells(tmp_path: Path, form: str) -> None:
    path = changed(write_excel(tmp_path / "a.xlsx", LONG), {SHEET: FORMS[form]})
    (chunk,) = read_documents(path, feed=FEED)
    assert chunk.documents["subject_id"].to_list() == ["anna"]
    first = 4 if form.startswith("below") else 2
    assert [(row, column) for row, column, _ in refusals(chunk)] == [(first, "subject_id"), (first + 1, "subject_id")]
    assert all("format the column as text" in reason for _, _, reason in refusals(chunk))


def test_the_sheet_that_is_checked_is_the_sheet_that_is_read(tmp_path: Path) -> None:
    other = zipfile.ZipFile(write_excel(tmp_path / "b.xlsx", [HEADER, ["ben", "2026-10-05", "x"]])).read(SHEET)
    entry = '<sheet name="Answers" sheetId="1" r:id="rId1"/>'
    for target in ("worksheets/sheet2.xml", "/xl/worksheets/sheet2.xml"):
        path = write_excel(tmp_path / "a.xlsx", LONG)
        with zipfile.ZipFile(path) as packed:
            rounded, relations = packed.read(SHEET).decode(), packed.read(RELATIONS).decode()
        own = next(re.finditer(r'<Relationship Id="rId1".*?/>', relations))[0]
        new = own.replace("rId1", "rId9").replace("worksheets/sheet1.xml", target)
        first = entry.replace("Answers", "New").replace('"1"', '"7"').replace("rId1", "rId9")
        changes: dict[str, Change] = {
            BOOK: lambda c, first=first: c.replace(entry, first + entry),  # type: ignore[misc]
            RELATIONS: lambda c, own=own, new=new: c.replace(own, new + own),  # type: ignore[misc]
            SHEET: lambda c: other.decode(),
        }
        changed(path, changes, {"xl/worksheets/sheet2.xml": rounded})
        (chunk,) = read_documents(path, feed=FEED)
        assert [row for row, _, _ in refusals(chunk)] == [2, 3]
        (chunk,) = read_documents(path, feed=FEED.model_copy(update={"sheet": "Answers"}))
        assert chunk.documents["subject_id"].to_list() == ["ben"]


def test_a_sheet_whose_part_is_missing_is_refused(tmp_path: Path) -> None:
    path = write_excel(tmp_path / "a.xlsx", LONG)
    changed(path, {RELATIONS: lambda c: c.replace("sheet1.xml", "sheet5.xml")})
    assert "not a readable Excel file" in refusal(path)


@pytest.mark.parametrize("form", ["from column B", "below two empty rows", "with a prefix"])
def test_merged_cells_are_found_where_they_stand(tmp_path: Path, form: str) -> None:
    rows: list[list[object]] = [HEADER, ["a", "2026-10-05", "x"], [None, "2026-10-06", "y"]]
    path = changed(write_excel(tmp_path / "a.xlsx", rows, merged="A2:A3"), {SHEET: FORMS[form]})
    place = {"from column B": "B2:B3", "below two empty rows": "A4:A5"}.get(form, "A2:A3")
    move = (lambda c: c.replace('ref="A2:A3"', f'ref="{place}"')) if form != "with a prefix" else str
    assert f"cells {place} are merged" in refusal(changed(path, {SHEET: move}))


def test_rows_have_the_numbers_of_the_sheet_and_skip_rows_counts_them(tmp_path: Path) -> None:
    rows: list[list[object]] = [[None], ["Study 7"], HEADER, ["a", "2026-10-05", "x"], [None], ["b", "no day", "y"]]
    path = write_excel(tmp_path / "a.xlsx", rows)
    feed = FEED.model_copy(update={"skip_rows": 2})
    (chunk,) = read_documents(path, feed=feed)
    assert chunk.documents["row"].to_list() == [4]
    assert [(row, column) for row, column, _ in refusals(chunk)] == [(6, "posted_at")]
    rows = [[f"who{i % 3}", f"2026-10-0{i + 1}", f"a day that was fine {i}"] for i in range(6)]
    found = inspect_file(write_excel(path, [[None], ["Study 7"], HEADER, *rows]))
    assert (found.feed.skip_rows, found.n_taken) == (2, 6)


def test_an_arranged_preset_rejects_rounded_ids_too(tmp_path: Path) -> None:
    header: list[object] = ["connectionId", "timeStampStart", "timeZoneOffset", "How are you"]
    rows: list[list[object]] = [header, [12345678901234567, 1791225315, 0, "x"], [7, 1791225315, 0, "y"]]
    (chunk,) = read_documents(write_excel(tmp_path / "a.xlsx", rows), feed=Feed(preset="m-path"))
    assert [row for row, _, _ in refusals(chunk)] == [2]
    assert chunk.documents["subject_id"].to_list() == ["7"]


def test_a_rounded_number_in_a_column_that_is_not_read_rejects_nothing(tmp_path: Path) -> None:
    rows: list[list[object]] = [HEADER, [12345678901234567, "2026-10-05", "x"]]
    feed = Feed(subject="anna", posted_at="when", text="text")
    (chunk,) = read_documents(write_excel(tmp_path / "a.xlsx", rows), feed=feed)
    assert chunk.documents["subject_id"].to_list() == ["anna"]


def test_days_count_from_1904_where_the_workbook_says_so(tmp_path: Path) -> None:
    path = write_excel(tmp_path / "a.xlsx", [HEADER, ["a", 44838, "x"]])
    changed(path, {BOOK: lambda c: c.replace("<sheets>", "<workbookPr date1904='1'/><sheets>")})
    (chunk,) = read_documents(path, feed=FEED)
    assert chunk.documents["posted_at"].dt.date().cast(pl.String).to_list() == ["2026-10-05"]


def test_entities_distant_cells_and_parts_of_one_name_are_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_entity(content: str) -> str:
        return content.replace("?>\n", '?>\n<!DOCTYPE x [<!ENTITY a "aaaa">]>', 1)

    for part in (SHEET, BOOK, RELATIONS):
        path = changed(write_excel(tmp_path / "a.xlsx", LONG), {part: with_entity})
        assert "declares a document type" in refusal(path)
    far = changed(write_excel(path, LONG), {SHEET: lambda c: c.replace('r="C4"', 'r="XFD1048576"')})
    assert "over 1,048,576 rows and 16,384 columns; delete" in refusal(far)
    monkeypatch.setattr(excel, "MAX_CELLS", 11)
    assert "too far apart" in refusal(write_excel(path, LONG))
    with zipfile.ZipFile(path, "a") as packed:
        packed.writestr(SHEET.upper(), "<worksheet/>")
    assert "two parts of one name" in refusal(path)


def test_cells_stand_where_fastexcel_sees_them(tmp_path: Path) -> None:
    empty = ("", "<v></v>", "<v/>")
    cells = [
        f'<c r="E9" t="{kind}">{inner}</c>' for kind in ("n", "s", "b", "str", "d", "inlineStr") for inner in empty
    ]
    cells += ['<c r="E9" s="1"/>', '<c r="E9" t="inlineStr"><is/></c>', '<c r="E9" t="inlineStr"><v>5</v></c>']
    cells += ['<c r="E9" t="e"><v>#N/A</v></c>', '<c r="E9"><v> </v></c>', '<c r="E9" t="str"><f>A1</f></c>']
    for cell in cells:
        path = write_excel(tmp_path / "a.xlsx", [HEADER, ["a", "2026-10-05", "x"]])
        row = f'<row r="9">{cell}</row></sheetData>'
        changed(path, {SHEET: lambda c, row=row: c.replace("</sheetData>", row)})  # type: ignore[misc]
        (chunk,) = read_documents(path, feed=FEED)
        assert chunk.n_valid == 1, cell
    cells_ = read_cells(path, SHEET)
    assert (cells_.last_row, cells_.first_column, cells_.width) == (2, 0, 3)


@pytest.mark.parametrize("formats", ["excel", ("excel", "%d/%m/%Y")])
def test_days_of_excel_are_read_where_the_feed_names_their_format(
    tmp_path: Path, formats: str | tuple[str, ...]
) -> None:
    path = write_excel(tmp_path / "a.xlsx", [HEADER, ["a", 46300.5, "x"], ["b", 46300, "y"], ["c", 46300.1234, "z"]])
    (chunk,) = read_documents(
        path, feed=FEED.model_copy(update={"date_format": Feed(date_format=formats).date_format})
    )
    assert (chunk.n_valid, chunk.documents["posted_at"].dt.date().n_unique()) == (3, 1)
    proposed = inspect_file(path, FEED)
    assert (proposed.n_taken, proposed.n_rejected) == (3, 0)


def with_data_behind(path: Path, first: list[list[object]], rows: list[list[object]]) -> Path:
    """A workbook whose rows are on its second sheet, called Data."""
    data = zipfile.ZipFile(write_excel(path, rows)).read(SHEET).decode()
    entry = '<sheet name="Data" sheetId="2" r:id="rId9"/>'
    with zipfile.ZipFile(write_excel(path, first)) as packed:
        own = next(re.finditer(r'<Relationship Id="rId1".*?/>', packed.read(RELATIONS).decode()))[0]
    new = own.replace("rId1", "rId9").replace("sheet1.xml", "sheet2.xml")
    changes: dict[str, Change] = {
        BOOK: lambda c: c.replace("</sheets>", f"{entry}</sheets>"),
        RELATIONS: lambda c: c.replace(own, own + new),
    }
    return changed(path, changes, {"xl/worksheets/sheet2.xml": data})


DATA: list[list[object]] = [
    ["subject_id", "posted_at", "text"],
    *([f"who{i % 3}", f"2026-10-0{i + 1}", f"a day that was fine {i}"] for i in range(6)),
]


@pytest.mark.parametrize(
    "first", [[["Study 7"], ["Notes of the team"]], [["Who", "When"], ["a", "b"]], [[None]], DATA]
)
def test_inspect_and_score_name_the_other_sheets(tmp_path: Path, first: list[list[object]]) -> None:
    path = with_data_behind(tmp_path / "a.xlsx", first, DATA)
    said = "this is the first sheet, Answers; for another (Data) give sheet (--sheet NAME)"
    found = inspect_file(path)
    assert f"sheet: {said}" in found.questions
    assert found.works == (first is DATA)
    if first[0] != [None] and first is not DATA:
        assert refusal(path, Feed()).endswith(f"; {said}")
        assert refusal(path, Feed(preset="m-path")).endswith(f"; {said}")
        assert "Data" not in refusal(path, Feed(sheet="Answers"))
    found = inspect_file(path, Feed(sheet="Data"))
    assert (found.n_taken, found.questions) == (6, {})
