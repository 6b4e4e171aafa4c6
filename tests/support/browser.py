"""A headless Chromium for the tests of the page, through Selenium; and the page in it.

Selenium with Debian's driver is 20 MB to fetch; Playwright brings a Node of its own and is 53 MB.
"""

import base64
import importlib.util
import json
import os
import re
import shutil
import time
from importlib import resources

_SENT = "Network.requestWillBeSent"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def found():
    """Where the browser lies; `CYCLEGAN_TF_CHROMIUM` before what is in the path."""
    names = (os.environ.get("CYCLEGAN_TF_CHROMIUM"), *BROWSERS)
    return next(filter(None, (shutil.which(name) for name in names if name)), None)


def missing():
    """Why there can be no such tests, or None."""
    for package in ("selenium", "axe_core_python"):
        if importlib.util.find_spec(package) is None:
            return f"the Python package {package} is not installed (extra test)"
    if found() is None:
        return f"no browser: none of {', '.join(BROWSERS)}, and CYCLEGAN_TF_CHROMIUM names none"
    if shutil.which("chromedriver") is None:
        return "no chromedriver in the path (Debian: chromium-driver)"
    return None


class Browser:
    """A browser with one window.

    Args:
        downloads: Folder for what it downloads.
    """

    def __init__(self, downloads):
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = found()
        # No sandbox: CI may be root. No /dev/shm: a container's may be small.
        for switch in ("headless=new", "no-sandbox", "disable-dev-shm-usage", "hide-scrollbars"):
            options.add_argument(f"--{switch}")
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        service = webdriver.ChromeService(shutil.which("chromedriver"))
        self.driver = webdriver.Chrome(options, service)
        self.downloads = downloads
        self.devtools("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(downloads))

    def devtools(self, command, **parameters):
        """Says something to the browser that no page can say."""
        return self.driver.execute_cdp_cmd(command, parameters)

    def look(self, width=1280, height=900, phone=False, scheme="light"):
        """Sets the size of the window, and whether it is light or dark."""
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        self.devtools("Emulation.setTouchEmulationEnabled", enabled=phone)
        features = [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]
        self.devtools("Emulation.setEmulatedMedia", features=features)

    def block(self, *addresses):
        """Lets the network fail for addresses with these endings; without any, for none."""
        self.devtools("Network.enable")
        self.devtools("Network.setBlockedURLs", urls=[f"*{address}" for address in addresses])

    def run(self, script, *arguments):
        """Runs a function's body in the page."""
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        """The elements that a CSS selector finds."""
        return self.driver.find_elements("css selector", selector)

    def wait(self, condition, what, seconds=20):
        """Waits until a function gives something true, and returns that."""
        until = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < until, f"waited {seconds} s in vain for {what}"
            time.sleep(0.02)
        return found

    def screenshot(self, element):
        """The pixels of an element, an RGB array."""
        import cv2
        import numpy as np

        png = np.frombuffer(base64.b64decode(element.screenshot_as_base64), np.uint8)
        return cv2.imdecode(png, cv2.IMREAD_COLOR)[..., ::-1]

    def violations(self):
        """What axe-core finds inaccessible, a sentence each."""
        axe = resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
        self.run(axe)
        found = self.driver.execute_async_script(
            "const done = arguments[0];"
            "axe.run().then((r) => done(r.violations), (e) => done([{help: String(e), nodes: []}]))"
        )
        return [f"{one['help']}: {[node['html'] for node in one['nodes']]}" for one in found]

    def complaints(self):
        """What the console said since the last call, the browser's own remarks on 4xx included."""
        entries = self.driver.get_log("browser")
        return [e["message"] for e in entries if e["level"] in ("WARNING", "SEVERE")]

    def requests(self):
        """`(method, address)` of what was asked for since the last call."""
        messages = [json.loads(e["message"])["message"] for e in self.driver.get_log("performance")]
        asked = [m["params"]["request"] for m in messages if m["method"] == _SENT]
        return [(request["method"], request["url"]) for request in asked]

    def quit(self):
        """Ends it."""
        self.driver.quit()


class Page:
    """The page, freshly opened."""

    def __init__(self, chromium, site):
        self.browser, self.site = chromium, site
        self.open()

    def open(self):
        self.browser.driver.get(self.site.address)
        self.browser.wait(lambda: self.browser.all("#choice option[value]"), "the models")

    def add(self, *files):
        self.browser.all("#file")[0].send_keys("\n".join(map(str, files)))

    def card(self, name):
        """The card of a file, once it is there."""
        return self.browser.wait(
            lambda: [card for card in self.browser.all(".card") if self.text(card, "h3") == name],
            f"the card of {name}",
        )[0]

    def until(self, name, state):
        """The card of a file, once it is in a state; at once where it failed instead."""
        card = self.card(name)
        ends = {state, "failed"}
        self.browser.wait(lambda: card.get_attribute("data-state") in ends, f"{name} {state}")
        assert card.get_attribute("data-state") == state, self.text(card, ".problem")
        return card

    def until_said(self, name, words):
        """Waits until the line below a file's name is so."""
        card = self.card(name)
        self.browser.wait(lambda: re.fullmatch(words, self.text(card, ".state")), words)

    def text(self, card, selector):
        return card.find_element("css selector", selector).text

    def click(self, card, selector):
        card.find_element("css selector", selector).click()

    def translate(self, file):
        """The card of a file that was added and is done."""
        self.add(file)
        return self.until(file.name, "done")

    def edge(self, card):
        """Where before becomes after, in percent."""
        stage = card.find_element("css selector", ".stage")
        value = self.browser.run("return arguments[0].style.getPropertyValue('--at')", stage)
        return float(value.removesuffix("%"))

    def colour(self, card, across):
        """The colour that is seen so far from the left of the image, a fourth from its top."""
        pixels = self.browser.screenshot(card.find_element("css selector", ".stage"))
        return tuple(pixels[len(pixels) // 4, int(across * pixels.shape[1])].tolist())

    def download(self, card):
        """The file that the button gives."""
        before = set(self.browser.downloads.iterdir())
        self.click(card, ".download")

        def arrived():
            new = set(self.browser.downloads.iterdir()) - before
            # Chromium makes an empty file of the name first, and another that grows.
            whole = [f for f in new if f.suffix != ".crdownload" and f.stat().st_size]
            return len(new) == 1 and whole

        return self.browser.wait(arrived, "the download")[0]
