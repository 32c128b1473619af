"""Compare a person's last 7 days with the alert line and with their own past, in words.

No sentence here is an all-clear, because a person's usual state can be bad for weeks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reports.risk.inputs import Inputs
from reports.style.wording import exact, percent

FAR = 2.0  # far: this many times the distance from the past's mean to the edge of the usual range
WIDEST = 0.4  # a wider usual range says nothing


def against(now: Mapping[str, Any], inputs: Inputs) -> tuple[str, str]:
    """Compare the last 7 days with the alert line and the person's own past: the verdict, and the numbers behind it.

    Args:
        now: a row of sql/people/now.sql.
        inputs: of the report.
    """
    words = inputs.words
    if not now["n_7"]:
        return _silence(now, inputs)
    texts, score = words.count(now["n_7"], "text"), percent(now["p_7"], 0)
    few = words("So few texts say little: read them.") if now["n_7"] < inputs.options.min_texts else ""
    if now["past_mean"] is None:
        none = words("{now} over {texts}; there is no own past to compare with yet.", now=score, texts=texts)
        return _place(now, inputs), words.join(none, few)
    past = percent(now["past_mean"], 0)
    if now["past_hi"] - now["past_lo"] > WIDEST:
        numbers = words.join(
            words("{now} over {texts}; the mean of their past 8 weeks is {past}.", now=score, texts=texts, past=past),
            words("Their texts differ too much, or are too few, to say what is usual for them."),
        )
    else:
        numbers = words(
            "{now} over {texts}; usual for them is {lo} to {hi}, with a mean of {past}.",
            now=score,
            texts=texts,
            past=past,
            lo=percent(now["past_lo"], 0),
            hi=percent(now["past_hi"], 0),
        )
    before = _before(now, inputs) if now["n_before"] else ""
    return words.join(_place(now, inputs), _course(now, inputs)), words.join(numbers, before, few)


def since(now: Mapping[str, Any], alert: Mapping[str, Any], inputs: Inputs) -> str:
    """A sentence if a new alert was right on its day, but the last 7 days no longer show it; otherwise empty."""
    words = inputs.words
    if alert["rule"] not in ("level", "change", "sustained") or not now["n_7"]:
        return ""
    holds = _is_above(now) if alert["rule"] == "change" else now["signal_7"] >= inputs.options.threshold
    if holds:
        return ""
    return words(
        "The alert is about the days up to {day}, the numbers here about the last 7 days.",
        day=words.day(alert["opened_on"]),
    )


def _silence(now: Mapping[str, Any], inputs: Inputs) -> tuple[str, str]:
    words, pause = inputs.words, now["longest_pause"]
    silence = words(
        "No text for {days}; the last came on {day}.",
        days=words.count(now["silent_days"], "day"),
        day=words.day(now["last_day"]),
    )
    if not pause:
        return silence, ""
    return silence, words("The longest pause in the 8 weeks before was {days}.", days=words.count(pause, "day"))


def _before(now: Mapping[str, Any], inputs: Inputs) -> str:
    words, before = inputs.words, percent(now["p_before"], 0)
    if before == percent(now["p_7"], 0):
        return words("The same as the week before.")
    if now["p_7"] > now["p_before"]:
        return words("Up from {share} the week before.", share=before)
    return words("Down from {share} the week before.", share=before)


def _place(now: Mapping[str, Any], inputs: Inputs) -> str:
    """The last 7 days compared with the alert line, in words."""
    words, options = inputs.words, inputs.options
    line, calm = exact(options.threshold), exact(_calm(inputs))
    if now["signal_7"] >= options.threshold:
        return words("The score is at or above the alert line ({line}).", line=line)
    if now["signal_7"] >= _calm(inputs):
        return words(
            "The score is a little below the alert line ({line}); it is calm below {calm}.", line=line, calm=calm
        )
    return words("The score is below the alert line ({line}).", line=line)


def _course(now: Mapping[str, Any], inputs: Inputs) -> str:
    """The change from the past 8 weeks; empty if the score is low and was low before."""
    words, mean, high = inputs.words, now["past_mean"], now["past_hi"]
    if now["p_7"] > mean + FAR * (high - mean):
        return words("It is far higher than in their past 8 weeks.")
    if _is_above(now):
        return words("It is higher than in their past 8 weeks.")
    if now["p_7"] < now["past_lo"]:
        return words("It is lower than in their past 8 weeks.")
    if now["signal_7"] < _calm(inputs):
        return ""
    if mean >= _calm(inputs):
        return words("It was so in the weeks before: high for weeks, not new.")
    return words("Their past is too uneven to say whether that is new.")


def _is_above(now: Mapping[str, Any]) -> bool:
    return now["past_hi"] is not None and bool(now["p_7"] > now["past_hi"])


def _calm(inputs: Inputs) -> float:
    return inputs.options.rules.calm_share * inputs.options.threshold
