"""The table of formats: whole, and light enough for the command line."""

import subprocess
import sys

from cyclegan_tf.inference import formats, runtimes
from support.datasets import ROOT


def test_every_row_has_a_reader_and_a_writer():
    for name, row in formats.FORMATS.items():
        assert row.name == name and issubclass(row.reader, runtimes.Runtime)
        assert callable(row.writer) and bool(row.suffix) != bool(row.contains)
    assert formats.of("a.tflite").name == "tflite"  # of three, the exact one
    assert formats.RUNTIMES == ("auto", "fastest", "keras", "onnx", "openvino", "tflite")


def test_the_command_lists_formats_without_their_libraries():
    code = (
        "import sys; from cyclegan_tf.cli.main import main\n"
        "try: main(['export', '--help'])\n"
        "except SystemExit: sys.exit(bool({'tensorflow', 'numpy', 'onnx'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "tflite_full_int8 4" in " ".join(done.stdout.split())
