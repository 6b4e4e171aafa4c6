"""The upload page in a real browser, on the real service, whose network turns colours around."""

import contextlib
import re
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from support import browser
from support import service as service_files

if reason := browser.missing():
    pytest.skip(reason, allow_module_level=True)

from selenium.webdriver import ActionChains, Keys
from selenium.webdriver.common.actions.pointer_input import PointerInput

from cyclegan_tf.common.generator_metadata import Translation
from cyclegan_tf.data import statistics
from cyclegan_tf.serving.limits import Limits
from cyclegan_tf.serving.models import Catalogue, Served
from cyclegan_tf.serving.service import Service

RED = (200, 40, 60)
CYAN = (55, 215, 195)  # its negative
OPEN = threading.Event()  # closed, it keeps the service waiting


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The service at a free port, `site.address`."""
    folder = tmp_path_factory.mktemp("models")
    grays = np.random.default_rng(0).normal(120, 8, (30, 1, 1, 3)).astype("uint8")
    known = statistics.training_statistics(np.broadcast_to(grays, (30, 16, 16, 3)), (0, 255))
    there = service_files.put(folder, "inverse", source="photo", target="negative", likeness=known)
    there.with_name("gen_ba.keras").write_text(Translation("negative", "photo").to_json())
    (there.parent / "examples").mkdir()
    for name in "ab":
        Image.new("RGB", (32, 32)).save(there.parent / "examples" / f"{name}.png")
    network = service_files.Invert(OPEN)
    catalogue = Catalogue(folder, load=service_files.loader(network), log=lambda sentence: None)
    service = Service(catalogue, Limits(bytes=300_000, queue=3), log=lambda sentence: None)
    with service_files.running(service, refresh=3600) as server:
        yield SimpleNamespace(address=f"http://127.0.0.1:{server.port}/", service=service)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    started = browser.Browser(tmp_path_factory.mktemp("downloads"))
    yield started
    started.quit()


@pytest.fixture
def page(chromium, site):
    """The page at a desktop's size; afterwards nothing may have been amiss.

    A test that provokes answers of an error names what the console then says in `page.expected`.
    """
    OPEN.set()
    chromium.block()
    chromium.look()
    chromium.complaints(), chromium.requests()
    page = browser.Page(chromium, site)
    page.expected = None
    yield page
    OPEN.set()
    unforeseen = [
        said for said in chromium.complaints() if not (page.expected and page.expected in said)
    ]
    assert unforeseen == []
    others = [
        address
        for _, address in chromium.requests()
        if not address.startswith((site.address, f"blob:{site.address}", "data:"))
    ]
    assert others == []


@pytest.fixture
def make_image(tmp_path):
    """Makes an image file of one colour, or of noise, and gives its path."""

    def make(name, size=(120, 80), colour=RED, noise=False):
        path = tmp_path / name
        image = Image.new("RGB", size, colour)
        if noise:
            pixels = np.random.default_rng(1).integers(0, 256, (*size[::-1], 3))
            image = Image.fromarray(pixels.astype("uint8"))
        image.save(path)
        return path

    return make


def test_an_image_is_translated_compared_and_downloaded(page, make_image):
    path = make_image("noise.png", (310, 290), noise=True)  # many parts of an upload
    card = page.translate(path)
    sizes = page.browser.run(
        "return [...arguments[0].querySelectorAll('.stage img')]"
        ".map((i) => [i.naturalWidth, i.naturalHeight])",
        card,
    )
    assert sizes == [[310, 290], [310, 290]]
    file = page.download(card)
    assert file.name == "noise.png"
    np.testing.assert_array_equal(np.asarray(Image.open(file)), 255 - np.asarray(Image.open(path)))
    assert "310 × 290" in page.text(card, ".state")


@pytest.mark.parametrize(
    ("name", "downloaded", "kind"),
    [
        ("a.jpeg", "a.jpeg", "JPEG"),
        ("a.webp", "a.webp", "WEBP"),
        ("a.b.tiff", "a.b.png", "PNG"),
        ("a.bmp", "a.png", "PNG"),
    ],
)
def test_the_download_has_the_name_and_kind_of_the_original(
    page, make_image, name, downloaded, kind
):
    file = page.download(page.translate(make_image(name, (40, 30))))
    assert file.name == downloaded
    with Image.open(file) as image:
        assert (image.format, image.size) == (kind, (40, 30))
        np.testing.assert_allclose(image.convert("RGB").getpixel((20, 15)), CYAN, atol=3)
    file.unlink()


def test_an_image_that_the_browser_does_not_know_is_shown(page, make_image):
    card = page.translate(make_image("scan.tiff"))
    assert page.colour(card, 0.2) == RED
    assert page.colour(card, 0.8) == CYAN


def test_the_slider_by_keyboard(page, make_image):
    card = page.translate(make_image("red.png"))
    assert page.edge(card) == 50
    card.find_element("css selector", ".remove").send_keys(Keys.TAB)
    slider = page.browser.driver.switch_to.active_element
    assert slider.get_attribute("type") == "range"
    ActionChains(page.browser.driver).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT).perform()
    assert page.edge(card) == 60
    assert slider.get_attribute("aria-valuetext") == "60 % original"
    assert page.colour(card, 0.55) == RED
    ActionChains(page.browser.driver).send_keys(Keys.HOME).perform()
    assert page.edge(card) == 0
    assert page.colour(card, 0.1) == CYAN


def test_the_slider_by_pointer(page, make_image):
    card = page.translate(make_image("red.png", (400, 300)))
    stage = card.find_element("css selector", ".stage")
    assert page.colour(card, 0.35) == RED
    width = stage.size["width"]
    drag = ActionChains(page.browser.driver).move_to_element(stage).click_and_hold()
    drag.move_by_offset(-round(0.25 * width), 0).release().move_by_offset(round(0.1 * width), 0)
    drag.perform()  # the last move is without the button
    assert page.edge(card) == pytest.approx(25, abs=1)
    assert (page.colour(card, 0.2), page.colour(card, 0.35)) == (RED, CYAN)


def test_there_and_back(page, make_image):
    card = page.translate(make_image("red.png"))
    assert page.colour(card, 0.8) == CYAN
    page.click(card, ".back")
    after = card.find_element("css selector", ".after")
    page.browser.wait(lambda: page.browser.run("return arguments[0].complete", after), "an image")
    assert page.colour(card, 0.8) == RED
    assert after.get_attribute("alt") == "Translated to negative and back to photo"
    page.browser.all("#cycle")[0].click()
    page.click(card, ".again")
    page.until("red.png", "done")
    assert not card.find_element("css selector", ".views").is_displayed()


def test_another_choice(page, make_image):
    choice = page.browser.all("#choice")[0]
    names = [option.text for option in choice.find_elements("css selector", "option")]
    assert names[:2] == ["photo → negative", "negative → photo"]
    assert "image → sketch" in names
    card = page.translate(make_image("red.png"))
    choice.send_keys("image")
    again = card.find_element("css selector", ".again")
    assert again.text == "Translate again: image → sketch"
    again.send_keys(Keys.ENTER)
    assert page.browser.driver.switch_to.active_element.text == "red.png"  # the button is gone
    page.browser.wait(lambda: page.text(card, ".state").startswith("image → sketch"), "another")
    assert page.colour(card, 0.8) == (255, 255, 255)  # nothing to draw in one colour
    assert not page.browser.all("#cycle-label")[0].is_displayed()


@pytest.mark.parametrize("kind", ["mouse", "touch"])
def test_colours_are_painted_and_translated_with(page, make_image, monkeypatch, kind):
    about = Translation("photo", "colour")
    served = Served(service_files.translator(service_files.Coloured(), about), "1")
    catalogue = page.site.service.catalogue
    monkeypatch.setattr(catalogue, "models", {"colours": {"ab": served}, **catalogue.models})
    page.browser.look(phone=kind == "touch")
    page.open()
    card = page.translate(make_image("gray.png", colour=(120, 120, 120)))
    drawn = page.colour(card, 0.8)
    assert np.abs(np.subtract(drawn, RED)).max() > 20
    page.click(card, ".brush summary")
    button = card.find_element("css selector", ".painted")
    assert not button.is_enabled()

    def paint():
        canvas = card.find_element("css selector", ".brush canvas")
        actions = ActionChains(page.browser.driver, 50, [PointerInput(kind, kind)])
        actions.move_to_element(canvas).click_and_hold().move_by_offset(20, 10).release().perform()
        assert button.is_enabled()

    for wipe in (".undo", ".clear"):
        paint()
        page.click(card, wipe)
        assert not button.is_enabled()
    paint()
    assert page.browser.violations() == []
    page.browser.requests()
    button.click()  # the brush has the colour red
    page.until_said("gray.png", ".* · with your colours")
    np.testing.assert_allclose(page.colour(card, 0.8), RED, atol=45)  # of few pixels
    assert [method for method, _ in page.browser.requests()].count("POST") == 1
    page.browser.all("#choice")[0].send_keys("image")
    assert not button.is_displayed()
    page.click(card, ".again")
    page.until_said("gray.png", "image → sketch((?!your colours).)*")


def test_examples_are_shown(page):
    def widths():
        images = "[...document.querySelectorAll('.examples img')]"
        return page.browser.run(f"return {images}.map((i) => !i.hidden && i.naturalWidth)")

    page.browser.wait(lambda: widths() == [32, 32], "the examples")


def test_several_files_one_of_them_broken(page, make_image, tmp_path):
    page.expected = "415"
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image at all")
    good = [make_image(f"good{i}.png") for i in range(3)]
    page.add(good[0], broken, *good[1:])
    for path in good:
        page.until(path.name, "done")
    card = page.until("broken.jpg", "failed")
    assert "The file is no PNG, JPEG" in page.text(card, ".problem")
    spoken = page.browser.run("return document.getElementById('spoken').textContent")
    assert "broken.jpg: not translated. The file is no PNG" in spoken
    assert len(page.browser.all(".card")) == 4
    posts = [address for method, address in page.browser.requests() if method == "POST"]
    assert len(posts) == 4  # each of them once


def test_two_at_a_time(page, make_image):
    OPEN.clear()
    page.add(*(make_image(f"{i}.png") for i in range(3)))
    for i in range(2):
        page.until(f"{i}.png", "translating")
    assert page.text(page.card("2.png"), ".state") == "Waits its turn"
    page.until_said("0.png", r"Translating, \d+ s")
    assert page.browser.all(".card progress:indeterminate")[0].is_displayed()
    OPEN.set()
    for i in range(3):
        page.until(f"{i}.png", "done")


def test_a_busy_service_is_asked_again(page, make_image):
    page.expected = "503"
    with contextlib.ExitStack() as places:
        for _ in range(page.site.service.limits.queue):
            places.callback(page.site.service.places.take(1))
        page.add(make_image("red.png"))
        page.until_said("red.png", r"The server is busy: tries again in [12] s")
    page.until("red.png", "done")


def test_a_network_that_is_gone(page, make_image):
    page.expected = "ERR_BLOCKED_BY_CLIENT"
    page.browser.block("/translate")
    page.add(make_image("red.png"))
    card = page.until("red.png", "failed")
    assert "The server cannot be reached" in page.text(card, ".problem")
    page.browser.block()
    assert page.text(card, ".again") == "Try again"
    page.click(card, ".again")
    page.until("red.png", "done")
    assert not card.find_element("css selector", ".problem").is_displayed()


def test_too_large_a_file_is_not_sent(page, make_image):
    page.browser.requests()
    page.add(make_image("large.bmp", (400, 300)))
    card = page.until("large.bmp", "failed")
    assert re.search(r"large\.bmp has 0\.[34] MB; 0\.3 MB can be sent", page.text(card, ".problem"))
    assert "POST" not in [method for method, _ in page.browser.requests()]


def test_an_unusual_image_is_told(page, make_image):
    usual = page.translate(make_image("usual.png", colour=(121, 118, 120)))
    unusual = page.translate(make_image("unusual.png", noise=True))
    assert "unlike those" in page.text(unusual, ".notes")
    assert page.text(usual, ".notes") == ""


def test_drop_and_paste(page):
    give = """
        const given = new DataTransfer();
        const canvas = Object.assign(document.createElement("canvas"), {width: 30, height: 20});
        const done = arguments[1];
        canvas.toBlob((blob) => {
          given.items.add(new File([blob], arguments[0] + ".png", {type: "image/png"}));
          const options = {bubbles: true, cancelable: true, dataTransfer: given,
                           clipboardData: given};
          document.body.dispatchEvent(arguments[0] === "drop"
            ? new DragEvent("drop", options) : new ClipboardEvent("paste", options));
          done();
        });"""
    for way in ("drop", "paste"):
        page.browser.driver.execute_async_script(give, way)
        assert "30 × 20" in page.text(page.until(f"{way}.png", "done"), ".state")


def test_removed_cards_leave_nothing(page, make_image):
    page.browser.run(
        "window.urls = new Set();"
        "const [make, revoke] = [URL.createObjectURL, URL.revokeObjectURL];"
        "URL.createObjectURL = (b) => { const u = make(b); urls.add(u); return u; };"
        "URL.revokeObjectURL = (u) => { urls.delete(u); revoke(u); };"
    )
    first, second = page.translate(make_image("1.png")), page.translate(make_image("2.png"))
    assert page.browser.run("return urls.size") == 6  # original, result, there and back
    page.click(first, ".again")
    page.until("1.png", "done")
    assert page.browser.run("return urls.size") == 6
    page.click(first, ".remove")
    focused = page.browser.driver.switch_to.active_element
    assert focused.get_attribute("aria-label") == "Remove 2.png"
    page.click(second, ".remove")
    assert page.browser.run("return urls.size") == 0
    assert page.browser.driver.switch_to.active_element.get_attribute("id") == "file"


def test_a_card_removed_meanwhile_makes_room(page, make_image):
    OPEN.clear()
    page.add(*(make_image(f"{i}.png") for i in range(3)))
    card = page.until("0.png", "translating")
    page.click(card, ".remove")
    page.until("2.png", "translating")
    OPEN.set()
    page.until("2.png", "done")
    assert len(page.browser.all(".card")) == 2


def test_no_models(page, chromium, site, monkeypatch):
    def problem():
        return chromium.all("#no-models-why")[0].text

    monkeypatch.setattr(site.service.catalogue, "models", {})
    chromium.driver.refresh()
    chromium.wait(lambda: "no model on this server" in problem(), "the sentence")
    assert not chromium.all("#file")[0].is_enabled()
    assert chromium.violations() == []
    monkeypatch.undo()
    page.expected = "ERR_BLOCKED_BY_CLIENT"
    chromium.block("/models")
    chromium.all("#models-again")[0].click()
    chromium.wait(lambda: "cannot be reached" in problem(), "the other sentence")
    chromium.block()
    chromium.all("#models-again")[0].click()
    chromium.wait(lambda: chromium.all("#file")[0].is_enabled(), "the models")
    assert chromium.driver.switch_to.active_element.get_attribute("id") == "choice"


def test_the_page_waits_until_models_are_loaded(page, chromium, site, monkeypatch):
    monkeypatch.setattr(site.service.catalogue, "loading", True)
    chromium.driver.refresh()
    chromium.wait(lambda: not chromium.all("#file")[0].is_enabled(), "the answer")
    assert chromium.all("#choice")[0].text == "Looking for models …"
    assert chromium.violations() == []
    monkeypatch.undo()
    chromium.wait(lambda: chromium.all("#file")[0].is_enabled(), "the models")
    assert chromium.driver.title == "photo → negative · Translate images"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(page, make_image, scheme, tmp_path):
    page.expected = "415"
    page.browser.look(scheme=scheme)
    assert page.browser.violations() == []
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no image")
    page.add(make_image("red.png"), broken)
    page.until("broken.png", "failed")
    page.until("red.png", "done")
    page.translate(make_image("unusual.png", noise=True))
    assert page.browser.violations() == []
    OPEN.clear()
    page.add(*(make_image(f"{i}.png") for i in range(3)))
    page.until("1.png", "translating")
    assert page.browser.violations() == []


def test_no_sideways_scrolling_on_a_phone(page, make_image, tmp_path):
    page.expected = "415"
    page.browser.look(360, 740, phone=True)
    page.open()
    sideways = "return [document.documentElement.scrollWidth, innerWidth]"
    assert page.browser.run(sideways) == [360, 360]
    assert page.browser.all("label[for=camera]")[0].is_displayed()
    broken = tmp_path / f"{'verylongname' * 12}.png"
    broken.write_bytes(b"no image")
    page.add(make_image("wide.png", (900, 60)), make_image("high.png", (30, 700)), broken)
    page.until("wide.png", "done")
    page.until("high.png", "done")
    page.until(broken.name, "failed")
    assert page.browser.run(sideways) == [360, 360]


def test_without_javascript(page, make_image):
    page.browser.devtools("Emulation.setScriptExecutionDisabled", value=True)
    try:
        page.browser.driver.get(page.site.address)
        assert not page.browser.all(".choice")[0].is_displayed()
        (field,) = page.browser.all("#file")
        assert field.accessible_name == "Choose images"
        field.send_keys(str(make_image("red.png")))
        page.browser.all("button[type=submit]")[0].click()
        (image,) = page.browser.wait(lambda: page.browser.all("body > img"), "the image")
        np.testing.assert_allclose(page.browser.screenshot(image)[40, 60], CYAN, atol=3)
        page.browser.complaints()  # about Chromium's own styles for an image alone
    finally:
        page.browser.devtools("Emulation.setScriptExecutionDisabled", value=False)
