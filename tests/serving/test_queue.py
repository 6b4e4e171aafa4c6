"""Many requests at once: together, one after the other, too many, too slow."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from cyclegan_tf.serving.limits import Limits
from support.service import (
    Coloured,
    Invert,
    decoded,
    encoded,
    error_of,
    hint,
    make_image,
    make_service,
    post,
)


def wait_until(true):
    for _ in range(2000):
        if true():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come true within 40 seconds")


def test_images_that_wait_are_translated_together(tmp_path):
    gate = threading.Event()
    network = Invert(gate)
    service = make_service(tmp_path, network, batch=4)
    client = service.app().test_client
    images = [make_image(12, 17, seed=seed) for seed in range(6)]
    with ThreadPoolExecutor(6) as pool:
        first = pool.submit(post, client(), encoded(images[0]), "image/png")
        wait_until(lambda: network.batches)
        others = [pool.submit(post, client(), encoded(x), "image/png") for x in images[1:]]
        wait_until(lambda: service.workers.waiting == 5)
        gate.set()
        for image, answer in zip(images, [first, *others], strict=True):
            np.testing.assert_array_equal(decoded(answer.result()), 255 - image)
    assert network.batches == [1, 4, 1]


def test_each_image_of_a_batch_has_its_own_hint_or_none(tmp_path):
    gate = threading.Event()
    network = Coloured(gate)
    service = make_service(tmp_path, network)
    client = service.app().test_client
    red, blue = (200, 40, 60), (30, 90, 240)
    data = encoded(make_image())
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(post, client(), data, "image/png")
        wait_until(lambda: network.batches)
        others = []
        for count, fields in enumerate(({"hint": hint(red)}, {}, {"hint": hint(blue)}), 1):
            others.append(pool.submit(post, client(), data, "image/png", **fields))
            wait_until(lambda count=count: service.workers.waiting == count)
        gate.set()
        drawn, *found = (decoded(answer.result())[6, 8] for answer in (first, *others))
    assert network.batches == [1, 3]
    np.testing.assert_allclose(found, [red, drawn, blue], atol=10)


def test_one_that_fails_spoils_no_other(tmp_path):
    gate = threading.Event()

    class Fussy(Invert):
        def __call__(self, x):
            if (x == 1).all(axis=(1, 2, 3)).any():
                raise RuntimeError("white")
            return super().__call__(x)

    network = Fussy(gate)
    service = make_service(tmp_path, network)
    client = service.app().test_client
    white = np.full((12, 17, 3), 255, "uint8")
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(post, client(), encoded(make_image()), "image/png")
        wait_until(lambda: network.batches)
        others = [
            pool.submit(post, client(), encoded(x)) for x in (make_image(), white, make_image())
        ]
        wait_until(lambda: service.workers.waiting == 3)
        gate.set()
        assert first.result().status_code == 200
        answers = [answer.result() for answer in others]
    assert [answer.status_code for answer in answers] == [200, 503, 200]
    assert error_of(answers[1]) == "unforeseen"


def test_overload_is_said_at_once_and_passes(tmp_path):
    gate = threading.Event()
    service = make_service(tmp_path, Invert(gate), limits=Limits(queue=3), batch=1)
    client = service.app().test_client
    data = encoded(make_image())
    with ThreadPoolExecutor(3) as pool:
        accepted = [pool.submit(post, client(), data) for _ in range(3)]
        wait_until(lambda: service.workers.waiting == 2)
        began = time.monotonic()
        refused = post(client(), data)
        assert time.monotonic() - began < 5
        assert refused.status_code == 503 and error_of(refused) == "busy"
        assert int(refused.headers["Retry-After"]) >= 1
        assert client().get("/healthz").json["waiting"] == 2
        gate.set()
        assert [answer.result().status_code for answer in accepted] == [200] * 3
    assert post(client(), data).status_code == 200


def test_what_takes_too_long_is_given_up(tmp_path):
    gate = threading.Event()
    network = Invert(gate)
    service = make_service(tmp_path, network, limits=Limits(seconds=1))
    client = service.app().test_client()
    answers = [post(client, encoded(make_image())) for _ in range(2)]
    assert [error_of(answer) for answer in answers] == ["busy"] * 2
    gate.set()
    wait_until(lambda: not service.workers.busy)
    assert network.batches == [1]  # the second was given up before its turn
    assert post(client, encoded(make_image())).status_code == 200
    assert service.pixels.held == 0


def test_unpacked_images_share_a_budget(tmp_path):
    gate = threading.Event()
    service = make_service(tmp_path, Invert(gate), limits=Limits(pixels=250, seconds=1))
    client = service.app().test_client
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(post, client(), encoded(make_image()))  # 204 pixels
        wait_until(lambda: service.pixels.held == 204)
        second = post(client(), encoded(make_image()))
        assert error_of(second) == "busy"
        gate.set()
        first.result()
    wait_until(lambda: service.pixels.held == 0)
