"""A run: a folder that holds everything of one training, and the function that fills it."""

import contextlib
import dataclasses
import json
import os
import platform
import warnings
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tensorflow as tf
from filelock import FileLock, Timeout

from cyclegan_tf.common import renamed
from cyclegan_tf.common.atomic_files import write_text
from cyclegan_tf.common.checks import check_whole
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.common.wording import counted
from cyclegan_tf.data import pipeline
from cyclegan_tf.training import callbacks as cb
from cyclegan_tf.training import distribute, memory, report
from cyclegan_tf.training.progress import Progress
from cyclegan_tf.training.resume import compare

FORMAT = 1
LOCK = ".lock"


@renamed.argument("pictures", "images")
def train(
    model,
    dataset,
    folder,
    epochs,
    *,
    batch_size=1,
    steps_per_epoch=None,
    augment=None,
    images=6,
    callbacks=(),
    verbose="auto",
    steps_per_execution=1,
):
    """Trains a model into a folder, or goes on with what the folder holds.

    The folder then has `run.json`, `history.csv`, `epochs/epoch_005.png`, `examples/`,
    `gen_ab.keras` and what else the method saves, `state/` and `report.html`. Called again with the
    same arguments it resumes after the last finished epoch, to the same weights, bit for bit, as
    if never interrupted (with the same thread settings, which `run.json` records; on a GPU, only
    after `tf.config.experimental.enable_op_determinism()`).

    A model that was made with a strategy is trained on all its devices, to the weights of one
    device up to rounding; a run may go on with other devices than it began with. Of several
    workers, which all call this with the same arguments and one shared folder, only the chief
    writes, shows progress and has callbacks.

    Args:
        model: A compiled model from `recipes`. Its seed is the run's.
        dataset: `npz.Dataset`.
        folder: Where the run lives; made if missing.
        epochs: Number of epochs of the whole run.
        batch_size: Images of each domain per step, on all devices together.
        steps_per_epoch: Steps that make an epoch; by default as many as show the larger domain
            once.
        augment: Whether to enlarge, crop and mirror the images at random, or "mirror" alone; by
            default as the method's paper does.
        images: How many test images to show after each epoch.
        callbacks: More Keras callbacks, such as `evaluate.Evaluate`; numbers that they add to the
            logs go into the history.
        verbose: 0 says nothing of progress, 2 a line per epoch; "auto" and 1 show a bar, too, where
            the output is a terminal or a notebook.
        steps_per_execution: Steps between two looks at the losses; more than one saves time where
            steps are short, to the same weights.

    Returns:
        The history: a list of one dictionary of numbers per epoch, from the first.

    Raises:
        InputError: If an argument is out of its range, the model is for other images, or the
            folder holds another run, no readable state, or a run that is being trained; if
            several workers do not see one folder.
        diagnostics.TrainingDiverged: At the first NaN or infinite loss.
        distribute.WorkerLost: If another worker has ended.
    """
    folder = Path(folder)
    _fits(model, dataset)
    steps = steps_per_epoch
    if steps is None:
        steps = pipeline.steps_per_epoch(dataset, max(batch_size, 1))
    counts = {"epochs": epochs, "batch_size": batch_size, "steps_per_epoch": steps}
    counts |= {"images": images, "steps_per_execution": steps_per_execution}
    for name, value in counts.items():
        check_whole(name, value, 1)
    augment = model.augments if augment is None else augment
    if augment not in (True, False, "mirror"):
        raise InputError(f'augment must be True, False or "mirror", received {augment!r}.')
    settings = {"batch_size": batch_size, "steps_per_epoch": steps, "augment": augment}
    replicas = model.strategy.num_replicas_in_sync
    pipeline.part_of_batch(batch_size, replicas)
    if batch_size // replicas % model.accumulate:
        of_each = "" if replicas == 1 else f" on {replicas} devices"
        raise InputError(
            f"accumulate must divide the batch, received {model.accumulate} for a batch of "
            f"{batch_size}{of_each}: give a multiple of {model.accumulate * replicas} as the batch."
        )
    model.steps_per_execution = steps_per_execution
    strategy, chief = model.strategy, distribute.is_chief(model.strategy)
    description = _description(model, dataset, settings)
    with distribute.losses_told(strategy), contextlib.ExitStack() as claim:
        done, reason = 0, None
        with distribute.together(strategy):
            if chief:
                claim.enter_context(_claimed(folder, description, model, epochs))
                done = _restored(model, folder)
                reason = next(filter(None, (stop(done) for stop in _early_stops(callbacks))), None)
        done, goes_on = distribute.of_chief(strategy, done, reason is None)
        with distribute.together(strategy):
            if not chief:
                _follow(folder, description, model, epochs, done)
        if chief and done >= epochs:
            print(f"{folder} has its {counted(epochs, 'epoch')} already.")
        elif chief and reason:
            print(reason)
        elif chief:
            if done:
                print(f"Resuming {folder} after epoch {done} of {epochs}.")
            if memory.knows(model):
                print(memory.sentence(model, batch_size))
                if advice := memory.advice(model, batch_size):
                    warnings.warn(advice, stacklevel=2)
        if goes_on and done < epochs:
            progress = Progress(epochs, steps, bar=verbose != 2)
            with _sums_as_written(), contextlib.closing(progress):
                model.fit(
                    _batches(model, dataset, settings, done * steps),
                    initial_epoch=done,
                    epochs=epochs,
                    steps_per_epoch=steps,
                    shuffle=False,
                    verbose=0,
                    callbacks=[
                        cb.StopWhenDiverged(),
                        *(_writing(folder, dataset, images, callbacks) if chief else ()),
                        *([progress] if chief and verbose else ()),
                        cb.StopTogether(),
                    ],
                )
        if chief:
            report.write(folder, cb.read_history(folder))
        distribute.shared(strategy, done)  # all wait for what the chief still writes
    return cb.read_history(folder)


@contextlib.contextmanager
def _sums_as_written():
    """Within, TensorFlow adds in the order of the program, which a resumed run has again.

    Its arithmetic optimizer orders the terms of a sum by name, and Keras numbers the names of
    layers on through a process: a model that is made after another one would round differently.
    """
    options = tf.config.optimizer.get_experimental_options()
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
    try:
        yield
    finally:
        before = options.get("arithmetic_optimization", True)
        tf.config.optimizer.set_experimental_options({"arithmetic_optimization": before})


def _batches(model, dataset, settings, start):
    """The batches from step `start` on, of which each replica receives its part."""
    strategy, partners = model.strategy, model.partners(dataset)

    def parts(worker=(0, 1)):
        return pipeline.batches(
            dataset,
            settings["batch_size"],
            start=start,
            seed=model.seed,
            augment=settings["augment"],
            pairs=model.needs_pairs,
            partners=partners,
            replicas=strategy.num_replicas_in_sync,
            worker=worker,
        )

    if strategy.num_replicas_in_sync == 1:
        return parts()
    return strategy.distribute_datasets_from_function(
        lambda context: parts((context.input_pipeline_id, context.num_input_pipelines))
    )


def _writing(folder, dataset, images, callbacks):
    """The callbacks that write into the run's folder, in their order."""
    a, b = pipeline.fixed_images(dataset, images)
    return [
        cb.EpochImages(folder, a, b, dataset.names),
        *callbacks,
        cb.DiagnosticWarnings(dataset.slices is not None),
        cb.HistoryFile(folder),
        cb.SaveGenerators(folder, dataset),
        cb.Report(folder),
        cb.SaveState(folder),
    ]


def _restored(model, folder):
    """Loads the newest state of the run, or writes its first. Returns the epochs behind it."""
    done = cb.restore(model, folder)
    if done is None:
        # Also what a first epoch that was cut short starts from when it is trained again.
        cb.save_state(model, folder, 0)
    return done or 0


def _follow(folder, description, model, epochs, done):
    """Loads the state that the chief goes on from, and looks whether it is the same run."""
    try:
        compare(folder / "run.json", description, epochs, warn=False)
        model.load_weights(cb.state_path(folder, done))
    except OSError as error:
        raise InputError(
            f"{folder} does not show this worker the state after epoch {done} that worker 0 sees: "
            "give all workers one shared folder."
        ) from error


def _early_stops(callbacks):
    """Functions that say why a run that was stopped early is not to go on."""
    return [callback.stopped_after for callback in callbacks if hasattr(callback, "stopped_after")]


def _fits(model, dataset):
    """Raises InputError if the model was made for other images than these."""
    domains = zip("AB", (dataset.train_a, dataset.train_b), model.image_shapes, strict=True)
    for name, images, shape in domains:
        if shape is None:
            continue
        if shape[-1] != images.shape[-1]:
            raise InputError(
                f"The model takes {shape[-1]} channels in domain {name}, and the data have "
                f"{images.shape[-1]}: make the model with the data's image shapes."
            )
        if tuple(shape[:2]) != tuple(images.shape[1:3]):
            raise InputError(
                f"The model was made for {tuple(shape[:2])} pixels, and the data have "
                f"{tuple(images.shape[1:3])}: make the model with the data's shapes."
            )
    if model.needs_pairs and not dataset.paired["train"]:
        a, b = dataset.names
        raise InputError(
            f"This method learns from pairs, and which {a} belongs to which {b} is not known: "
            "make pairs with `cyclegan-tf prepare DATA.npz --pairs FOLDER`, or take a method that "
            "does without, such as cyclegan."
        )


def _description(model, dataset, settings):
    """What `run.json` says: enough to repeat the run, and to tell whether it is the same."""
    arguments = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in getattr(model, "arguments", {}).items()
    }
    return {
        "format": FORMAT,
        "method": getattr(model, "method", type(model).__name__),
        "seed": model.seed,
        "arguments": arguments,
        "changed": _changed(model.options, arguments),
        "training": settings,
        "data": {
            "hash": dataset.hash,
            "names": list(dataset.names),
            "paired": dict(dataset.paired),
            "sources": list(dataset.sources),
            "origin": dataset.origin,
            "pictures": {
                name: len(getattr(dataset, name))
                for name in ("train_a", "train_b", "test_a", "test_b")
            },
            **({"slices": dataset.slices.for_generator("ab")} if dataset.slices else {}),
        },
        "devices": {
            "replicas": model.strategy.num_replicas_in_sync,
            "workers": len(distribute.workers(model.strategy)),
        },
        "versions": _versions() | _step(model),
    }


def _changed(options, arguments):
    """The names of arguments that are not the defaults of the method's options."""
    defaults = {field.name: field.default for field in dataclasses.fields(options)}
    return [name for name in defaults if arguments.get(name, defaults[name]) != defaults[name]]


def _step(model):
    """How a step is computed, where not at once: another way rounds differently."""
    ways = {
        "accumulate": model.accumulate > 1 and model.accumulate,
        "recompute": model.options.recompute,
    }
    return {name: value for name, value in ways.items() if value}


def _versions():
    versions = {"python": platform.python_version()}
    for name in ("cyclegan_tf", "tensorflow", "keras", "numpy"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    # Sums are split by thread: with other threads they round differently, and the runs part.
    threading = tf.config.threading
    versions["threads"] = (
        f"inter-op {threading.get_inter_op_parallelism_threads()}, "
        f"intra-op {threading.get_intra_op_parallelism_threads()}, {os.cpu_count()} cores"
    )
    return versions


@contextlib.contextmanager
def _claimed(folder, description, model, epochs):
    """Holds the run's folder for this process, once it is certain that the run is this one.

    Writes `run.json`, or compares it with the one that is there; removes what a killed process
    left half written.
    """
    path = folder / "run.json"
    foreign = [p for p in folder.iterdir() if not _is_ours(p)] if folder.is_dir() else []
    if not path.exists() and (foreign or (folder.exists() and not folder.is_dir())):
        raise InputError(f"{folder} exists and is not a run's folder: give the name of a new one.")
    if not path.exists() and int(model.gen_optimizer.iterations.numpy()):
        raise InputError(
            f"{folder} would start with a model that was already trained, and could not be "
            "repeated: make the model anew with its recipe."
        )
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise InputError(
            f"Another process is training in {folder}: wait for it or stop it, or give the name "
            "of a new folder."
        ) from None
    with lock:
        if path.exists():
            compare(path, description, epochs)
        for part in (folder, *(folder / name for name in ("epochs", "examples", "state", "best"))):
            for left_over in part.glob(".writing-*"):
                left_over.unlink()
        if not path.exists():
            write_text(path, json.dumps(description, indent=2) + "\n")
        yield


def _is_ours(path):
    return path.name == LOCK or path.name.startswith(".writing-")
