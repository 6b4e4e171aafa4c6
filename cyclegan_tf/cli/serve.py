"""`cyclegan-tf serve`: upload an image, get it translated."""

import contextlib
import ctypes
import dataclasses
import os
import sys
import time
import warnings

from cyclegan_tf.cli.arguments import examples, whole
from cyclegan_tf.cli.terminal import result
from cyclegan_tf.common import keras_settings, renamed
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference.formats import RUNTIMES


def run(options):
    """Does what the options say."""
    try:
        import flask  # noqa: F401
        import prometheus_client  # noqa: F401
        import waitress  # noqa: F401
    except ImportError as error:
        raise InputError(
            f"The service needs {error.name}: pip install 'cyclegan_tf[serve]'."
        ) from None
    _share_freed_memory()
    # What Pillow finds odd about uploads is no news, and Python would remember each such warning.
    warnings.filterwarnings("ignore", module="PIL")
    keras_settings.check()  # each generator would be refused apart
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")  # what measures needs room, too
    from cyclegan_tf.serving.limits import Limits
    from cyclegan_tf.serving.models import Catalogue
    from cyclegan_tf.serving.server import Server
    from cyclegan_tf.serving.service import Service

    given = {field.name: getattr(options, field.name) for field in dataclasses.fields(Limits)}
    limits = Limits(**{name: value for name, value in given.items() if value is not None})
    examples = not options.no_examples
    catalogue = Catalogue(
        options.folder, options.runtime, log=_log, examples=examples, at_once=True
    )
    service = Service(catalogue, limits, options.workers, options.batch, _log)
    server = Server(service, options.host, options.port)
    what = "the built-in models" if options.folder is None else f"the models in {options.folder}"
    result(f"Serving {what} at {server.url}")
    print("Ctrl-C stops it, after what is being translated.", flush=True)
    server.run_until_signalled()
    print("Stopped.")


def add(subcommands):
    """Adds the subcommand."""
    parser = subcommands.add_parser(
        "serve",
        help="a web page and an API that translate images",
        description="Serves all generators below a folder: a page to upload images to, and an "
        "API (see /openapi.json). Without a folder, the built-in ones.",
        **examples(
            "cyclegan-tf serve",
            "cyclegan-tf serve saved_models --port 8080",
        ),
    )
    parser.add_argument("folder", nargs="?", help="such as saved_models/")
    parser.add_argument("--host", default="127.0.0.1", help="(default: %(default)s, this machine)")
    parser.add_argument(
        "--port", type=whole(0, 65535), default=8000, help="(default: 8000; 0: any)"
    )
    parser.add_argument(
        "--runtime",
        choices=RUNTIMES,
        default="fastest",
        help="as for translate (default: fastest, measured once for each generator; Keras answers "
        "until then)",
    )
    parser.add_argument(
        "--workers", type=whole(1), default=1, help="threads that translate (default: 1)"
    )
    parser.add_argument(
        "--batch", type=whole(1), default=8, help="images that each takes at a time (default: 8)"
    )
    renamed.option(parser, "--together", "--batch", type=whole(1))
    parser.add_argument(
        "--no-examples", action="store_true", help="show no example images of the domains"
    )
    group = parser.add_argument_group("limits")
    for name, text in (
        ("bytes", "of an upload (default: 16 MiB)"),
        ("pixels", "of an image, and of all that are unpacked at a time (default: 40 million)"),
        ("side", "pixels of an image's longer side (default: 16384)"),
        ("frames", "of a file (default: 16)"),
        ("working", "pixels at which the network may see an image (default: 4 Mi)"),
        ("seconds", "until an answer (default: 60)"),
        ("transfer", "seconds for a request to arrive and an answer to leave (default: 120)"),
        ("queue", "images that wait or are worked on (default: 64)"),
        ("connections", "open at a time (default: 96)"),
    ):
        group.add_argument(f"--{name}", type=whole(1), metavar="N", help=text)
    parser.set_defaults(run=run)


def _share_freed_memory():
    """Keeps glibc from holding freed memory for each of the many threads apart."""
    with contextlib.suppress(OSError, AttributeError):  # there are other C libraries
        ctypes.CDLL(None).mallopt(-8, 2)  # M_ARENA_MAX


def _log(sentence):
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)
