"""Replace shards by a new one that holds all their rows, or those to keep.

At no moment is a row counted twice or lost.

The new documents file is the commit. A note in the folder `replaced`, written before it, says which shards it
replaces; `Lake.list_shards` leaves these out as soon as the new file exists. The note stays until the next command,
for processes that began to list the files before the commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import pyarrow as pa

from monitor.lake.shards import DERIVED, DOCUMENTS, REPLACED, Lake, Shard, derived_path, document_path

Derived = Mapping[tuple[str, str], pa.Table]
"""(table, model_id or list_id) -> rows of a shard."""


def replace_shards(lake: Lake, new: Shard, documents: pa.Table, derived: Derived, old: Sequence[Shard]) -> None:
    """Replace the shards `old` by `new`. The caller holds `Storage.only_writer` and ran `finish_replacements`.

    Args:
        lake: the lake.
        new: the new shard, named after `documents`.
        documents: its documents, possibly none.
        derived: its rows of the other tables.
        old: shards of the same month.
    """
    if list(old) == [new]:
        return
    for (table, key), rows in derived.items():
        lake.write(derived_path(table, key, new), table, rows)
    note = json.dumps({"new": new, "old": [shard for shard in old if shard != new]}).encode()
    lake.storage.write_once(_note(new), lambda stream: stream.write(note))
    lake.write(document_path(new), DOCUMENTS, documents)
    remove_shards(lake, [shard for shard in old if shard != new])


def finish_replacements(lake: Lake) -> None:
    """Finish what a killed command left: remove replaced shards, their notes, and files about shards that are gone.

    The caller holds `Storage.only_writer`.
    """
    for new, old in lake.replacements():
        if lake.storage.exists(document_path(new)):
            remove_shards(lake, old)
        lake.storage.remove(_note(new))
    for path in lake.list_shards().orphans:
        lake.storage.remove(path)


def remove_shards(lake: Lake, shards: Sequence[Shard]) -> None:
    """Remove shards. Their documents go first, because no query reads the other files of a shard without
    documents.
    """
    keys = [(table, key) for table in DERIVED for key in lake.keys(table)]
    for shard in shards:
        lake.storage.remove(document_path(shard))
        for table, key in keys:
            lake.storage.remove(derived_path(table, key, shard))


def _note(new: Shard) -> str:
    return f"{REPLACED}/{new.month}-{new.name}.json"
