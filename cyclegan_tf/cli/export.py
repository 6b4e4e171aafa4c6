"""`cyclegan-tf export`: a generator in the format of another runtime."""

from cyclegan_tf.cli.arguments import examples, real
from cyclegan_tf.cli.terminal import result
from cyclegan_tf.common import renamed
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.silence import import_tensorflow
from cyclegan_tf.inference import formats
from cyclegan_tf.inference.formats import FORMATS, SUFFIXES


def run(options):
    """Does what the options say."""
    from cyclegan_tf.inference.source import is_generator

    if is_generator(options.target) and formats.of(options.target) is None:
        raise InputError(
            f"export [MODEL] TARGET: {options.target} is a generator, which comes first: name "
            "behind it what to write."
        )
    import_tensorflow()
    from cyclegan_tf.inference.export import export

    result(
        export(
            options.model,
            options.target,
            options.format,
            options.direction,
            options.images,
            options.tolerance,
            options.overwrite,
            dropout={"on": True, "off": False, None: None}[options.dropout],
            statistics=options.statistics,
        )
    )


def add(subcommands):
    """Adds the subcommand."""
    parser = subcommands.add_parser(
        "export",
        help="write a generator for other runtimes: ONNX, TFLite, OpenVINO, SavedModel",
        description="Writes a generator in another format, compares it with Keras on images, and "
        "keeps it if it differs by little. `cyclegan-tf translate` takes what it writes.",
        **examples(
            "cyclegan-tf export cartoon.onnx",
            "cyclegan-tf export saved_models/faces faces.tflite --format tflite_int8",
        ),
    )
    parser.add_argument(
        "model",
        nargs="?",
        help="a run's folder, or a .keras or .h5 file (default: sketch ↔ cartoon, built in)",
    )
    parser.add_argument(
        "target", help=f"file to write ({', '.join(SUFFIXES)}), or folder of a SavedModel"
    )
    parser.add_argument(
        "--format",
        choices=FORMATS,
        help="tflite_int8: 8-bit weights and convolutions, a quarter of the size; "
        "tflite_full_int8: all in 8 bits, less exact (default: by the target's suffix)",
    )
    parser.add_argument("--direction", choices=("ab", "ba"), help="of a run's folder (default: ab)")
    parser.add_argument(
        "--images",
        metavar="PATH",
        help="what to compare on: an .npz (its test split), a folder, an image (default: drawn "
        "faces or their sketches)",
    )
    renamed.option(parser, "--pictures", "--images")
    parser.add_argument(
        "--tolerance",
        type=real,
        metavar="LEVELS",
        help="mean difference to accept, in grey levels of 255 (default: "
        f"{', '.join(f'{row.name} {row.tolerance:g}' for row in FORMATS.values())})",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what exists")
    parser.add_argument(
        "--dropout",
        choices=("on", "off"),
        help="of pix2pix (default: as trained, which is on, and possible in a saved_model alone)",
    )
    parser.add_argument(
        "--statistics",
        type=lambda text: "image" if text == "picture" else text,
        choices=("image", "running"),
        help="what batch norms of pix2pix go by",
    )
    parser.set_defaults(run=run)
