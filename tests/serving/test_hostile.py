"""Thousands of damaged and hostile requests: each refused in words, and the service goes on."""

import sys
import threading
import time

import numpy as np
import pytest

from support.datasets import ROOT
from support.service import decoded, encoded, error_of, make_image, make_service, post, running

sys.path.insert(0, str(ROOT / "benchmarks"))

import hostile

from cyclegan_tf.serving.errors import STATUS


def resident():
    """MiB of memory that this process holds."""
    with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123
        (line,) = [line for line in status if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def check(what, answer):
    """An image, or an error of ours."""
    if answer.status_code == 200:
        assert decoded(answer).size, what
    else:
        code = error_of(answer)
        assert STATUS[code] == answer.status_code, what
        assert answer.status_code < 500, f"{what}: {code}"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_thousands_of_hostile_uploads(tmp_path):
    log = []
    client = make_service(tmp_path, log=log).app().test_client()
    outcomes, early = {}, None
    for count, (what, name, data) in enumerate(hostile.uploads()):
        kind, body = hostile.body_of(name, data)
        answer = client.post("/translate", data=body, content_type=kind, buffered=True)
        check(what, answer)
        outcomes[answer.status_code] = outcomes.get(answer.status_code, 0) + 1
        if count == 1000:
            early = resident() if sys.platform == "linux" else 0
    assert sum(outcomes.values()) >= 2000 and set(outcomes) <= {200, 400, 413, 415, 422}, outcomes
    assert outcomes[415] > 200 and outcomes[422] > 200, outcomes
    if sys.platform == "linux":
        assert resident() - early < 48
    image = make_image()
    np.testing.assert_array_equal(decoded(post(client, encoded(image), "image/png")), 255 - image)
    assert not [line for line in log if "unforeseen" in line or "passwd" in line]


def test_bodies_that_are_no_form(tmp_path):
    client = make_service(tmp_path).app().test_client()
    for what, kind, body in hostile.forms():
        answer = client.post("/translate", data=body, content_type=kind, buffered=True)
        assert 400 <= answer.status_code < 500, what
        check(what, answer)


def test_requests_that_are_none(tmp_path):
    before = threading.active_count()
    with running(make_service(tmp_path)) as server:
        for what, data in hostile.wire():
            status, text = hostile.shout("127.0.0.1", server.port, data)
            assert status < 500, f"{what}: {text[:200]}"
            assert "Traceback" not in text and "root:" not in text, what
        kind, body = hostile.body_of("a.png", encoded(make_image()))
        assert hostile.send("127.0.0.1", server.port, kind, body)[0] == 200
    for _ in range(100):
        if threading.active_count() <= before:
            break
        time.sleep(0.05)
    assert threading.active_count() <= before
