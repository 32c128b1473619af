"""Options that name the model and where it runs, of the commands that take these from the settings by default."""

from typing import Annotated

import typer

ModelOption = Annotated[
    str | None,
    typer.Option(help='"embedded", a model folder, or a hub id (default: that of the settings, else embedded).'),
]
DeviceOption = Annotated[
    str | None, typer.Option(help="auto, cpu or cuda (default: that of the settings, else auto).")
]
