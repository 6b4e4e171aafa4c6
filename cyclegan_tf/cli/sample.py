"""`cyclegan-tf sample`: images from noise."""

from cyclegan_tf.cli.arguments import examples, whole
from cyclegan_tf.cli.terminal import result
from cyclegan_tf.common.silence import import_tensorflow
from cyclegan_tf.common.wording import counted


def run(options):
    """Does what the options say."""
    import_tensorflow()
    from cyclegan_tf.inference import sampler as sampling

    sampler = sampling.load(options.model)
    make, columns = sampler, 8
    if options.interpolate:
        make, columns = sampler.interpolate, options.count
    elif options.label is None and sampler.classes:
        columns = sampler.classes
    written = sampling.save(
        make(options.count, options.seed, options.label),
        options.target,
        sampler.translation.target_range,
        options.columns or columns,
        options.overwrite,
    )
    where = written[0] if len(written) == 1 else options.target
    result(f"Sampled {sampler}, {counted(options.count, 'image')}: {where}")


def add(subcommands):
    """Adds the subcommand."""
    parser = subcommands.add_parser(
        "sample",
        help="make images from noise with a trained generator",
        description="Makes images from noise, of a class where the generator knows classes.",
        **examples(
            "cyclegan-tf sample saved_models/digits digits.png",
            "cyclegan-tf sample saved_models/digits sevens.png --label 7 --count 16",
        ),
    )
    parser.add_argument("model", help="a run's folder, or a .keras file")
    parser.add_argument("target", help="a file's name for one sheet, or a folder")
    parser.add_argument("--count", type=whole(1), default=64, help="(default: 64)")
    parser.add_argument(
        "--label", type=whole(0), help="the class to make, such as 7 (default: each in turn)"
    )
    parser.add_argument("--seed", type=whole(0), default=0, help="of the noise (default: 0)")
    parser.add_argument(
        "--interpolate", action="store_true", help="walk from the seed's first sample to its second"
    )
    parser.add_argument(
        "--columns", type=whole(1), help="of the sheet (default: 8, or one for each class)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace results that exist")
    parser.set_defaults(run=run)
