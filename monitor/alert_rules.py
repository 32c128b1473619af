"""The numbers of the early-warning rules, with defaults that were measured (`risk-monitor evaluate-alerts`)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import ClassVar

from monitor.errors import ConfigError

RULES = ("level", "change", "sustained")


@dataclass(frozen=True)
class AlertRules:
    """When the three rules of sql/alerts raise an alert, and when it ends; days are UTC calendar days.

    Level: the mean p_high of the last `level_days` days, of `min_texts` texts or more, is at `threshold` or above, on
    `confirm_days` days with texts in a row.
    Change: texts beyond the subject's own baseline add up (CUSUM) to `change_limit` or more within `change_days`
    days; each text adds its p_high less the baseline and less `change_allowance`. The baseline is the mean of the
    `baseline_days` days that end `baseline_gap` days before, of `baseline_texts` texts or more.
    Sustained: on `sustained_days` of the last `sustained_of` days the mean p_high of the day was at `sustained_line`
    or above.
    All: a day below `calm_share` of the limit is calm. An alert lasts from the day that raised it through days that
    are not calm, and ends when `cooldown_days` days have passed since the last of them; what comes sooner is part
    of it.

    Raises:
        ConfigError: a value is out of its range.
    """

    threshold: float = 0.40
    min_texts: int = 5
    level_days: int = 7
    confirm_days: int = 2
    change_limit: float = 1.5
    change_allowance: float = 0.10
    change_days: int = 28
    baseline_days: int = 180
    baseline_gap: int = 7
    baseline_texts: int = 15
    sustained_days: int = 5
    sustained_of: int = 14
    sustained_line: float = 0.35
    calm_share: float = 0.75
    cooldown_days: int = 14

    LIMITS: ClassVar[dict[str, str]] = {
        "level": "threshold",
        "change": "change_limit",
        "sustained": "sustained_days",
    }
    """Rule -> the field that is its limit: what its value is held against, and what a curve is drawn over."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value, is_count = getattr(self, field.name), isinstance(field.default, int)
            if isinstance(value, bool) or not isinstance(value, int if is_count else int | float):
                raise ConfigError(f"{field.name} is {value!r}; give a {'whole ' * is_count}number")
            if is_count and not 1 <= value <= 36_500:
                raise ConfigError(f"{field.name} is {value}; give a whole number of at least 1")
            if not is_count and field.name != "change_limit" and not 0 <= value <= 1:
                raise ConfigError(f"{field.name} is {value:g}; give a number from 0 to 1")
        if not 0 < self.change_limit < float("inf"):
            raise ConfigError(f"change_limit is {self.change_limit:g}; give a number of texts above 0")
        if self.sustained_days > self.sustained_of:
            raise ConfigError(
                f"sustained_days is {self.sustained_days} of {self.sustained_of} days; it cannot be more than all"
            )

    def limit(self, rule: str) -> float:
        """What the value of this rule is held against."""
        return float(getattr(self, self.LIMITS[rule]))

    def with_limit(self, rule: str, limit: float) -> AlertRules:
        """The same rules with another limit for one of them."""
        field = self.LIMITS[rule]
        return replace(self, **{field: type(getattr(self, field))(limit)})
