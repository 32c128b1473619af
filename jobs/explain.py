"""Say which sentences and words of a text its answer rests on.

risk-monitor explain "A lovely day. I feel worthless again."
risk-monitor explain --doc-id 0f3a --db risk.duckdb --json

Before a text of the database is shown, a line is written into the table access_log.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, NamedTuple, cast

import typer
from rich.console import Console
from rich.text import Text

from jobs.console.app import run
from jobs.console.progress import print_note, print_warning, without_control_characters
from jobs.console.shared_options import DatabaseSettingsOption, DeviceOption, ModelOption
from jobs.pipeline.people import cleaned_ids, lacking_key, named_database, settings_for
from jobs.pipeline.run import open_scorer
from monitor import NOT_A_DIAGNOSIS
from monitor.alerts.update import latest_model
from monitor.database.connection import Database
from monitor.database.statements import query
from monitor.errors import ConfigError, DataError
from monitor.explanation.occlusion import Answerer, Explanation, explain
from monitor.explanation.words import strongest
from monitor.privacy.access_log import log_access
from monitor.privacy.agreement import open_key, recorded_key

MOST_NAMED = 3
SHADES = ((0.5, "bold white on red"), (0.2, "on dark_red"))  # least share of the strongest weight, and its style
SAME_ID = "several documents have this id in their files; give the doc_id that the table documents has of one"


class StoredText(NamedTuple):
    """A text of the database, and the id of the model whose score the reports show (None: it has no score)."""

    text: str
    scored_by: str | None


def stored_text(db: Database, doc_id: str, key_file: Path) -> StoredText:
    """The text of a document, found by its id, by the id in its file, or by the first characters of its id.

    Args:
        db: the database.
        doc_id: the id as the user gave it.
        key_file: the key of the pseudonyms; without it, ids of files are found only if the database has plain ids.

    Raises:
        DataError: no document or several have such an id, or the text was removed. StoreError: the database cannot be
        read, or cannot be written, so that the use could not be logged.
    """
    with db.reading() as con:
        recorded = recorded_key(con)
        pseudonyms = open_key(recorded, key_file)
        start = doc_id.strip()
        ids = [start, *cleaned_ids([start]).values()]
        ids += pseudonyms.of_documents(ids) if pseudonyms else []
        rows = query(con, "queries/document_text", start=start, ids=ids).to_dicts() if start else []
    with db.writing() as con:
        log_access(con, "explain", rows[0]["code"] if len(rows) == 1 else None, int(len(rows) == 1))
    if len(rows) != 1:
        no_key = lacking_key(recorded, pseudonyms, key_file)
        what = f"there is no such document{no_key}"
        if rows:
            what = SAME_ID if rows[0]["is_whole"] else "several documents match; give more of the id"
        raise DataError(f"--doc-id {doc_id!r}: {what}")
    if rows[0]["text"] is None:
        raise DataError(f"--doc-id {doc_id!r}: its text was removed (setting text_days); only its scores are kept")
    return StoredText(str(rows[0]["text"]), _scored_by(db, rows[0]["doc_id"]))


def _scored_by(db: Database, doc_id: str) -> str | None:
    """The model that scored last, or if it did not score this document, the last model that did; None without a
    score.
    """
    with db.reading() as con:
        models = query(con, "queries/models_of_document", doc_id=doc_id)["model_id"].to_list()
    latest = latest_model(db) if len(models) > 1 else None
    return latest["model_id"] if latest and latest["model_id"] in models else next(iter(models), None)


def warn_of_another_model(scored_by: str | None, answers: str) -> None:
    """Warn that the answers (of a model_id) are not those of the model that scored the text."""
    if scored_by not in (None, answers):
        print_warning(
            f"these answers are of the model {answers[:12]}, but the text's scores are of {str(scored_by)[:12]}; "
            "name the settings of that night with --config (model, risk_map)"
        )


def as_json(text: str, found: Explanation, model_id: str, scored_by: str | None) -> dict[str, Any]:
    """The explanation as plain JSON values, each word with its position."""
    return {
        "model_id": model_id,
        "scored_by": scored_by,
        "passage": {"first": found.first, "last": found.last, "text": text[found.first : found.last]},
        "p_high": round(found.p_high, 6),
        "criterion": found.criterion,
        "p_criterion": None if found.p_criterion is None else round(found.p_criterion, 6),
        "counted_most": strongest(text, [word[:3] for word in found.words], MOST_NAMED),
        "sentences": [
            {
                "text": text[one.first : one.last],
                "first": one.first,
                "last": one.last,
                "p_high": round(one.p_high, 6),
                "criteria": list(one.criteria),
            }
            for one in found.sentences
        ],
        "words": [
            {
                "text": text[word.first : word.last],
                "first": word.first,
                "last": word.last,
                "high": round(word.high, 6),
                "criterion": round(word.criterion, 6) if found.criterion else None,
            }
            for word in found.words
        ],
        "note": NOT_A_DIAGNOSIS,
    }


def print_table(text: str, found: Explanation) -> None:
    """Print the sentences with their answers, the passage with its words shaded, and the words by weight."""
    console = Console()
    console.print(Text("  P(high)  sentence"), soft_wrap=True)
    for one in found.sentences:
        line = Text(f"  {one.p_high:>7.3f}  {_plain(text[one.first : one.last])}")
        line.append(f"  [{', '.join(one.criteria)}]" if one.criteria else "", style="dim")
        console.print(line, soft_wrap=True)
    print_words(console, "P(high risk)", found.p_high, text, [word[:3] for word in found.words], found)
    if found.criterion is not None and found.p_criterion is not None:
        weights = [(word.first, word.last, word.criterion) for word in found.words]
        print_words(console, f"P({found.criterion})", found.p_criterion, text, weights, found)
    console.print(NOT_A_DIAGNOSIS, style="dim", soft_wrap=True)


def print_words(
    console: Console, name: str, p: float, text: str, weights: list[tuple[int, int, float]], found: Explanation
) -> None:
    """Print one answer: the words that counted most, and the passage shaded by what each word adds."""
    named = ", ".join(f"'{_plain(word)}'" for word in strongest(text, weights, MOST_NAMED))
    console.print(Text(f"\n  {name} {p:.3f}: {named or 'no single word'} counted most"), soft_wrap=True)
    largest = max((weight for *_, weight in weights), default=0.0)
    line, place = Text("  "), found.first
    for first, last, weight in weights:
        look = next((look for share, look in SHADES if largest > 0 and weight >= share * largest), "")
        line.append(_plain(text[place:first])).append(_plain(text[first:last]), style=look)
        place = last
    console.print(line, soft_wrap=True)
    for first, last, weight in sorted((word for word in weights if word[2]), key=lambda word: -word[2])[:10]:
        console.print(Text(f"  {weight:>+7.2f}  {_plain(text[first:last])}"), soft_wrap=True)


def _plain(text: str) -> str:
    return without_control_characters(" ".join(text.split()) if text.strip() else text and " ")


def command(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The text; - reads standard input.")] = None,
    doc_id: Annotated[
        str | None,
        typer.Option(help="A document: its id in the file or in the database, or the start of the latter."),
    ] = None,
    db: Annotated[
        Path | None, typer.Option(help="The database file, for --doc-id (default: that of the settings).")
    ] = None,
    model: ModelOption = None,
    device: DeviceOption = None,
    config: DatabaseSettingsOption = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Say which sentences and words of a text its answer rests on.

    A word's weight is what it adds to the log-odds of high risk, or of the sign that was found, while halves of the
    other words are left out; 0 if it does not stand out of the noise, or if P(high risk) is below 0.3.

    The model and its limits are those of the settings, as `nightly` takes them. An option given here wins.
    """
    if (text is None) == (doc_id is None):
        raise ConfigError("give either a text, or --doc-id and --db")
    scored_by: str | None = None
    if doc_id is not None:
        database, key_file = named_database(db, config)
        database.check()
        chosen, scored_by = stored_text(database, doc_id, key_file)
        print_note("this use was written to the access log (table access_log)")
    else:
        if db is not None:
            raise ConfigError(f"--db {db}: a text given here is in no database; leave out --db, or name --doc-id")
        chosen = sys.stdin.read() if text == "-" else str(text)
        if not chosen.strip():
            raise ConfigError("the text is empty; give one in quotes, or - for standard input")
    settings = settings_for(db, config)
    scorer = cast(Answerer, open_scorer(**settings.model_with(model=model, device=device)))
    (found,) = explain(scorer, [chosen])
    model_id = scorer.model.model_id
    warn_of_another_model(scored_by, model_id)
    if as_json_:
        print(json.dumps(as_json(chosen, found, model_id, scored_by), ensure_ascii=False, indent=2))
    else:
        print_table(chosen, found)


if __name__ == "__main__":
    run(command)
