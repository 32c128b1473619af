"""Copy the evaluated adapter as a model folder beside the report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from jobs.console.progress import print_note
from monitor import NOT_A_DIAGNOSIS
from monitor.model.folder import find_folder, open_folder

ADAPTER = "lora_emotion_final"
EVALUATED = "The LoRA adapter that was evaluated"


def copy_adapter(models: Sequence[str], out: Path) -> None:
    """Copy the first adapter into out/lora_emotion_final, a model folder that refers to the base at its present path.

    The copy replaces that of an earlier evaluation. A folder that no evaluation wrote is left alone.
    """
    target, folders = out / ADAPTER, [open_folder(find_folder(model)) for model in models]
    folder = next((folder for folder in folders if folder.adapter), None)
    if folder and folder.adapter and folder.adapter.resolve() == target.resolve():
        return
    if target.exists():
        card = target / "README.md"
        if not card.is_file() or EVALUATED not in card.read_text(encoding="utf-8", errors="replace"):
            print_note(f"{target}: left as it is, because no evaluation wrote it")
            return
        shutil.rmtree(target)
    if folder is None or folder.adapter is None:
        return
    shutil.copytree(folder.adapter, target)
    base = folder.manifest.base
    if (folder.path / base).is_dir() or Path(base).is_dir():
        base = os.path.relpath(folder.base.resolve(), target.resolve())
    replace(folder.manifest, base=base, adapter=".").save(target)
    (target / "README.md").write_text(
        f"# {folder.manifest.name}\n\n{EVALUATED}, in peft's format, over the base `{base}`. "
        f"Use it with `risk-monitor score INPUT --db FILE --model {target}`.\n\n{NOT_A_DIAGNOSIS}\n",
        encoding="utf-8",
    )
