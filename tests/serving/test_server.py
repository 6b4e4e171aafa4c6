"""The service on a real socket: what is no HTTP, what is slow, and how it ends."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from cyclegan_tf.cli import main
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.serving.limits import Limits
from cyclegan_tf.serving.server import Server
from support.datasets import ROOT
from support.service import (
    Invert,
    decoded,
    encoded,
    error_of,
    make_image,
    make_service,
    put,
    running,
)


def form(data, name="face.png"):
    """The body of a form with one file, and its content type."""
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    return head.encode() + data + b"\r\n--x--\r\n", "multipart/form-data; boundary=x"


class Answer:
    """What came back, in the form that `serving` knows."""

    def __init__(self, response):
        self.status_code, self.data = response.status, response.read()
        self.headers, self.text = dict(response.headers), self.data.decode(errors="replace")


def ask(server, method="GET", path="/healthz", body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(method, path, body, headers or {})
    answer = Answer(connection.getresponse())
    connection.close()
    return answer


def post(server, data, accept="image/png"):
    body, kind = form(data)
    return ask(server, "POST", "/translate", body, {"Content-Type": kind, "Accept": accept})


def raw(server, data, wait=5):
    """Sends bytes as they are; returns what comes back before the other end closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as sock:
        received = b""
        try:
            sock.sendall(data)
            while part := sock.recv(65536):
                received += part
        except (TimeoutError, ConnectionError):
            pass
    return received


def status_and_error(received):
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def test_an_image_over_the_wire(tmp_path):
    with running(make_service(tmp_path)) as server:
        image = make_image(300, 200)
        answer = post(server, encoded(image))
        np.testing.assert_array_equal(decoded(answer), 255 - image)
        assert "Server" not in answer.headers  # nor its version


def test_what_is_no_http_is_refused_in_the_form_of_all_errors(tmp_path):
    limits = Limits(bytes=2**16)
    head = b"POST /translate HTTP/1.1\r\nHost: x\r\n"
    with running(make_service(tmp_path, limits=limits)) as server:
        for data, expected in (
            (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", (400, "bad_request")),
            (b"GET / HTTP/1.1\r\nbad header\r\n\r\n", (400, "bad_request")),
            (b"GET / HTTP/1.1\r\nX: " + b"a" * 40_000 + b"\r\n\r\n", (431, "too_large_headers")),
            (head + b"Content-Length: 99999999999\r\n\r\n", (413, "too_many_bytes")),
            (head + b"Content-Length: -1\r\n\r\n", (400, "bad_request")),
            (head + b"Transfer-Encoding: gzip\r\n\r\n", (400, "bad_request")),
        ):
            received = raw(server, data)
            assert status_and_error(received) == expected, data[:60]
            assert b"waitress" not in received and b"Traceback" not in received
        assert ask(server).status_code == 200


@pytest.mark.slow
def test_slow_requests_are_closed_and_hold_nobody_up(tmp_path):
    with running(make_service(tmp_path, limits=Limits(transfer=1))) as server:
        body, kind = form(encoded(make_image()))
        head = (
            f"POST /translate HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(12)]
        for sock in slow:
            sock.sendall(head)
        closed = [False] * len(slow)
        began = time.monotonic()
        while not all(closed) and time.monotonic() - began < 15:
            for i, sock in enumerate(slow):  # a byte now and then looks alive
                try:
                    sock.sendall(body[:1])
                    sock.settimeout(0.01)
                    closed[i] = closed[i] or sock.recv(1) == b""
                except TimeoutError:
                    pass
                except OSError:
                    closed[i] = True
            assert post(server, encoded(make_image())).status_code == 200
            time.sleep(0.1)
        for sock in slow:
            sock.close()
        assert all(closed)


@pytest.mark.slow
def test_idle_connections_keep_nobody_out(tmp_path):
    with running(make_service(tmp_path, limits=Limits(connections=12))) as server:
        idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(30)]
        for sock in idle[:6]:  # some have asked before
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        began = time.monotonic()
        assert post(server, encoded(make_image())).status_code == 200
        assert time.monotonic() - began < 12  # less than an idle connection is kept
        for sock in idle:
            sock.close()


@pytest.mark.slow
def test_an_answer_that_nobody_fetches_is_dropped(tmp_path):
    image = make_image(1600, 1600)
    limits = Limits(transfer=1, bytes=2**25)
    with running(make_service(tmp_path, limits=limits)) as server:
        body, kind = form(encoded(image, "PNG", compress_level=0))
        sock = socket.create_connection(("127.0.0.1", server.port))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(
            f"POST /translate HTTP/1.1\r\nHost: x\r\nAccept: image/png\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        for _ in range(200):
            time.sleep(0.1)
            if not server.active_channels:
                break
        assert not server.active_channels
        sock.close()
        assert server.service.pixels.held == 0


def test_stopping_finishes_what_was_accepted(tmp_path):
    gate = threading.Event()
    network = Invert(gate)
    with running(make_service(tmp_path, network)) as server:
        answers = []
        image = make_image()
        asking = threading.Thread(target=lambda: answers.append(post(server, encoded(image))))
        asking.start()
        for _ in range(200):
            if network.batches:
                break
            time.sleep(0.02)
        ending = threading.Thread(target=server.stop)
        ending.start()
        while not server.service.stopping:
            time.sleep(0.01)
        late = post(server, encoded(image))
        assert late.status_code == 503 and error_of(late) == "stopping"
        assert ask(server).status_code == 503
        gate.set()
        asking.join(10)
        ending.join(10)
        assert not ending.is_alive()
        np.testing.assert_array_equal(decoded(answers[0]), 255 - image)


def test_new_generators_are_found_while_it_runs(tmp_path):
    with running(make_service(tmp_path), refresh=0.05) as server:
        put(tmp_path, "later", source="x", target="y")
        for _ in range(200):
            found = json.loads(ask(server, path="/models").data)["models"]
            if "later" in [model["id"] for model in found]:
                break
            time.sleep(0.05)
        else:
            raise AssertionError("the new run was not found within 10 seconds")


def test_a_port_that_cannot_be_is_refused(tmp_path, capsys):
    with pytest.raises(InputError, match="port must be from 0 to 65535, received 80000"):
        Server(make_service(tmp_path), port=80000)
    with pytest.raises(SystemExit, match="2"):
        main.main(["serve", "--port", "80000"])
    said = capsys.readouterr().err
    assert "--port: must be a whole number from 0 to 65535, received '80000'" in said


def test_a_port_in_use_is_named(tmp_path):
    service = make_service(tmp_path)
    said = "127.0.0.1:[0-9]+ cannot be listened on"
    with running(service) as server, pytest.raises(InputError, match=said):
        Server(service, port=server.port)


def ready(connection, measured, seconds=180):
    """What the service's health says once it is there, and measured if that is waited for."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        connection.request("GET", "/healthz")
        state = json.loads(connection.getresponse().read())
        if state["status"] == "ok" and not (measured and state["measuring"]):
            return state
        assert state["status"] in ("ok", "loading")
        time.sleep(0.1)
    raise AssertionError(f"not ready within {seconds} seconds: {state}")


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    # The one that measures ends while it does.
    [["--runtime", "keras"], []],
)
def test_the_command_serves_and_ends_with_status_0_at_sigterm(tmp_path, options):
    command = [sys.executable, "-m", "cyclegan_tf", "serve", "--port", "0", *options]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "CYCLEGAN_TF_CACHE": str(tmp_path)}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        port = int(process.stdout.readline().rstrip().rstrip("/").rpartition(":")[2])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        assert ready(connection, bool(options))["models"] == 2
        body, kind = form(encoded(make_image(64, 64)))
        connection.request("POST", "/translate", body, {"Content-Type": kind})
        answer = Answer(connection.getresponse())
        assert answer.status_code == 200 and decoded(answer).shape[:2] == (64, 64)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and out.endswith("Stopped.\n")
    assert "Traceback" not in err


def test_a_folder_that_is_not_there_is_named():
    process = subprocess.run(
        [sys.executable, "-m", "cyclegan_tf", "serve", "nowhere"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2
    assert process.stderr.splitlines()[-1] == (
        "cyclegan-tf: There is no folder nowhere: give the folder of your runs, or none."
    )


def test_without_the_libraries_the_command_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "waitress", None)
    assert main.main(["serve"]) == 2
    said = capsys.readouterr().err
    assert said.endswith("The service needs waitress: pip install 'cyclegan_tf[serve]'.\n")
