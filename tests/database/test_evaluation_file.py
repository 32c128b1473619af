"""evaluation.csv of a model folder: a bad file is one clear line that quotes nothing of it, and exit code 2."""

from pathlib import Path

import pytest

from jobs.cli import build_app
from jobs.console.app import exit_with_code
from monitor.database.evaluation_file import read_evaluations
from monitor.errors import StoreError
from monitor.model.folder import EMBEDDED_FOLDER

HEAD = "model_id,split,method,metric,value,lo,hi,reason,n,data,evaluated_at\n"
GOOD = "m,test,fine_tuned,accuracy,0.9,0.8,0.95,,2000,d,2026-01-01 00:00:00\n"
SECRET = "s3cret"


def row(**changes: str) -> str:
    values = dict(zip(HEAD.strip().split(","), GOOD.strip().split(","), strict=True)) | changes
    return ",".join(values.values()) + "\n"


BAD = {
    "empty": ("", "no CSV that can be read"),
    "binary": (f"{SECRET}\udcff\udcfe,\n\udcff", "no CSV that can be read|its header should be"),
    "another table": (f"{SECRET},b\n1,2\n", "its header should be model_id,"),
    "eleven other columns": (HEAD.replace("lo", SECRET) + GOOD, "its header should be model_id,"),
    "lines of a text": (f"dear diary\ni am {SECRET}, and, so, on\n", "its header|no CSV"),
    "a header and a text": (HEAD + f"my password is {SECRET}\n", r"row 1, column (split|method|n): empty|no CSV"),
    "a longer row": (HEAD + GOOD.strip() + f",{SECRET}\n", "no CSV that can be read"),
    "an open quote": (HEAD + GOOD + f'm,"{SECRET}\n', "row 2|no CSV"),
    "a word for a number": (HEAD + GOOD + row(value=SECRET, metric="ece"), "row 2, column value: give a number"),
    "a fraction of a text": (HEAD + row(n="2.5"), "row 1, column n: give a whole number"),
    "no time": (HEAD + row(evaluated_at=SECRET), "row 1, column evaluated_at: give a time"),
    "an impossible day": (HEAD + row(evaluated_at="2026-02-30 00:00:00"), "row 1, column evaluated_at"),
    "above 1": (HEAD + row(value="1.5"), "row 1, column value: give a value that its metric can have"),
    "below 0": (HEAD + row(lo="-0.1"), "row 1, column lo"),
    "not finite": (HEAD + row(hi="inf"), "row 1, column hi"),
    "no number": (HEAD + row(value="nan"), "row 1, column value"),
    "a Brier score of 3": (HEAD + row(metric="risk_brier", value="3"), "row 1, column value"),
    "another split": (HEAD + row(split=SECRET), "row 1, column split: give test or test_deduplicated"),
    "neither value nor reason": (HEAD + row(value=""), "row 1, column reason: give a value or a reason"),
    "value and reason": (HEAD + row(reason=SECRET), "row 1, column reason: give a value or a reason"),
    "fewer texts than none": (HEAD + row(n="-1"), "row 1, column n: give a number of texts"),
    "no metric": (HEAD + row(metric=""), "row 1, column metric: empty"),
    "a metric twice": (HEAD + GOOD + row(value="0.1"), "row 2, column metric: this metric is already in"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_that_quotes_nothing_of_it(tmp_path: Path, name: str) -> None:
    content, told = BAD[name]
    file = tmp_path / "evaluation.csv"
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(
        StoreError, match=rf"evaluation\.csv: not the table .*({told}).*; repair or remove it$"
    ) as bad:
        read_evaluations(file, "m")
    assert SECRET not in str(bad.value)
    assert "\n" not in str(bad.value)
    assert bad.value.__suppress_context__ or bad.value.__context__ is None


def test_a_good_file_passes_with_rows_of_others_whatever_they_measure(tmp_path: Path) -> None:
    file = tmp_path / "evaluation.csv"
    rows = (row(metric="log_loss", value="1.8", hi="2.1"), row(metric="brier", value="1.2", hi="1.3"))
    file.write_text(HEAD + GOOD + "".join(rows) + row(model_id="other", split="mine", value="7"))
    assert read_evaluations(file, "m")["value"].to_list() == [0.9, 1.8, 1.2]
    assert read_evaluations(EMBEDDED_FOLDER / "evaluation.csv", "other").height == 0


def test_score_exits_with_2_and_does_not_show_a_linked_private_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With a link that a stranger's model folder holds in place of its evaluation."""
    model, private, feed = tmp_path / "model", tmp_path / "diary.csv", tmp_path / "feed.csv"
    model.mkdir()
    for name in ("base", "adapter", "monitor.json"):
        (model / name).symlink_to(EMBEDDED_FOLDER / name)
    (model / "evaluation.csv").symlink_to(private)
    private.write_text(f"{SECRET},diary\n1,2\n")
    feed.write_text("subject_id,posted_at,text\na,2026-01-01,fine\n")
    call = ["score", str(feed), "--db", str(tmp_path / "risk.duckdb"), "--model", str(model)]
    with pytest.raises(SystemExit) as stop:
        exit_with_code(lambda: build_app(["score"])(call))
    assert stop.value.code == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "evaluation.csv: not the table of evaluations (its header should be" in told
    assert SECRET not in told
