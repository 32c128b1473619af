"""The numbers of the early-warning rules, with defaults that were measured (`risk-monitor evaluate-alerts`)."""

from __future__ import annotations

from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

RULES = ("level", "change", "sustained")
LIMITS = MappingProxyType({"level": "threshold", "change": "change_limit", "sustained": "sustained_days"})
"""Rule -> the field that is its limit: what its value is held against."""

Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=36_500)]


class AlertRules(BaseModel):
    """When the three rules of sql/alerts raise an alert, and when it ends; days are UTC calendar days.

    A day below `calm_share` of a rule's limit is calm. An alert lasts from the day that raised it through days that
    are not calm, and ends when `cooldown_days` days have passed since the last of them; what comes sooner is part
    of it.

    Raises:
        pydantic.ValidationError: a value is out of its range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: Probability = Field(default=0.40, description="level: mean P(high risk) of the last days")
    min_texts: Count = Field(default=5, description="level: texts that these days need")
    level_days: Count = Field(default=7, description="level: how many days")
    confirm_days: Count = Field(
        default=2, description="level: days with texts in a row that must be at the line"
    )
    change_limit: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=1.5, description="change: texts' worth of high risk beyond the own baseline and the allowance"
    )
    change_allowance: Probability = Field(
        default=0.10, description="change: what a text may lie above the baseline"
    )
    change_days: Count = Field(default=28, description="change: days over which the excess may add up")
    baseline_days: Count = Field(
        default=180, description="change: days of the own past that are the baseline"
    )
    baseline_gap: Count = Field(
        default=7, description="change: days before a day that its baseline leaves out"
    )
    baseline_texts: Count = Field(default=15, description="change: texts that a baseline needs")
    sustained_days: Count = Field(default=5, description="sustained: days at the line ...")
    sustained_of: Count = Field(default=14, description="sustained: ... of so many")
    sustained_line: Probability = Field(
        default=0.35, description="sustained: mean P(high risk) of such a day"
    )
    calm_share: Probability = Field(default=0.75, description="share of a limit below which a day is calm")
    cooldown_days: Count = Field(default=14, description="days without risk after which an alert ends")

    @model_validator(mode="after")
    def _possible(self) -> AlertRules:
        if self.sustained_days > self.sustained_of:
            raise ValueError(
                f"sustained_days is {self.sustained_days} of {self.sustained_of} days; it cannot be more than all"
            )
        return self

    def limit(self, rule: str) -> float:
        """What the value of this rule is held against."""
        return float(getattr(self, LIMITS[rule]))

    def with_limit(self, rule: str, limit: float) -> AlertRules:
        """The same rules with another limit for one of them."""
        return AlertRules(**{**self.model_dump(), LIMITS[rule]: limit})
