"""`cyclegan-tf evaluate`: scores of a run on held-out images."""

from pathlib import Path

from cyclegan_tf.cli import words
from cyclegan_tf.cli.arguments import (
    READING,
    add_data,
    add_measuring,
    add_reading,
    dataset_of,
    examples,
    measuring_of,
    names,
    whole,
)
from cyclegan_tf.cli.terminal import result
from cyclegan_tf.common import renamed
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.silence import import_tensorflow


def run(options):
    """Does what the options say."""
    from cyclegan_tf.data.io import formats, video

    if video.is_video(options.model) or formats.of(options.model).frames:
        from cyclegan_tf.evaluation import steadiness

        result(steadiness.of_files(options.model, options.data))
        return
    import_tensorflow()
    from cyclegan_tf.evaluation.evaluate import evaluate
    from cyclegan_tf.evaluation.registry import METRICS
    from cyclegan_tf.training import report
    from cyclegan_tf.training.callbacks import read_history

    model = Path(options.model)
    if options.back and model.is_dir():
        raise InputError(
            f"--back belongs to a generator's file, and {model} is a folder: leave it out."
        )
    if options.rank_by not in (None, *METRICS):
        raise InputError(
            f"--rank-by must be among {', '.join(METRICS)}, received {options.rank_by}."
        )
    folder = options.output
    if folder is None:
        folder = model / "evaluation" if model.is_dir() else model.with_suffix(".evaluation")
    with words.of_options(words.flags(("split", *READING))):
        evaluation = evaluate(
            (model, options.back) if options.back else model,
            dataset_of(options),
            split=options.split,
            metrics=options.metrics,
            images=options.images,
            seed=options.seed,
            **measuring_of(options),
        )
    result(evaluation)
    evaluation.save(folder, options.rank_by)
    if (model / "run.json").exists():
        report.write(model, read_history(model))
    result()
    result(f"Tables   {folder / 'evaluation.md'}")
    result(f"Numbers  {folder / 'evaluation.json'}")
    result(f"Images   {folder / 'evaluation.png'}")


def add(subcommands):
    """Adds the subcommand."""
    parser = subcommands.add_parser(
        "evaluate",
        help="score a run on held-out images",
        description="Scores translations beside a floor and a ceiling: tables, JSON, images.",
        **examples(
            "cyclegan-tf evaluate saved_models/faces faces.npz",
            "cyclegan-tf evaluate saved_models/faces faces.npz --metrics kid,ssim",
        ),
    )
    parser.add_argument(
        "model",
        help="a run's folder, its best/ folder, or a generator's file; or a video, and as DATA its "
        "translation: says how steady that is",
    )
    add_data(parser)
    parser.add_argument("--back", metavar="FILE", help="the generator of the way back to a file")
    parser.add_argument(
        "--split",
        choices=("test", "train"),
        default="test",
        help="(default: test, which is held out)",
    )
    parser.add_argument(
        "--metrics", type=names, metavar="NAMES", help="such as fid,ssim (default: all that apply)"
    )
    parser.add_argument(
        "--images", type=whole(1), metavar="N", help="at most so many of each domain"
    )
    renamed.option(parser, "--pictures", "--images", type=whole(1))
    parser.add_argument(
        "--rank-by", metavar="NAME", help="the metric by which images are best or worst"
    )
    parser.add_argument(
        "--output", type=Path, metavar="FOLDER", help="default: in the run's folder"
    )
    parser.add_argument("--seed", type=whole(0), default=0, help="of what is drawn (default: 0)")
    add_measuring(parser)
    add_reading(parser)
    parser.set_defaults(run=run)
