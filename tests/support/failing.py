"""Commands that must fail in one clear line."""

import pytest

from jobs.cli import main


def last_line(capfd: pytest.CaptureFixture[str], *words: object) -> str:
    """Run a command that must end with exit code 2; returns the last line that it told."""
    with pytest.raises(SystemExit) as stop:
        main([str(word) for word in words])
    *_, line = capfd.readouterr().err.splitlines()
    assert stop.value.code == 2
    assert line.startswith("risk-monitor: ")
    return line
