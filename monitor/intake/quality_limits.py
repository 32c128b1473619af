"""Settings of the table [quality]: the limits of the measures of a run's input."""

from __future__ import annotations

from math import inf
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Count = Annotated[int, Field(ge=1)]


def _in_order(limits: tuple[float, float]) -> tuple[float, float]:
    if not 0 < limits[0] <= limits[1]:
        raise ValueError(f"[yellow, red] are two numbers above 0, yellow not above red, not {list(limits)}")
    return limits


Limits = Annotated[tuple[float, float], AfterValidator(_in_order)]


class Quality(BaseModel):
    """The table [quality]: the values from which a measure makes the run yellow, and red (inf: never)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rejected: Limits = Field(
        default=(0.05, 0.25), description="share of the rows read that were rejected, and by no run before"
    )
    rejected_few: Limits = Field(
        default=(0.5, inf), description="the same share of fewer rows than min_rows, if two or more were rejected"
    )
    duplicates: Limits = Field(default=(0.5, inf), description="share of the valid rows that were known already")
    copies: Limits = Field(
        default=(0.1, 0.3), description="share of new texts that their subject wrote before, word for word"
    )
    truncated: Limits = Field(
        default=(0.01, 0.25), description="share of scored texts that were not read to their end"
    )
    language: Limits = Field(default=(0.06, 0.14), description="share of letters that moved between kinds of words")
    length: Limits = Field(
        default=(0.75, 2.0), description="shift of the median length, in robust standard deviations"
    )
    unread_files: Limits = Field(default=(1, 3), description="files that could not be read, or not to the end")
    undecided_files: Limits = Field(default=(1, 1), description="files that two feeds name, which are not read")
    dated_ahead: Limits = Field(
        default=(1, inf), description="new texts that are dated more than a day later than they were read"
    )
    look_alikes: Limits = Field(
        default=(1, inf), description="new subjects whose id differs from a known one only by case, .0 or accents"
    )
    min_rows: Count = Field(default=50, description="rows, and texts before, under which no other share is judged")
