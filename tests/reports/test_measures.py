"""Numbers beside the texts on a person's page: small charts over the days of the course, or nothing."""

import datetime as dt
import json
import math
from collections.abc import Mapping

import pytest

from jobs.pipeline.report_inputs import collect_inputs
from reports.risk import html, pages
from reports.risk.inputs import Inputs, Options
from tests.support import fake_feed

NAMES = ("Sleep <b>hours</b>", "Steps")


def report(lang: str = "en", *, subject_pages: bool = True) -> tuple[Inputs, Mapping[str, str]]:
    """Inputs and pages of twelve people, of whom one has numbers: short nights, and steps too few to compare."""
    with fake_feed.database() as con:
        fake_feed.add_courses(con, 12)
        for day in range(120):
            values = {NAMES[0]: 7.5 + math.sin(day * 2.1) - 3 * (day > 100)}
            if day > 110:
                values[NAMES[1]] = 12_345.678 + day
            for name, value in values.items():
                at = dt.datetime.combine(fake_feed.START + dt.timedelta(days=day), dt.time(9))
                con.execute(
                    "INSERT INTO measures VALUES ('demo-01', ?, ?, ?, NULL, 'f.csv', 2, 'run-1', ?)",
                    [at, name, value, at],
                )
        inputs = collect_inputs(con, None, None, Options(lang=lang, subject_pages=subject_pages, min_cohort=1))
    assert isinstance(inputs, Inputs)
    return inputs, {page.file: html.render(page, inputs.words) for page in pages.pages(inputs)}


def spans(page: str) -> dict[str, list[str]]:
    """Key of a chart -> its days from and to, where they are fixed."""
    specs = json.loads(page.split('id="specs">')[1].split("</script>")[0])
    return {key: spec["layer"][0]["encoding"]["x"]["scale"].get("domain") for key, spec in specs.items()}


@pytest.mark.slow
def test_numbers_stand_below_the_course_over_the_same_days() -> None:
    inputs, shown = report()
    page, other = (shown[inputs.page_file(subject)] for subject in ("demo-01", "demo-02"))
    domains = spans(page)
    assert list(domains) == ["course", "measure_1", "measure_2"]
    assert len({tuple(domain) for domain in domains.values()}) == 1
    assert spans(other) == {"course": None}
    assert "Sleep &lt;b&gt;hours" in page
    assert "standard errors below the own past (" in page
    assert "was 12,461.68; there are too few days to compare" in page
    assert "Standard errors</th>" in page
    assert "Standard errors" not in other
    assert report(subject_pages=False)[0].measures.is_empty()
