"""The demo feed: reproducible, varied, marked as synthetic, and consistent with its courses."""

import csv
import gzip
import random
import re
from collections import Counter
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from monitor.demo.feed import (
    ASSETS,
    COURSES,
    FIRST_DAY,
    SOURCES,
    DemoFeed,
    DemoPeriod,
    demo_feed_path,
    generate,
    lowness,
    to_csv,
    write_feed,
)
from monitor.demo.grammar import CHOICE, INTENTS, SLOT, invent_person, phrases
from monitor.evaluation.segments import FEEL

CLOCK = {"now", "weekday", "weekday_other", "tomorrow", "yesterday", "weeks", "other", "dog"}
PRONOUNS = {"p_them", "s_them", "r_them", "ex_their"}


@pytest.fixture(scope="module")
def feed() -> DemoFeed:
    return generate()


def days_of(feed: DemoFeed) -> list[int]:
    return [(date.fromisoformat(text.posted_at[:10]) - FIRST_DAY).days for text in feed.texts]


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


@pytest.mark.slow
def test_the_shipped_feed_equals_the_generators_output(feed: DemoFeed, tmp_path: Path) -> None:
    write_feed(feed, tmp_path)
    assert gzip.decompress(demo_feed_path().read_bytes()) == to_csv(feed.texts).encode()
    for name in ("demo_feed.csv.gz", "demo_intents.csv.gz"):
        # the compressed bytes may differ between builds of zlib, the content may not
        assert gzip.decompress((ASSETS / name).read_bytes()) == gzip.decompress((tmp_path / name).read_bytes())
    assert (ASSETS / "demo_truth.csv").read_bytes() == (tmp_path / "demo_truth.csv").read_bytes()


def test_the_shipped_feed_has_the_promised_shape() -> None:
    with gzip.open(demo_feed_path(), "rt", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert set(rows[0]) == {"doc_id", "subject_id", "posted_at", "text", "source"}
    assert 4800 <= len(rows) <= 5200
    assert len({row["doc_id"] for row in rows}) == len(rows)
    assert len({row["subject_id"] for row in rows}) == 30
    cohorts = {row["subject_id"]: row["source"] for row in rows}
    assert Counter(cohorts.values()) == dict.fromkeys(SOURCES, 15)
    stamps = [datetime.fromisoformat(row["posted_at"]) for row in rows]
    assert stamps == sorted(stamps)
    assert (stamps[-1] - stamps[0]).days == 119


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2026, 1, -7])
def test_texts_are_varied_and_of_human_length(seed: int) -> None:
    texts = [text.text for text in generate(seed).texts]
    assert 1 - len(set(texts)) / len(texts) < 0.02
    assert all(4 <= len(text.split()) <= 60 for text in texts)
    assert len(Counter(word for text in texts for word in words_of(text))) > 2000
    grams = Counter(tuple(words[at : at + 8]) for words in map(words_of, texts) for at in range(len(words) - 7))
    assert len(grams) / sum(grams.values()) > 0.8  # at most one 8-word run in five was seen before
    assert max(grams.values()) < 40
    assert not any(re.search(r"[\[\]{}|]| ,|,,|  ", text) for text in texts)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2026, 1, -7])
def test_the_word_feel_is_rare_and_equally_common_in_neutral_texts(seed: int) -> None:
    drawn = generate(seed)
    by_kind: dict[bool, list[bool]] = {True: [], False: []}
    for text, intent in zip(drawn.texts, drawn.intents, strict=True):
        by_kind[intent.intent == "neutral"].append(bool(FEEL.search(text.text)))
    neutral, emotional = (sum(by_kind[kind]) / len(by_kind[kind]) for kind in (True, False))
    assert 0.02 < emotional <= 0.1
    assert abs(neutral - emotional) < 0.03


def test_every_clause_can_be_filled_by_someone() -> None:
    bank = phrases()
    known = set(bank["list"]) | set(bank["people"]) | CLOCK | PRONOUNS
    topics = set(next(iter(bank["role"].values()))["topics"]) | {"study"}
    for section in (*topics, "open", "close", "state", "unsaid", "arc", "aside", "mild", "recovery", "list"):
        for lines in bank[section].values():
            for line in lines:
                assert set(SLOT.findall(line)) <= known, line
                rest = line
                while CHOICE.search(rest):
                    rest = CHOICE.sub("x", rest)
                assert not set("[]|") & set(rest), line


def test_no_phrase_mentions_self_harm_or_killing() -> None:
    bank = (ASSETS / "demo_phrases.toml").read_text(encoding="utf-8").lower()
    assert not re.search(r"suicid|kill|overdose|cut myself|hurt myself|end it all|want to die|razor|noose", bank)


def test_each_course_has_its_share_and_its_shape() -> None:
    periods = generate(5, texts=300).periods
    of = {period.subject_id: period.course for period in periods}
    shares = Counter(of.values())
    assert set(shares) == set(COURSES)
    assert shares["stable"] == max(shares.values())
    assert min(shares.values()) >= 3
    for period in periods:
        curve = [lowness(period, day) for day in range(120)]
        steps = [after - before for before, after in pairwise(curve)]
        if period.course == "stable":
            assert not any(curve)
            continue
        assert period.onset_day is not None
        assert period.end_day is not None
        assert max(curve) == period.depth >= 0.7
        half = (date.fromisoformat(period.half or "") - FIRST_DAY).days
        assert curve[half] >= period.depth / 2
        assert all(depth < period.depth / 2 for depth in curve[:half])
        assert period.onset == (FIRST_DAY.fromordinal(FIRST_DAY.toordinal() + period.onset_day)).isoformat()
        if period.course == "declining":
            assert min(steps) >= 0
            assert max(steps) < 0.05
        elif period.course == "drop":
            assert [step for step in steps if step] == [period.depth]
            assert steps.index(period.depth) + 1 == period.onset_day
        elif period.course == "recovering":
            assert curve[0] == period.depth
            assert max(steps) <= 0
            assert curve[-1] == 0
        else:
            assert 7 <= period.end_day - period.onset_day <= 17
    starts = [period.onset_day for period in periods if period.course == "episodic" and period.onset_day]
    assert len(starts) == 2 * shares["episodic"]


@pytest.mark.slow
def test_low_periods_have_several_times_the_usual_sadness(feed: DemoFeed) -> None:
    periods: dict[str, list[DemoPeriod]] = {}
    for period in feed.periods:
        periods.setdefault(period.subject_id, []).append(period)
    low: list[bool] = []
    ordinary: list[bool] = []
    for text, intent, day in zip(feed.texts, feed.intents, days_of(feed), strict=True):
        depth = max(lowness(period, day) for period in periods[text.subject_id])
        if depth > 0.6:
            low.append(intent.intent == "sadness")
        elif depth == 0:
            ordinary.append(intent.intent == "sadness")
    assert sum(ordinary) / len(ordinary) < 0.12
    assert sum(low) / len(low) > 0.4


def test_people_have_silent_days_and_their_own_usual_hours(feed: DemoFeed) -> None:
    by_subject: dict[str, list[tuple[int, int]]] = {}
    for text, day in zip(feed.texts, days_of(feed), strict=True):
        by_subject.setdefault(text.subject_id, []).append((day, int(text.posted_at[11:13])))
    hours = {subject: Counter(hour for _, hour in rows).most_common(1)[0][0] for subject, rows in by_subject.items()}
    assert len(set(hours.values())) >= 4
    assert all(len({day for day, _ in rows}) < 118 for rows in by_subject.values())


def test_the_same_seed_repeats_and_another_differs() -> None:
    assert generate(3, texts=200) == generate(3, texts=200)
    assert generate(3, texts=200).texts != generate(4, texts=200).texts
    assert {intent.intent for intent in generate(3, texts=600).intents} == set(INTENTS)


def test_a_person_with_a_breakup_has_an_ex_and_no_partner() -> None:
    for seed in range(50):
        person = invent_person(random.Random(seed), "breakup")
        assert "ex" in person.slots
        assert "partner" not in person.slots
