"""A page in a real browser, with everything that it said and asked for."""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

MARKS = "path:not([d=''])"


class Seen:
    """A page that was opened, with everything it said and asked for."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self.said, self.asked = page, list[str](), list[str]()
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(path.as_uri())
        expect(page.locator(".chart:not([data-drawn])")).to_have_count(0, timeout=60_000)
        self.url = path.as_uri()

    def is_silent_and_offline(self) -> bool:
        return self.said == [] and self.asked == [self.url]

    def count(self, selector: str) -> int:
        return self.page.locator(selector).count()


def opened(browser: Browser, path: Path, width: int = 1400, **context: object) -> Seen:
    place = browser.new_context(viewport={"width": width, "height": 900}, **context)
    return Seen(place.new_page(), path)
