"""The page at / in a real browser: choose a file, press Read, see the text."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service import (
    Service,
    eventually,
    free_port,
    generating_catalog,
    running,
    small_png,
)
from tests.tools import needed

pytestmark = [pytest.mark.processes, pytest.mark.timeout(120)]

PAGES = Path(__file__).parents[2] / "eval" / "pages"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver, section 12.1
CHROMIUM_OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
]


class Browser:
    """A few verbs of WebDriver (w3.org/TR/webdriver2)."""

    def __init__(self, port: int, profile: Path) -> None:
        self._client = httpx.Client(
            base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=60
        )
        options = {
            "binary": str(needed("chromium")),
            "args": [*CHROMIUM_OPTIONS, f"--user-data-dir={profile}"],
        }
        wanted = {"alwaysMatch": {"goog:chromeOptions": options}}
        session = self._call("POST", "/session", {"capabilities": wanted})["sessionId"]
        self._session = f"/session/{session}"

    def open(self, url: str) -> None:
        """Goes to a page."""
        self._call("POST", f"{self._session}/url", {"url": url})

    def find(self, selector: str) -> str:
        """Gives the element that a CSS selector names."""
        body = {"using": "css selector", "value": selector}
        return str(self._call("POST", f"{self._session}/element", body)[ELEMENT])

    def type(self, selector: str, text: str) -> None:
        """Types into an element; into a file input, chooses a file."""
        path = f"{self._session}/element/{self.find(selector)}/value"
        self._call("POST", path, {"text": text})

    def click(self, selector: str) -> None:
        """Clicks on an element."""
        self._call("POST", f"{self._session}/element/{self.find(selector)}/click", {})

    def run(self, script: str) -> Any:
        """Runs a script in the page and gives what it returns."""
        body = {"script": script, "args": []}
        return self._call("POST", f"{self._session}/execute/sync", body)

    def text(self, selector: str) -> str:
        """The visible text of an element."""
        path = f"{self._session}/element/{self.find(selector)}/text"
        return str(self._call("GET", path))

    def close(self) -> None:
        """Ends the browser."""
        self._call("DELETE", self._session)
        self._client.close()

    def _call(self, method: str, path: str, body: object = None) -> Any:
        answer = self._client.request(method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()["value"]


def own_catalog(folder: Path) -> Path:
    """A catalog with a model that writes slowly enough to be watched."""
    story = "\n".join(f"line{number} of the story" for number in range(12))
    told = {"text": story, "token_delay_s": 0.1}
    return generating_catalog(folder / "own.toml", storyteller=told)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("web")
    with running(folder / "data", {"CATALOG_FILE": str(own_catalog(folder))}) as started:
        yield started


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    driver, port = needed("chromedriver"), free_port()
    needed("chromium")
    process = subprocess.Popen(
        [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def is_up() -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/status", trust_env=False).is_success
        except httpx.HTTPError:
            return False

    try:
        eventually(is_up, 20)
        made = Browser(port, tmp_path_factory.mktemp("profile"))
        yield made
        made.close()
    finally:
        process.kill()
        process.wait()


def address(service: Service, path: str = "/") -> str:
    return f"http://127.0.0.1:{service.port}{path}"


def test_arabic_page_is_shown_from_right_to_left(service: Service, browser: Browser) -> None:
    browser.open(address(service))
    browser.type("#file", str(PAGES / "14_ar_naskh_96dpi.jpg"))
    browser.click("#read")
    eventually(lambda: "بغداد" in browser.text("#text"), 60, lambda: browser.text("main"))
    direction = "return getComputedStyle(document.querySelector('#text > *')).direction"
    assert browser.run(direction) == "rtl"
    assert "tesseract" in browser.text("#facts")
    assert "qari" in browser.text("#warnings").lower()


def test_models_can_be_chosen(service: Service, browser: Browser) -> None:
    browser.open(address(service))
    options = "return [...document.querySelectorAll('#model option')].map(o => o.value)"
    eventually(lambda: "rapidocr" in browser.run(options), 20)


def test_text_is_shown_while_it_is_generated(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    page = tmp_path / "page.png"
    page.write_bytes(small_png())
    browser.open(address(service))
    seen = read_by_storyteller(browser, page)
    partial = [text for text in seen if "being read" in text and "line0" in text]
    assert any("line11" not in text for text in partial)
    assert "line11 of the story" in seen[-1]


def test_fault_is_told_with_its_sentence(
    service: Service, browser: Browser, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(small_png()[:-30])
    browser.open(address(service))
    browser.type("#file", str(broken))
    browser.click("#read")
    eventually(lambda: len(browser.text("#error")) > 20, 30, lambda: browser.text("main"))


def test_reference_is_drawn_without_any_foreign_host(service: Service, browser: Browser) -> None:
    browser.open(address(service, "/docs"))
    eventually(lambda: "/models/switch" in browser.text("main"), 20)
    loaded = "return performance.getEntriesByType('resource').map(entry => entry.name)"
    assert all(name.startswith(address(service, "/")) for name in browser.run(loaded))


def test_key_is_asked_for_and_used(browser: Browser, tmp_path: Path) -> None:
    page, key = tmp_path / "page.png", "key-of-the-reading-room"
    page.write_bytes(small_png())
    environment = {"API_KEYS": f"reading-room:{key}", "CATALOG_FILE": str(own_catalog(tmp_path))}
    with running(tmp_path / "data", environment) as guarded:
        browser.open(address(guarded))
        eventually(lambda: "asks for a key" in browser.text("#key-form"), 20)
        browser.type("#key", "key-of-another-room")
        browser.click("#key-form button")
        eventually(lambda: "does not know" in browser.text("#key-form"), 20)
        browser.run("document.querySelector('#key').value = ''")
        browser.type("#key", key)
        browser.click("#key-form button")
        eventually(lambda: not browser.text("#key-form"), 20)
        seen = read_by_storyteller(browser, page)
    assert any("being read" in text and "line11" not in text for text in seen)
    assert "line11 of the story" in seen[-1]


def read_by_storyteller(browser: Browser, page: Path) -> list[str]:
    """Has a page read on the page that is open; gives all that was seen of its text."""
    options = "return [...document.querySelectorAll('#model option')].map(o => o.value)"
    eventually(lambda: "storyteller" in browser.run(options), 20)
    browser.run("document.querySelector('#model').value = 'storyteller'")
    browser.type("#file", str(page))
    browser.click("#read")
    shown = "return ['#facts', '#text'].map(id => document.querySelector(id).innerText).join(' ')"
    seen: list[str] = []

    def is_complete() -> bool:
        seen.append(browser.run(shown))
        return "storyteller" in seen[-1]

    eventually(is_complete, 60, lambda: seen[-1:])
    return seen
