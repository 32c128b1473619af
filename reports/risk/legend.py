"""The text above the cards of a page: the rule of their order, and the meaning of their parts."""

from __future__ import annotations

from reports.risk.cards import TITLES
from reports.risk.comparison import WIDEST
from reports.risk.inputs import Inputs
from reports.risk.people import CLOSED_DAYS
from reports.style.wording import exact, percent


def order_note(inputs: Inputs) -> str:
    """The rule of the order, and the number of days on which the rules could have raised an alert."""
    words, days = inputs.words, inputs.could_fire.row(0, named=True)
    order = words(
        "Order: crisis, crisis closed unseen, alerted this week, still high, easing, silent. In each group, people "
        "whom nobody has looked at come first. In the first two groups, the newest text about death or self-harm "
        "decides next; in the other groups, the higher score."
    )
    could_fire = words(
        "On {share} of all days a person had written enough texts for the rules. On the other days only the crisis "
        "rule could raise an alert. So a person without a card may still need somebody.",
        share=percent(days["any"] / max(1, days["subject_days"]), 0),
    )
    return words.join(order, could_fire)


def quote_key(inputs: Inputs) -> list[tuple[str, str]]:
    """The legend of shaded words in quoted texts: class of the sample and explanation; empty without quotes."""
    words = inputs.words
    if not inputs.texts.height:
        return []
    return [
        ("adds-2", words("shaded: the word adds to the answer")),
        ("adds-3", words("bold: it adds most")),
        ("takes", words("dotted line: it takes away from the answer")),
        ("crisis", words("wording of the crisis list")),
    ]


def legend(inputs: Inputs) -> list[tuple[str, str]]:
    """The meaning of the groups, numbers, curve and squares of a card."""
    words = inputs.words
    line = exact(inputs.options.threshold)
    curve = words(
        "Each point is the mean of a week; the newest of the 12 weeks is on the right. The dashed line is "
        "the mean of the person's past 8 weeks, the dotted line the alert line ({line}).",
        line=line,
    )
    squares = words(
        "Each square is a day; the newest is on the right. The darker a square, the larger the share of the "
        "day's texts that showed the sign. Empty square: no text showed it. Dot: no texts."
    )
    usual = words(
        "Of 100 weeks that are like the person's past 8 weeks, 95 have a mean in this range. What is usual is not "
        "always well. A range of more than {n} points says nothing and is left out.",
        n=f"{WIDEST * 100:.0f}",
    )
    return [
        *_groups(inputs),
        (words("Usual for them"), usual),
        (words("Curve"), curve),
        (words("Squares"), squares),
        (words("All days"), words("For each person, the days from the first text to the last.")),
    ]


def _groups(inputs: Inputs) -> list[tuple[str, str]]:
    words, options = inputs.words, inputs.options
    calm = exact(options.rules.calm_share * options.threshold)
    crisis = words(
        "A text holds wording of the crisis list, or the model reads it as thoughts of death or self-harm. "
        "One such text is enough."
    )
    closed = words(
        "A crisis alert closed by itself in the last {days} days, and nobody had looked. A crisis alert closes "
        "when {calm_days} full days have passed without another such text, whether anybody looks or not. The card "
        "stays until somebody records a look.",
        days=CLOSED_DAYS,
        calm_days=options.rules.cooldown_days,
    )
    high = words(
        "All alerts are older than 7 days. The mean of the last 7 days is {calm} or above, or above what is "
        "usual for this person.",
        calm=calm,
    )
    easing = words(
        "All alerts are older than 7 days. The mean of the last 7 days is below {calm}, and not above what "
        "is usual for this person.",
        calm=calm,
    )
    return [
        (words(TITLES["crisis"]), crisis),
        (words(TITLES["closed"]), closed),
        (words(TITLES["new"]), words("A rule raised an alert in the last 7 days. Older alerts may be open too.")),
        (words(TITLES["high"]), high),
        (words(TITLES["easing"]), easing),
        (words(TITLES["silent"]), words("The person has written nothing for 7 days or longer.")),
    ]
