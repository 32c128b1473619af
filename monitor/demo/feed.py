"""The demo feed: synthetic texts of invented people with known courses, and the files with these courses.

    python -m monitor.demo.feed          rewrites assets/demo_feed.csv.gz and its two truth files

The source column of every row is `synthetic-demo-a` or `synthetic-demo-b`; subjects alternate between these two
cohorts. No subject is a real person.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random

from monitor import ROOT
from monitor.demo.grammar import INTENTS, Occasion, invent_person, pick, weighted, write_text

ASSETS = ROOT / "monitor" / "assets"
SOURCES = ("synthetic-demo-a", "synthetic-demo-b")
SEED = 2026
SUBJECTS, DAYS = 30, 120
FIRST_DAY = date(2026, 3, 1)  # a Sunday, so that 120 days end with a whole week
COURSES = {"stable": 0.4, "declining": 1 / 6, "drop": 1 / 6, "recovering": 2 / 15, "episodic": 2 / 15}
ARCS = ("breakup", "jobloss", "grief", "loneliness", "nothing", "illness")
LOW_MIX = {
    "neutral": 0.10,
    "sadness": 0.68,
    "joy": 0.03,
    "love": 0.03,
    "anger": 0.06,
    "fear": 0.09,
    "surprise": 0.01,
}


@dataclass(frozen=True)
class DemoText:
    """One row of the feed, in the columns that `documents` reads."""

    doc_id: str
    subject_id: str
    posted_at: str  # ISO 8601, UTC
    text: str
    source: str


@dataclass(frozen=True)
class DemoPeriod:
    """One low period of a subject. A subject without one has a row for the whole feed, without onset and end.

    Days count from 0, the feed's first day; both ends belong to the period. `depth` is the largest share, 0 to 1, by
    which the texts move from the subject's usual mix to the low mix. A `declining` subject reaches it gradually from
    the onset; a `recovering` subject starts low and is back to normal at the end. `half` is the first day with half
    the depth or more, which is the onset unless the decline is gradual.
    """

    subject_id: str
    course: str
    cause: str | None
    onset_day: int | None
    end_day: int | None
    onset: str | None
    end: str | None
    depth: float
    half: str | None = None


@dataclass(frozen=True)
class DemoIntent:
    """The intended emotion of a text, or `neutral`, and its writer's lowness that day, from 0 to 1."""

    doc_id: str
    intent: str
    lowness: float


@dataclass(frozen=True)
class DemoFeed:
    """Texts in time order; periods by subject; intents in the order of the texts."""

    texts: tuple[DemoText, ...]
    periods: tuple[DemoPeriod, ...]
    intents: tuple[DemoIntent, ...]


def demo_feed_path() -> Path:
    """The shipped feed, a gzipped CSV."""
    return ASSETS / "demo_feed.csv.gz"


def demo_texts() -> list[str]:
    """The texts of the demo feed."""
    with gzip.open(demo_feed_path(), "rt", encoding="utf-8", newline="") as file:
        return [row["text"] for row in csv.DictReader(file)]


def generate(seed: int = SEED, *, texts: int = 5000) -> DemoFeed:
    """Generate a feed; the same arguments give the same feed.

    Args:
        seed: any integer.
        texts: approximate total number of texts.
    """
    rng = Random(f"demo-{seed}")
    courses = _shared_out(rng)
    rates = [0.5 + rng.random() ** 2 * 1.5 for _ in range(SUBJECTS)]
    rows: list[tuple[DemoText, DemoIntent]] = []
    periods: list[DemoPeriod] = []
    for number, course in enumerate(courses, start=1):
        own = Random(f"demo-{seed}-{number}")
        subject = f"demo-{number:02d}"
        drawn = _periods(own, subject, course)
        periods += drawn
        source = SOURCES[number % len(SOURCES)]
        rows += _texts_of(own, subject, source, drawn, texts * rates[number - 1] / sum(rates))
    rows.sort(key=lambda row: (row[0].posted_at, row[0].doc_id))
    return DemoFeed(tuple(text for text, _ in rows), tuple(periods), tuple(intent for _, intent in rows))


def lowness(period: DemoPeriod, day: int) -> float:
    """Share, 0 to 1, by which this period moves the texts of `day` to the low mix."""
    if period.onset_day is None or period.end_day is None or not period.onset_day <= day <= period.end_day:
        return 0.0
    progress = (day - period.onset_day) / max(1, period.end_day - period.onset_day)
    if period.course == "declining":
        return period.depth * min(1.0, progress / 0.8)
    if period.course == "recovering":
        return period.depth * min(1.0, (1.0 - progress) / 0.6)
    return period.depth


def write_feed(feed: DemoFeed, folder: Path) -> None:
    """Write demo_feed.csv.gz and demo_intents.csv.gz (a row per text), and demo_truth.csv (a row per period)."""
    for name, rows in (("demo_feed.csv.gz", feed.texts), ("demo_intents.csv.gz", feed.intents)):
        with (folder / name).open("wb") as raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
            stream.write(to_csv(rows).encode())
    (folder / "demo_truth.csv").write_bytes(to_csv(feed.periods).encode())


def to_csv(rows: Sequence[DemoText | DemoPeriod | DemoIntent]) -> str:
    """Rows of one kind as CSV with a header; None is an empty field."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(field.name for field in fields(rows[0]))
    writer.writerows(map(astuple, rows))
    return buffer.getvalue()


def _shared_out(rng: Random) -> list[str]:
    """One course per subject in random order, in shares as close to COURSES as whole numbers allow."""
    ranks = [((copy + 0.5) / share, course) for course, share in COURSES.items() for copy in range(SUBJECTS)]
    courses = [course for _, course in sorted(ranks)[:SUBJECTS]]
    return [course for _, course in sorted((rng.random(), course) for course in courses)]


def _periods(rng: Random, subject: str, course: str) -> list[DemoPeriod]:
    cause = None if course == "stable" else pick(rng, ARCS)
    depth = 0.0 if course == "stable" else 0.75 + 0.2 * rng.random()

    def between(low: float, high: float) -> int:
        return int(DAYS * (low + (high - low) * rng.random()))

    if course == "stable":
        spans: list[tuple[int, int]] = []
    elif course == "declining":
        spans = [(between(0.25, 0.4), DAYS - 1)]
    elif course == "drop":
        spans = [(between(0.4, 0.65), DAYS - 1)]
    elif course == "recovering":
        spans = [(0, between(0.55, 0.75))]
    else:
        first, second = between(0.22, 0.32), between(0.62, 0.74)
        spans = [(first, first + between(0.08, 0.13)), (second, second + between(0.08, 0.13))]
    if not spans:
        return [DemoPeriod(subject, course, None, None, None, None, None, 0.0)]
    drawn = (
        DemoPeriod(subject, course, cause, start, end, _date(start), _date(end), round(depth, 3))
        for start, end in spans
    )
    return [replace(period, half=_date(_half_day(period))) for period in drawn]


def _half_day(period: DemoPeriod) -> int:
    return next(day for day in range(DAYS) if lowness(period, day) >= period.depth / 2)


def _date(day: int) -> str:
    return (FIRST_DAY + timedelta(days=day)).isoformat()


def _texts_of(
    rng: Random, subject: str, source: str, periods: Sequence[DemoPeriod], expected: float
) -> Iterable[tuple[DemoText, DemoIntent]]:
    """One subject's texts in order: the subject's usual mix of emotions, changed by daily mood and by the periods.

    Words come from a separate random stream, so that new phrases change neither dates nor intents.
    """
    person = invent_person(rng, periods[0].cause)
    words = Random(f"words-{rng.random()}")
    usual = _usual_mix(rng)
    mood = 0.0
    number = 0
    for day, times in enumerate(_posting_times(rng, expected)):
        mood = 0.7 * mood + 0.3 * (rng.random() - 0.5)  # good and bad days without a cause
        period = max(periods, key=lambda each: lowness(each, day))
        low = min(1.0, max(0.0, lowness(period, day) + 0.6 * mood))
        for at in times:
            mix = {intent: (1 - low) * usual[intent] + low * LOW_MIX[intent] for intent in INTENTS}
            occasion = _occasion(weighted(rng, mix), at, low, period, day)
            text = write_text(words, person, occasion)
            number += 1
            doc_id = f"{subject}-{number:04d}"
            posted_at = f"{at:%Y-%m-%dT%H:%M:%SZ}"
            yield (
                DemoText(doc_id, subject, posted_at, text, source),
                DemoIntent(doc_id, occasion.intent, round(low, 3)),
            )


def _occasion(intent: str, at: datetime, low: float, period: DemoPeriod, day: int) -> Occasion:
    depth = lowness(period, day)
    # a recovering subject was low before the feed started
    since = day - (period.onset_day or 0) + (14 if period.course == "recovering" else 0)
    late = period.end_day is not None and day > 0.4 * period.end_day
    return Occasion(
        intent,
        at,
        low=low,
        story=period.cause if depth > 0.25 else None,
        weeks=since // 7,
        recovering=period.course == "recovering" and late and depth < 0.7,
    )


def _usual_mix(rng: Random) -> Mapping[str, float]:
    """A person's mix of intents on ordinary days."""
    centre = {"neutral": 50, "sadness": 6, "joy": 20, "love": 8, "anger": 7, "fear": 5, "surprise": 5}
    drawn = {intent: share * (0.5 + rng.random()) for intent, share in centre.items()}
    return {intent: share / sum(drawn.values()) for intent, share in drawn.items()}


def _posting_times(rng: Random, expected: float) -> Iterable[list[datetime]]:
    """Times of each day's texts in order, with preferred hours and weekdays and a few silent days in a row."""
    hours = [pick(rng, [7, 8, 12, 13, 17]), pick(rng, [19, 20, 21, 22, 23])]
    evening = 0.5 + 0.4 * rng.random()
    weekday_rates = [0.4 + rng.random() for _ in range(7)]
    silent = 0
    weights = []
    for day in range(DAYS):
        silent = silent - 1 if silent > 0 else (1 + int(4 * rng.random()) if rng.random() < 0.035 else 0)
        weights.append(0.0 if silent else weekday_rates[day % 7])
    for day, weight in enumerate(weights):
        start = datetime.combine(FIRST_DAY + timedelta(days=day), datetime.min.time(), UTC)
        times = []
        for _ in range(_poisson(rng, expected * weight / sum(weights))):
            middle = hours[rng.random() < evening]
            minute = int(60 * middle + 240 * (rng.random() + rng.random() + rng.random() - 1.5))
            times.append(start + timedelta(minutes=max(0, min(1439, minute)), seconds=int(60 * rng.random())))
        yield sorted(times)


def _poisson(rng: Random, mean: float) -> int:
    """A Poisson number by products of uniform numbers (Knuth), so that only `rng.random()` is used."""
    count, left = -1, 1.0
    limit = 2.718281828459045**-mean
    while left > limit:
        count += 1
        left *= rng.random()
    return count


if __name__ == "__main__":
    write_feed(generate(), ASSETS)
