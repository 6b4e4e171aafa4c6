"""What the tests of several devices run in processes of their own: `replicas.py JOBS FOLDER N`.

Each job, of names divided by commas, has a folder of its name in FOLDER. Logical CPUs and workers
must be set before TensorFlow starts.
"""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

EPOCHS, STEPS, BATCH = 2, 4, 4


def start(words, workers=0):
    """Starts `python WORDS`: one process, or one for each of `workers` on this machine."""
    root = Path(__file__).resolve().parents[2]
    path = f"{root}{os.pathsep}{root / 'tests'}"
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": path}
    environment.pop("TF_CONFIG", None)
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(workers)]
    addresses = [f"127.0.0.1:{s.getsockname()[1]}" for s in sockets]
    for s in sockets:
        s.close()
    processes = []
    for number in range(workers or 1):
        if workers:
            task = {"type": "worker", "index": number}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": addresses}, "task": task})
        mine = words(number) if callable(words) else words
        processes.append(
            subprocess.Popen(
                [sys.executable, *map(str, mine)],
                cwd=root,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
    return processes


def finish(processes):
    """Waits for the processes of `start`. Returns `(status, stdout, stderr)` of each."""
    said = [process.communicate(timeout=300) for process in processes]
    return [(p.returncode, *words) for p, words in zip(processes, said, strict=True)]


def jobs(names, folder, count=1, workers=0):
    """Starts a process, or one for each worker, that does jobs of this file one after another."""
    return start([__file__, ",".join(names), folder, count], workers)


def pool_and_sgd(folder, strategy):
    """SGD shows a gradient that is counted twice, which Adam would hide."""
    parity(folder, strategy, "SGD", 1e-3, pool_size=5)


def as_fast(folder, strategy):
    """The methods' optimizer, and what `cyclegan_fast` adds: state that no optimizer changes."""
    options = {"disc_norm": "spectral", "adversarial_loss": "hinge", "upsampling": "bilinear"}
    parity(folder, strategy, "Adam", 2e-4, pool_size=0, ema_decay=0.9, **options)


def fast_convolutions(folder, strategy):
    """Kernels transformed on each device, and the fused Adam; both exist in 32 bits only.

    Two steps: where rounding sends one ReLU to the other side, 32 bits part soon after.
    """
    options = {"floatx": "float32", "epochs": 1, "steps": 2}
    parity(folder, strategy, None, None, pool_size=5, filters=8, **options)


def parity(
    folder,
    strategy,
    optimizer,
    rate,
    pool_size,
    floatx="float64",
    epochs=EPOCHS,
    steps=STEPS,
    ema_decay=0.0,
    **options,
):
    """Trains, and writes every loss and every variable."""
    import keras

    def compute_in(floatx):
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(floatx)

    compute_in(floatx)
    import numpy as np
    import tensorflow as tf

    from cyclegan_tf.data import pipeline
    from cyclegan_tf.training import distribute
    from support.datasets import all_variables, make_dataset, make_model

    dataset = make_dataset()
    model = make_model(dataset, pool_size=pool_size, strategy=strategy, **options)
    if optimizer:
        with model.strategy.scope():
            optimizers = [getattr(keras.optimizers, optimizer)(rate) for _ in range(2)]
        model.compile(*optimizers, ema_decay=ema_decay)

    def parts(worker=(0, 1)):
        replicas = model.strategy.num_replicas_in_sync
        batches = pipeline.batches(dataset, BATCH, replicas=replicas, worker=worker)
        return batches.map(lambda a, b: (tf.cast(a, floatx), tf.cast(b, floatx)))

    if strategy is None:
        batches = parts()
    else:
        batches = strategy.distribute_datasets_from_function(
            lambda c: parts((c.input_pipeline_id, c.num_input_pipelines))
        )
    history = model.fit(batches, epochs=epochs, steps_per_epoch=steps, shuffle=False, verbose=0)
    if distribute.is_chief(model.strategy):
        losses = np.array([history.history[name] for name in model.loss_names])
        np.savez(folder / "all.npz", losses, *all_variables(model))
    compute_in("float32")


def stopped(folder, strategy):
    """A run whose callback, of the chief alone, stops it after its first epoch."""
    import keras

    from cyclegan_tf.training.run import train
    from support.datasets import make_dataset, make_model

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = True

    dataset = make_dataset()
    model = make_model(dataset, strategy=strategy)
    settings = {"batch_size": 2, "steps_per_epoch": 2, "callbacks": [Stop()]}
    print("epochs", len(train(model, dataset, folder / "run", 5, **settings)))


def resumed(folder, strategy):
    """Two epochs; the second once more on the same devices, and on one."""
    import shutil

    import numpy as np

    from cyclegan_tf.training.run import train
    from support.datasets import all_variables, make_dataset, make_model

    dataset = make_dataset()
    settings = {"batch_size": BATCH, "steps_per_epoch": STEPS, "verbose": 0}

    def run(name, strategy):
        model = make_model(dataset, strategy=strategy, pool_size=5)
        train(model, dataset, folder / name, EPOCHS, **settings)
        np.savez(folder / f"{name}.npz", *all_variables(model))

    run("once", strategy)
    for name, layout in (("again", strategy), ("on_one", None)):
        shutil.copytree(folder / "once", folder / name)
        (folder / name / "state/epoch_002.weights.h5").unlink()
        run(name, layout)
    shutil.copytree(folder / "once", folder / "loaded")
    run("loaded", None)  # it has both epochs: nothing to train


def overflow(folder, strategy):
    """Three steps in float16, of which the second has gradients that one device cannot hold."""
    import numpy as np
    import tensorflow as tf

    from support.datasets import make_dataset, make_model

    dataset = make_dataset()
    model = make_model(dataset, strategy=strategy, precision="mixed_float16")
    with strategy.scope():
        model.gen_optimizer.dynamic_scale.assign(256.0)
    step = tf.function(model.train_step)
    weights = []
    for brightness in (1.0, 1e6, 1.0):

        def part(context, brightness=brightness):
            factor = brightness if context.replica_id_in_sync_group == 1 else 1.0
            shapes = (dataset.image_shape_a, dataset.image_shape_b)
            return tuple(factor * tf.random.stateless_uniform((1, *x), (0, 1)) for x in shapes)

        with strategy.scope():
            step(strategy.experimental_distribute_values_from_function(part))
        for replica in range(2):
            values = [w.value.values[replica] for n in model.generators for w in n.weights]
            weights.append(np.concatenate([np.ravel(value) for value in values]))
    scale = model.gen_optimizer.dynamic_scale.numpy()
    steps = model.gen_optimizer.iterations.numpy()
    np.savez(folder / "overflow.npz", *weights, scale=scale, steps=steps)


def noise(folder, strategy):
    """One step of a method that draws."""
    import numpy as np
    import tensorflow as tf

    from training.test_model import noisy

    model = noisy(strategy=strategy)

    def part(context):
        first = 2 * context.replica_id_in_sync_group
        images = tf.reshape(tf.constant([first + 1.0, first + 2.0]), (2, 1, 1, 1))
        return images, images

    batch = strategy.experimental_distribute_values_from_function(part)
    tf.function(model.train_step)(batch)
    np.savez(folder / "noise.npz", weight=model.gen_ab.weights[0].numpy().item())


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from cyclegan_tf.training import distribute as rooms

    strategy = rooms.strategy(int(sys.argv[3]))
    for name in sys.argv[1].split(","):
        (Path(sys.argv[2]) / name).mkdir(exist_ok=True)
        globals()[name](Path(sys.argv[2]) / name, strategy)
