"""bitsandbytes comes without the package that would fetch code from the hub, and without advice to install it."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_it_asks_for_no_kernels_and_gives_no_advice(tmp_path: Path) -> None:
    (tmp_path / "kernels.py").write_text("print('kernels was imported')")
    code = (
        "import sys\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "from monitor.scoring.bitsandbytes_loader import bitsandbytes\n"
        "assert bitsandbytes('nn').Linear4bit\n"
        "print('kernels' in sys.modules)\n"
        "import kernels\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["False", "kernels was imported", ""]
    assert "kernels" not in done.stderr
