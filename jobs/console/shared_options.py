"""Options that several commands share: the database, the settings, the model, the clock, and the kind of ids."""

from pathlib import Path
from typing import Annotated

import typer

DatabaseOption = Annotated[
    Path | None, typer.Option("--db", help="The database file (default: that of the settings).")
]
SettingsOption = Annotated[
    Path | None, typer.Option("--config", help="Settings in TOML (default: risk-monitor.toml here, if there is one).")
]
DatabaseSettingsOption = Annotated[
    Path | None,
    typer.Option("--config", help="Settings in TOML (default: risk-monitor.toml here, if it is of this database)."),
]
ModelOption = Annotated[
    str | None,
    typer.Option(help='"embedded", a model folder, or a hub id (default: that of the settings, else embedded).'),
]
DeviceOption = Annotated[
    str | None, typer.Option(help="auto, cpu or cuda (default: that of the settings, else auto).")
]
PlainIdsOption = Annotated[
    bool, typer.Option("--plain-ids", help="Store the ids as they are, for a feed without real ids.")
]
TrustClockOption = Annotated[
    bool, typer.Option("--yes", help="The clock is right: remove old texts although the last run is long ago.")
]
