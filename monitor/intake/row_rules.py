"""Settings for rows: differences between ids to ignore, and the treatment of a known document's changed row."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

OnChange = Literal["reject", "replace", "keep_both"]


class IdRules(BaseModel):
    """The table [ids]: differences between ids of subjects that mean nothing in these files."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    casefold: bool = Field(default=False, description="Anna and anna are one person")
    strip: bool = Field(
        default=False, description="@P 01 and P01 are one person: no spaces, no punctuation around an id"
    )
