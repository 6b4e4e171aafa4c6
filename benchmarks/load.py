"""Many clients at once on a service of this machine: requests per second, waiting, memory.

`python benchmarks/load.py [FOLDER] --clients 32 --seconds 60` starts `cyclegan-tf serve` and prints
a row for each setting (threads that translate x images at a time) and share of hostile uploads.
"""

import argparse
import http.client
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import hostile
import numpy as np

ROOT = Path(__file__).resolve().parent.parent


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", help="of generators (default: the built-in pair)")
    parser.add_argument("--image", default=ROOT / "docs" / "sketch.png", type=Path)
    parser.add_argument("--model", default="sketch2cartoon")
    parser.add_argument("--direction", default="ab")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--settings", nargs="+", default=["1x8"], metavar="THREADSxIMAGES")
    parser.add_argument("--bad", nargs="+", type=float, default=[0, 0.2], metavar="SHARE")
    parser.add_argument("--runtime", help="as for serve")
    options = parser.parse_args()
    print(
        "| threads x images | hostile | requests/s | p50 ms | p99 ms | answers | errors | "
        "MiB before | after |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    )
    errors = 0
    for setting in options.settings:
        for share in options.bad:
            row, wrong = measure(options, setting, share)
            errors += wrong
            print(f"| {setting} | {share:.0%} | {row}", flush=True)
    sys.exit(errors > 0)


def measure(options, setting, share):
    """Starts a service, loads it, and ends it; returns the row and the number of errors."""
    workers, batch = setting.split("x")
    command = [sys.executable, "-m", "cyclegan_tf", "serve", "--port", "0"]
    command += ["--workers", workers, "--batch", batch]
    command += [options.folder] if options.folder else []
    command += ["--runtime", options.runtime] if options.runtime else []
    with subprocess.Popen(
        command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        port = int(re.search(r":(\d+)/$", process.stdout.readline().strip())[1])
        load(options, port, 0, 3)  # graphs are made, threads started
        before = resident(process.pid)
        seconds, statuses, wrong = load(options, port, share, options.seconds)
        after = resident(process.pid)
        process.terminate()
        process.wait(60)
    times = 1e3 * np.array(seconds)
    rate = len(seconds) / options.seconds
    p50, p99 = np.percentile(times, [50, 99])
    counted = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    return (
        f"{rate:.1f} | {p50:.0f} | {p99:.0f} | {counted} | {wrong} | {before} | {after} |",
        wrong,
    )


def load(options, port, share, duration):
    """All clients for a while: seconds of sound requests, answers by status, and errors."""
    image = options.image.read_bytes()
    bad = [body for _, name, data in hostile.uploads() for body in [hostile.body_of(name, data)]]
    good = form(options, image)
    until, lock = time.perf_counter() + duration, threading.Lock()
    seconds, statuses, wrong = [], {}, 0

    def client(number):
        nonlocal wrong
        rng = np.random.default_rng(number)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        while time.perf_counter() < until:
            sound = rng.random() >= share
            kind, body = good if sound else bad[rng.integers(len(bad))]
            began = time.perf_counter()
            try:
                connection.request("POST", "/translate", body, {"Content-Type": kind})
                answer = connection.getresponse()
                answer.read()
                status = answer.status
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            took = time.perf_counter() - began
            with lock:
                statuses[status] = statuses.get(status, 0) + 1
                wrong += status != 200 if sound else not (status == 200 or 400 <= status < 500)
                if sound:
                    seconds.append(took)
        connection.close()

    threads = [threading.Thread(target=client, args=[i]) for i in range(options.clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seconds, statuses, wrong


def form(options, image):
    """The form of a sound request."""
    parts = b"".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in (("model", options.model), ("direction", options.direction))
    )
    kind, body = hostile.body_of(options.image.name, image)
    return kind, parts + body


def resident(process):
    """MiB of memory that a process holds."""
    text = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) // 1024


if __name__ == "__main__":
    main()
