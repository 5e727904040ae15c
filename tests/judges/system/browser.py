"""A headless Chromium for tests of pages: what it shows, what it complains of, and what it asks of the network.

Selenium drives it, as a library in Python alone that speaks WebDriver to Debian's own driver;
Playwright would bring a Node.js and a browser of its own.
"""

import base64
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# What a page may ask for: itself.
_LOCAL = ("about:", "data:", "blob:")


class Browser:
    """A browser with one window; `driver` is Selenium's own object."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(
        self, page: Path | str, dark: bool = False, size: tuple[int, int] = (1400, 900)
    ) -> None:
        """Open a file, or an address with its fragment, in a window of this size."""
        self.driver.get("about:blank")
        self._logged("browser")
        self._logged("performance")
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._command("Emulation.setEmulatedMedia", media="", features=[scheme])
        width, height = size
        self._command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.driver.get(page.as_uri() if isinstance(page, Path) else page)

    def find(self, selector: str) -> WebElement:
        """The first element of a CSS selector."""
        return self.driver.find_element("css selector", selector)

    def shown(self, selector: str) -> list[WebElement]:
        """The elements of a CSS selector that can be seen."""
        found = self.driver.find_elements("css selector", selector)
        return [element for element in found if element.is_displayed()]

    def texts(self, selector: str) -> list[str]:
        """The texts of the elements of a CSS selector that can be seen."""
        return [element.text for element in self.shown(selector)]

    def wait(self, condition: Callable[[], object], what: str = "", seconds: int = 20) -> None:
        """Wait until something is so: some of what a page does comes a little later."""
        WebDriverWait(self.driver, seconds).until(lambda _: condition(), what)

    def wait_for(self, selector: str, text: str) -> None:
        """Wait until an element has a text."""
        # In one step: the element may be replaced at any time.
        script = "return document.querySelector(arguments[0])?.innerText"
        self.wait(lambda: self.run(script, selector) == text, f"{selector} is not {text!r}")

    def press(self, *keys: str) -> None:
        """Press keys, in whatever has the focus."""
        webdriver.ActionChains(self.driver).send_keys(*keys).perform()

    def run(self, script: str, *arguments: Any) -> Any:
        """Run JavaScript, and return what it returns; a page's policy does not forbid that."""
        return self.driver.execute_script(script, *arguments)

    def complaints(self) -> list[str]:
        """What the console says since the page was opened: errors, violations of its policy."""
        return [entry["message"] for entry in self._logged("browser")]

    def requests(self) -> list[str]:
        """What the page has asked for since it was opened, itself left out."""
        addresses = []
        for entry in self._logged("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                addresses.append(message["params"]["request"]["url"])
        here = self.driver.current_url.partition("#")[0]
        return [
            one for one in addresses if one.partition("#")[0] != here and not one.startswith(_LOCAL)
        ]

    def printed(self) -> bytes:
        """The page as it comes out of the printer, a PDF."""
        return base64.b64decode(self.driver.print_page())

    def as_printed(self) -> None:
        """Show the page in the window with the styles of its print, until the next is opened."""
        self._command("Emulation.setEmulatedMedia", media="print")

    def _logged(self, kind: str) -> Any:
        """Take what was logged since the last time."""
        return self.driver.get_log(kind)  # type: ignore[no-untyped-call]

    def _command(self, name: str, **parameters: Any) -> None:
        """Send a command of Chromium's own protocol."""
        self.driver.execute_cdp_cmd(name, parameters)


@contextmanager
def running_browser(profile: Path) -> Iterator[Browser]:
    """Start a browser with a profile in a new folder, and end it."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Named, so that Selenium does not look for a driver on the network.
    service = Service(shutil.which("chromedriver") or "chromedriver")
    driver = webdriver.Chrome(options, service)
    try:
        yield Browser(driver)
    finally:
        driver.quit()


__all__ = ["Browser", "Keys", "running_browser"]
