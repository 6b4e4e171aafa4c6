"""The page of a run in a real browser."""

import json

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.evaluation.result import markdown
from cyclegan_tf.training import report
from support import browser

if reason := browser.missing():
    pytest.skip(reason, allow_module_level=True)

SCORES = [["", *(f"score {i} ↓" for i in range(12))], ["a as b", *["0.1234 ±0.01"] * 12]]
WIDER = (
    "return [...document.querySelectorAll('.scroll')].some((e) => e.scrollWidth > e.clientWidth)"
)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    started = browser.Browser(tmp_path_factory.mktemp("downloads"))
    started.devtools("Network.enable")
    yield started
    started.quit()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "run"
    for part in ("epochs", "evaluation"):
        (folder / part).mkdir(parents=True)
    run = {"method": "cyclegan", "seed": 5, "data": {"names": ["a", "b"], "origin": {"data": "d"}}}
    (folder / "run.json").write_text(json.dumps(run))
    during = {"metrics": {"ssim": "SSIM"}, "best_epoch": 2, "monitor": "ssim_ab", "protocol": {}}
    (folder / "metrics.json").write_text(json.dumps(during))
    tables = [f"## {way}\n\nEach:\n\n{markdown(SCORES)}" for way in ("a → b", "b → a")]
    (folder / "evaluation/evaluation.md").write_text("\n\n".join(tables))
    for i, name in enumerate(["evaluation/evaluation", *(f"epochs/epoch_{n}" for n in (1, 2, 3))]):
        Image.fromarray(np.full((80, 900, 3), 60 * i, "uint8")).save(folder / f"{name}.png")
    losses = {f"loss_{i}": 0.5 for i in range(20)} | {"ssim_ab": 0.5, "change_ab": 0.0}
    return report.write(folder, [{"epoch": i + 1, "seconds": 9.0} | losses for i in range(3)])


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "phone"), [(1280, False), (390, True)])
def test_the_page_is_accessible_and_only_its_boxes_scroll(chromium, page, width, phone, scheme):
    chromium.look(width, 844, phone, scheme)
    chromium.driver.get(page.as_uri())
    chromium.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert chromium.violations() == []
    assert chromium.run("return document.documentElement.scrollWidth") == width
    assert chromium.run(WIDER)
    paper = chromium.run("return getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    assert chromium.complaints() == []
    assert {url.partition(":")[0] for _, url in chromium.requests()} <= {"file", "data"}


def test_the_slider_shows_each_epoch(chromium, page):
    chromium.driver.get(page.as_uri())
    shown = chromium.all("#shown")[0]
    assert shown.text == "epoch 3"
    chromium.all("#epoch")[0].send_keys("\ue012")  # arrow to the left
    assert shown.text == "epoch 2"
    assert chromium.all("#strip")[0].get_attribute("alt").endswith("after epoch 2")


@pytest.mark.parametrize("clipboard", [True, False])
def test_the_command_is_copied(chromium, page, clipboard):
    chromium.look()
    chromium.driver.get(page.as_uri())
    if not clipboard:
        chromium.run("Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    chromium.all("#copy")[0].click()
    chromium.wait(lambda: chromium.all("#copied")[0].text == "Copied.", "the copy")
    area = "document.body.append(Object.assign(document.createElement('textarea'), { id: 'x' }))"
    chromium.run(f"{area}; document.getElementById('x').focus()")
    chromium.all("#x")[0].send_keys("\ue009v")  # Ctrl+V
    pasted = chromium.all("#x")[0].get_attribute("value")
    options = "--method cyclegan --epochs 3 --constant-rate --seed 5"
    assert pasted == f"cyclegan-tf train d {page.parent}_again {options}"
