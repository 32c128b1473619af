"""The limits of the early-warning rules. README.md beside this file says how the defaults were chosen and
measured.
"""

from __future__ import annotations

import logging
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

logger = logging.getLogger(__name__)
RULES = ("level", "change", "sustained")
ALL_RULES = (*RULES, "crisis")  # crisis has no limit to choose: a single text raises it
# These rules read numbers beside the texts. They are off unless the settings name such numbers.
OPTIONAL_RULES = ("measures", "fusion")
LIMITS = MappingProxyType(
    {"level": "threshold", "change": "change_errors", "sustained": "sustained_days", "fusion": "fusion_errors"}
)
"""Rule -> name of the field that holds its limit. A rule raises an alert when its value reaches the limit."""

Probability = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=36_500)]
PerMeasure = dict[str, Annotated[float, Field(allow_inf_nan=False)]]


class AlertRules(BaseModel):
    """Limits at which the rules of sql/alerts raise an alert and end it; days are UTC calendar days.

    Four rules always run: level, change, sustained and crisis. Two more, measures and fusion, read numbers beside the
    texts, and are off unless the settings name such numbers.

    A day is calm when a rule's value is below `calm_share` of its limit. An alert starts on the day that raises it
    and lasts through days that are not calm. It ends when `cooldown_days` full days have passed without such a day:
    as 'calm again' if a calm day followed the last one, as 'silent' if no text did. An alert day within that time
    belongs to the same alert. The level rule judges by four times `level_days` whether a week of too few texts is
    calm.

    Raises:
        pydantic.ValidationError: a value is out of its range.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    signal: Literal["p_high", "p_any", "both"] = Field(
        default="p_high",
        description="what level, change and sustained read: sadness, any symptom, or the greater",
    )
    threshold: Probability = Field(default=0.50, description="level: mean P(high risk) of the last days")
    min_texts: Count = Field(default=5, description="level: least number of texts in these days")
    level_days: Count = Field(default=7, description="level: how many days")
    confirm_days: Count = Field(default=2, description="level: days with texts in a row that must reach the line")
    change_errors: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=2.4,
        description="change: standard errors by which the mean of the last days lies above the subject's own past",
    )
    change_allowance: Probability = Field(
        default=0.0, description="change: how far it may lie above that without counting"
    )
    change_days: Count = Field(default=20, description="change: the longer stretch; its second half counts, too")
    change_texts: Count = Field(default=2, description="change: least number of texts in a stretch")
    wander: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.04, description="change: how far a person's mean moves from week to week by itself"
    )
    usual_texts: Annotated[int, Field(ge=0, le=36_500)] = Field(
        default=20, description="change: texts of usual kind that a short past is filled up with"
    )
    usual_mean: Probability = Field(default=0.21, description="change: mean of the signal over many people's texts")
    usual_deviation: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.13, description="change: standard deviation of one person's texts, over many people"
    )
    baseline_days: Count = Field(default=180, description="change: days of the subject's past in the baseline")
    baseline_gap: Count = Field(default=7, description="change: days between the baseline and the day")
    baseline_texts: Count = Field(default=10, description="change: least number of texts in a baseline")
    sustained_days: Count = Field(default=5, description="sustained: days at the line ...")
    sustained_of: Count = Field(default=14, description="sustained: ... among this many days")
    sustained_line: Probability = Field(
        default=0.50, description="sustained: the line, as mean P(high risk) of a day"
    )
    passage_line: Probability = Field(
        default=0.85, description="sustained: P(high risk) of a dark passage in a text that is calm as a whole"
    )
    passage_days: Count = Field(default=3, description="sustained: days with texts in a row with such a passage")
    suicidal_limit: Probability = Field(
        default=0.90,
        description="crisis: P(thoughts of death or self-harm) of one sad text that raises an alert by itself",
    )
    measures: PerMeasure = Field(
        default_factory=dict,
        description="measures: measure -> standard errors from the own past; below 0 where less is worse; none: off",
    )
    fusion: PerMeasure = Field(
        default_factory=dict,
        description="fusion: weight of `text` and of each measure; below 0 where less is worse; none: off",
    )
    fusion_errors: Annotated[float, Field(gt=0, allow_inf_nan=False)] = Field(
        default=2.5, description="fusion: the fused standard errors above the own past"
    )
    calm_share: Probability = Field(default=0.75, description="share of a limit below which a day is calm")
    cooldown_days: Count = Field(default=14, description="full days without an alert day after which an alert ends")

    @model_validator(mode="before")
    @classmethod
    def _former_change_rule(cls, values: Any) -> Any:
        """Give settings of the former change rule the new rule's limits: the old limits counted texts, not errors."""
        if not isinstance(values, dict) or "change_limit" not in values:
            return values
        logger.warning(
            "alerts.change_limit (%s) is of the former change rule and is not used: the rule now counts standard "
            "errors above a person's own past; remove the line, or set alerts.change_errors",
            values["change_limit"],
        )
        return {name: value for name, value in values.items() if name not in ("change_limit", "change_allowance")}

    @model_validator(mode="after")
    def _possible(self) -> AlertRules:
        if self.sustained_days > self.sustained_of:
            raise ValueError(
                f"sustained_days is {self.sustained_days} of {self.sustained_of} days; it cannot be more than all"
            )
        if self.passage_days > self.sustained_of:
            raise ValueError(f"passage_days is {self.passage_days}; give at most sustained_of, {self.sustained_of}")
        return self

    @field_validator("measures", "fusion")
    @classmethod
    def _no_zero(cls, values: PerMeasure) -> PerMeasure:
        if zero := [name for name, value in values.items() if not value]:
            raise ValueError(f"{', '.join(zero)} is 0; leave the line out, or give a number above or below 0")
        return values

    @property
    def in_use(self) -> tuple[str, ...]:
        """The rules that raise alerts with these settings."""
        return (*ALL_RULES, *(rule for rule in OPTIONAL_RULES if getattr(self, rule)))

    def parameters(self) -> dict[str, Any]:
        """The values that the statements of sql/alerts take, by name."""
        lists = {
            "measure_names": [*self.measures],
            "measure_limits": [*self.measures.values()],
            "fusion_names": [*self.fusion],
            "fusion_weights": [*self.fusion.values()],
        }
        return self.model_dump() | lists

    def limit(self, rule: str) -> float:
        """The value at which this rule raises an alert.

        For crisis and measures it is always 1: each text or measure has a limit of its own, which was applied before.
        """
        return 1.0 if rule in ("crisis", "measures") else float(getattr(self, LIMITS[rule]))

    def with_limit(self, rule: str, limit: float) -> AlertRules:
        """The same rules with another limit for one of them."""
        return AlertRules(**{**self.model_dump(), LIMITS[rule]: limit})
