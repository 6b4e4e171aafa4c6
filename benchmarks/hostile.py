"""Uploads that are damaged or meant to do harm, made on the spot: for tests and load.

`python benchmarks/hostile.py URL` sends all of them to a running service and prints what came back.
"""

import collections
import http.client
import io
import socket
import struct
import sys
import time
import urllib.parse
import zlib

import numpy as np
from PIL import Image

KINDS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP")
_NAMES = (
    "face.png",
    "../../../../etc/passwd",
    "..\\..\\windows\\system32\\x.png",
    "/etc/shadow",
    "a;rm -rf ~;.png",
    "$(reboot).png",
    "x" * 5000 + ".png",
    "\u202egnp.exe",
    "nul\x00byte.png",
    "<img src=x onerror=alert(1)>.png",
    "CON.png",
    ".htaccess",
    "",
)


def sound(kind, side=9, seed=0):
    """The bytes of a small image without fault."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side + 2, 3)).astype("uint8")
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def _chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, data=b"", before=b"", depth=8, colour=2):
    """A PNG whose header says anything."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    body = _chunk(b"IHDR", header) + before + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def _tiff(entries, pixels=b"", next_directory=0):
    """A TIFF of one directory with any entries `(tag, type, count, value)`."""
    packed = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory = struct.pack("<H", len(entries)) + packed + struct.pack("<I", next_directory)
    return b"II*\x00\x08\x00\x00\x00" + directory + pixels


def _gray_tiff(width, height, offset=8, count=1, next_directory=0, compression=1):
    entries = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, compression)]
    entries += [(262, 3, 1, 1), (273, 4, 1, offset), (277, 3, 1, 1), (278, 4, 1, height)]
    entries += [(279, 4, 1, count)]
    return _tiff(entries, b"\x00" * 64, next_directory)


def bombs():
    """Small files that promise, or unpack to, much; yields `(what, bytes)`."""
    zeros = zlib.compress(bytes(30_000_000), 9)
    for width, height in ((100_000, 100_000), (2**31 - 1, 2**31 - 1), (1, 2**31 - 1), (0, 0)):
        yield f"png {width}x{height}", png(width, height, zeros)
    yield "png of 16000x16000", png(16000, 16000, zlib.compress(bytes(10**7), 9))
    yield "png text", png(9, 9, zeros, before=_chunk(b"zTXt", b"a\x00\x00" + zeros))
    yield "png texts", png(9, 9, zeros, before=_chunk(b"zTXt", b"a\x00\x00" + zeros) * 40)
    yield "png profile", png(9, 9, zeros, before=_chunk(b"iCCP", b"a\x00\x00" + zeros))
    yield "png with too many pixels", png(9, 9, zeros)
    yield "png with too few", png(5000, 5000, zlib.compress(bytes(10)))
    animated = _chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0))
    yield "png of two thousand million frames", png(9, 9, zeros, before=animated)
    jpeg = bytearray(sound("JPEG"))
    at = jpeg.index(b"\xff\xc0")
    jpeg[at + 5 : at + 9] = b"\xff\xdc\xff\xdc"
    yield "jpeg of 65500x65500", bytes(jpeg)
    yield (
        "jpeg of a thousand scans",
        sound("JPEG")[:-2] + b"\xff\xda\x00\x08\x01\x01\x00\x00" * 1000,
    )
    for side in (60_000, 2**31 - 1):
        yield f"tiff of {side}", _gray_tiff(side, side)
        yield f"packed tiff of {side}", _gray_tiff(side, side, compression=8)
    yield "tiff that is its own next", _gray_tiff(4, 4, next_directory=8)
    yield "tiff of many tags", _tiff([(256 + i, 4, 2**31, 8) for i in range(3000)])
    yield "tiff far away", _gray_tiff(4, 4, offset=2**32 - 1, count=2**32 - 1)
    bmp = bytearray(sound("BMP"))
    bmp[18:26] = struct.pack("<ii", 2**31 - 1, -(2**31))
    yield "bmp", bytes(bmp)
    webp = bytearray(sound("WEBP"))
    webp[4:8] = b"\xff\xff\xff\xff"
    yield "webp", bytes(webp)


def strangers():
    """What is no image, or an image and something else; yields `(what, bytes)`."""
    archive = io.BytesIO()
    np.savez(archive, np.zeros(3))
    yield "zip", archive.getvalue()
    yield from (
        ("nothing", b""),
        ("zero bytes", bytes(1000)),
        ("text", b"This is an image, honestly."),
        ("gif", b"GIF89a\x01\x00\x01\x00\x80\x00\x00" + bytes(30)),
        ("svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
        ("html", b"<html><script>alert(1)</script></html>"),
        ("program", b"\x7fELF\x02\x01\x01" + bytes(200)),
        ("script", b"#!/bin/sh\nrm -rf /\n"),
        ("pdf", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"),
        ("postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit\n"),
        ("pickle", b"cos\nsystem\n(S'reboot'\ntR."),
        ("hdf5", b"\x89HDF\r\n\x1a\n" + bytes(100)),
        ("heif", b"\x00\x00\x00\x18ftypheic" + bytes(100)),
        ("numpy", b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,)}"),
    )
    for kind in KINDS:
        yield f"{kind} and zip", sound(kind) + archive.getvalue()
        yield f"{kind} and script", sound(kind) + b"<?php system($_GET['x']); ?>"
        yield f"zip before {kind}", archive.getvalue() + sound(kind)
        for other in KINDS:
            if other != kind:
                yield f"{kind} that begins as {other}", sound(other)[:12] + sound(kind)[12:]


def truncated():
    """Files cut short at every size; yields `(what, bytes)`."""
    for kind in KINDS:
        whole = sound(kind)
        for size in range(len(whole)):
            yield f"{kind} of {size} bytes", whole[:size]


def flipped(count=200, seed=0):
    """Files with a few wrong bits; yields `(what, bytes)`."""
    rng = np.random.default_rng(seed)
    for kind in KINDS:
        whole = np.frombuffer(sound(kind), np.uint8)
        for i in range(count):
            damaged = whole.copy()
            for place in rng.integers(0, len(whole), rng.integers(1, 9)):
                damaged[place] ^= 1 << rng.integers(0, 8)
            yield f"{kind} with flipped bits, {i}", damaged.tobytes()


def uploads():
    """All files with names that do harm elsewhere; yields `(what, name, bytes)`."""
    sources = (bombs(), strangers(), truncated(), flipped())
    for i, (what, data) in enumerate(pair for source in sources for pair in source):
        yield what, _NAMES[i % len(_NAMES)], data
    for name in _NAMES:
        yield "an image with a name", name, sound("PNG")


def forms():
    """Bodies that are no form; yields `(what, content type, bytes)`."""
    good = 'Content-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    part = f"--x\r\n{good}".encode()
    kind = "multipart/form-data; boundary=x"
    yield "no boundary", "multipart/form-data", part
    yield "a boundary of its own", "multipart/form-data; boundary=y", part
    yield "no end", kind, part + sound("PNG")
    yield "no headers", kind, b"--x\r\n\r\n\r\n--x--\r\n"
    yield "a thousand parts", kind, part * 1000 + b"--x--\r\n"
    yield "two files", kind, part + b"1\r\n" + part + b"2\r\n--x--\r\n"
    yield (
        "a giant field",
        kind,
        b'--x\r\nContent-Disposition: form-data; name="model"\r\n\r\n'
        + (b"m" * 2**20 + b"\r\n--x--\r\n"),
    )
    yield "a giant name", kind, b'--x\r\nContent-Disposition: form-data; name="' + b"n" * 2**19
    yield "a giant boundary", "multipart/form-data; boundary=" + "b" * 20_000, part
    yield "json", "application/json", b'{"file": "a.png"}'
    yield "deep json", "application/json", b"[" * 100_000
    yield "urlencoded", "application/x-www-form-urlencoded", b"file=a&model=" + b"%" * 5000
    yield "odd encoding", kind + "; charset=rot13", part + b"\xff\xfe\r\n--x--\r\n"
    yield "nothing", kind, b""


def wire():
    """Bytes that are no request; yields `(what, bytes)`."""
    head = b"POST /translate HTTP/1.1\r\nHost: x\r\n"
    yield "tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100)
    yield "giant headers", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 2**20 + b"\r\n\r\n"
    yield "many headers", b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 50_000 + b"\r\n"
    yield "a giant address", b"GET /" + b"a" * 2**18 + b" HTTP/1.1\r\n\r\n"
    yield "traversal", b"GET /static/../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "coded traversal", b"GET /static/%2e%2e%2f%2e%2e%2fservice.py HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "model traversal", b"GET /models/..%2f..%2fetc/ab/source.png HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "two lengths", head + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"
    yield (
        "length and chunks",
        head + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
    )
    yield "bad chunks", head + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"
    yield "an endless chunk", head + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\nabc"
    yield "a length too large", head + b"Content-Length: 99999999999999999999\r\n\r\n"
    yield "unknown coding", head + b"Transfer-Encoding: gzip\r\n\r\n"
    yield "an early end", head + b"Content-Length: 500\r\n\r\nabc"
    yield "an unknown method", b"BREW /pot HTTP/1.1\r\nHost: x\r\n\r\n"
    yield "version 9", b"GET / HTTP/9.9\r\n\r\n"
    yield "line ends", b"\r\n" * 1000


def body_of(name, data):
    """A form with one file: `(content type, bytes)`."""
    quoted = name.encode("utf-8", "replace").replace(b'"', b"%22")
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="' + quoted
    return "multipart/form-data; boundary=x", head + b'"\r\n\r\n' + data + b"\r\n--x--\r\n"


def send(host, port, kind, body, timeout=30):
    """Posts a body; returns `(status, text)`."""
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("POST", "/translate", body, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        connection.close()


def shout(host, port, data, timeout=3):
    """Sends bytes as they are; returns `(status, text)`, the status 0 where there was no answer."""
    received = b""
    try:
        with socket.create_connection((host, port), timeout=timeout) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            while part := sock.recv(65536):
                received += part
    except OSError:
        pass
    words = received.split(None, 2)
    return int(words[1]) if len(words) > 2 else 0, received.decode("utf-8", "replace")


def main(url):
    """Sends everything to a service and counts the answers."""
    address = urllib.parse.urlsplit(url)
    host, port = address.hostname, address.port
    statuses, bad, count, began = collections.Counter(), [], 0, time.perf_counter()

    def note(what, status, text):
        nonlocal count
        count += 1
        statuses[status] += 1
        if (status >= 500 and status != 503) or "Traceback" in text:
            bad.append(f"{what}: {status} {text[:100]!r}")

    for what, name, data in uploads():
        note(what, *send(host, port, *body_of(name, data)))
    for what, kind, body in forms():
        note(what, *send(host, port, kind, body))
    for what, data in wire():
        note(what, *shout(host, port, data))
    seconds = time.perf_counter() - began
    print(f"{count} hostile requests in {seconds:.0f} s; answers by status: {dict(statuses)}")
    print("\n".join(bad) or "None was answered with 5xx other than 503, or with a traceback.")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
