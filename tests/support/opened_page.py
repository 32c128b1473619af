"""A page in a real browser, with its console messages and its requests."""

from pathlib import Path

from playwright.sync_api import Browser, Page, expect

MARKS = "path:not([d=''])"


class OpenedPage:
    """An open page, with its console messages and the addresses that it requested."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page, self.messages, self.requests = page, list[str](), list[str]()
        page.on("console", lambda message: self.messages.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.messages.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        expect(page.locator(".chart:not([data-drawn])")).to_have_count(0, timeout=60_000)
        self.url = path.as_uri()

    def is_silent_and_offline(self) -> bool:
        return self.messages == [] and self.requests == [self.url]

    def count(self, selector: str) -> int:
        return self.page.locator(selector).count()


def opened(browser: Browser, path: Path, width: int = 1400, **context: object) -> OpenedPage:
    tab = browser.new_context(viewport={"width": width, "height": 900}, **context)
    return OpenedPage(tab.new_page(), path)
