"""Several devices train to the weights of one."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import pipeline
from cyclegan_tf.training import distribute
from cyclegan_tf.training.callbacks import read_history
from cyclegan_tf.training.diagnostics import TrainingDiverged
from cyclegan_tf.training.run import train
from support import replicas
from support.datasets import all_variables, make_dataset, make_model
from training.test_model import drawn

pytestmark = pytest.mark.slow


def arrays(path):
    with np.load(path) as file:
        return [file[name] for name in file.files]


def assert_parity(one, other):
    """In 64 bits rounding is about 1e-16.

    Adam enlarges it most where a gradient is zero but for rounding (of a bias before a
    normalization): 1e-16 beside its epsilon of 1e-8, times the rate and the steps, about 1e-11.
    """
    ours, theirs = arrays(one / "all.npz"), arrays(other / "all.npz")
    assert len(ours) == len(theirs) > 40
    for x, y in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(x, y, rtol=0, atol=1e-8)
    return ours


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folders of what one device and two have done."""
    one, two = (tmp_path_factory.mktemp(name) for name in ("one", "two"))
    parity = ["pool_and_sgd", "as_fast", "fast_convolutions"]
    processes = replicas.jobs(parity, one)
    processes += replicas.jobs([*parity, "resumed", "overflow", "noise"], two, 2)
    for status, _, errors in replicas.finish(processes):
        assert status == 0, errors
    return one, two


@pytest.mark.parametrize("name", ["pool_and_sgd", "as_fast"])
def test_two_devices_reach_the_weights_pools_and_losses_of_one(done, name):
    found = assert_parity(*(folder / name for folder in done))
    if name == "pool_and_sgd":
        pools = [x for x in found if x.shape[:1] == (5,) and x.ndim == 4]
        assert len(pools) == 2 and all(pool.any(axis=(1, 2, 3)).all() for pool in pools)


def test_fast_convolutions_train_on_two_devices_as_on_one(done):
    found = (arrays(folder / "fast_convolutions/all.npz") for folder in done)
    (losses, *variables), (expected_losses, *expected) = found
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-4)
    # Two steps of Adam move a weight by 4e-4 at most; signs of tiny gradients differ.
    off = [np.abs(x - y).mean() for x, y in zip(variables, expected, strict=True) if x.ndim == 4]
    assert max(off) < 1e-5


def test_states_pass_between_layouts_and_resume_to_the_bit_on_the_same(done):
    folder = done[1] / "resumed"
    once, again, loaded = (arrays(folder / f"{n}.npz") for n in ("once", "again", "loaded"))
    for x, y, z in zip(once, again, loaded, strict=True):
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(x, z)
    assert json.loads((folder / "once/run.json").read_text())["devices"]["replicas"] == 2
    # One epoch on two devices and one on one, in 32 bits.
    histories = [read_history(folder / name) for name in ("on_one", "once")]
    assert [len(rows) for rows in histories] == [2, 2]
    for row, other in zip(*histories, strict=True):
        for name in ("cycle_a", "disc_b", "adv_ab", "spread_ba"):
            assert row[name] == pytest.approx(other[name], rel=1e-4)


def test_a_step_that_overflows_on_one_device_is_left_out_on_all(done):
    with np.load(done[1] / "overflow/overflow.npz") as found:
        assert (float(found["scale"]), int(found["steps"])) == (128, 3)
        first, second, third = (found[f"arr_{i}"] for i in (0, 2, 4))
        for step in range(3):  # both devices have one set of weights
            np.testing.assert_array_equal(found[f"arr_{2 * step}"], found[f"arr_{2 * step + 1}"])
    np.testing.assert_array_equal(first, second)
    assert np.abs(third - second).max() > 0


def test_two_devices_share_what_one_would_draw(done):
    with np.load(done[1] / "noise/noise.npz") as found:
        weight = 1 - np.mean(np.array([1.0, 2.0, 3.0, 4.0]) * drawn(0).ravel())
        np.testing.assert_allclose(found["weight"], weight, rtol=1e-5)


def test_each_replica_receives_its_part_of_the_batch_of_one_device():
    dataset = make_dataset()
    whole = [np.asarray(a) for a, _ in pipeline.batches(dataset, 8, steps=3, start=2)]
    for workers in (1, 2, 4):
        made = [
            [np.asarray(a) for a, _ in pipeline.batches(
                dataset, 8, steps=3, start=2, replicas=4, worker=(number, workers)
            )]
            for number in range(workers)
        ]  # fmt: skip
        local = 4 // workers
        for step, batch in enumerate(whole):
            parts = [part for of in made for part in of[step * local : (step + 1) * local]]
            np.testing.assert_array_equal(np.concatenate(parts), batch)


def test_a_worker_decodes_its_own_images_only():
    class Lazy:
        def __init__(self, images):
            self.images, self.read = images, 0
            self.shape, self.dtype = images.shape, images.dtype

        def __len__(self):
            return len(self.images)

        def __getitem__(self, index):
            self.read += len(index)
            return self.images[index]

    data = make_dataset()
    lazy = dataclasses.replace(data, train_a=Lazy(data.train_a), train_b=Lazy(data.train_b))
    list(pipeline.batches(lazy, 4, steps=3, replicas=2, worker=(1, 2)))
    assert lazy.train_a.read == 3 * 2


def test_several_steps_per_execution_change_nothing(tmp_path):
    """Four steps an epoch in executions of three: three and one."""
    dataset, found = make_dataset(), []
    for count in (1, 3):
        model = make_model(dataset)
        settings = {"steps_per_epoch": 4, "steps_per_execution": count, "verbose": 0}
        history = train(model, dataset, tmp_path / str(count), 2, **settings)
        found.append((all_variables(model), [row["cycle_a"] for row in history]))
    assert int(model.gen_optimizer.iterations.numpy()) == 8
    assert found[0][1] == found[1][1]
    for x, y in zip(found[0][0], found[1][0], strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize(("before", "found"), [(0, 3), (3, 4)])
def test_a_nan_within_an_execution_stops_the_run(tmp_path, before, found):
    """Steps 1 to 3 are one execution, step 4 another: what remains of the epoch."""

    class Poison(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            if batch == before:
                self.model.gen_ab.weights[0].assign(self.model.gen_ab.weights[0] * np.nan)

    model, options = make_model(make_dataset()), {"steps_per_epoch": 4, "steps_per_execution": 3}
    with pytest.raises(TrainingDiverged, match=f"became nan in epoch 1, step {found}:"):
        train(model, make_dataset(), tmp_path / "run", 1, callbacks=[Poison()], **options)
    assert not read_history(tmp_path / "run")


def test_a_batch_that_cannot_be_divided_is_refused(tmp_path):
    with pytest.raises(InputError, match="must be a multiple of 2, the number of devices"):
        pipeline.batches(make_dataset(), 3, replicas=2)
    model = make_model(make_dataset(), strategy=tf.distribute.MirroredStrategy(["CPU:0"]))
    assert model.strategy.num_replicas_in_sync == 1
    with pytest.raises(InputError, match="steps_per_execution must be a whole number"):
        train(model, make_dataset(), tmp_path / "run", 1, steps_per_execution=0)
    assert not (tmp_path / "run").exists()


def test_a_strategy_is_given_and_not_entered():
    strategy = tf.distribute.MirroredStrategy(["CPU:0"])
    assert "strategy" not in make_model(make_dataset(), strategy=strategy).arguments
    with strategy.scope(), pytest.raises(InputError, match="give strategy= instead"):
        make_model(make_dataset())


def test_one_device_needs_no_strategy(monkeypatch):
    for config in ("", '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'):
        monkeypatch.setenv("TF_CONFIG", config)
        assert distribute.strategy() is None
    assert distribute.shared(tf.distribute.get_strategy(), 7) == [7]
    assert distribute.is_chief(tf.distribute.get_strategy())


CLUSTER = {"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 0}}


@pytest.mark.parametrize(
    ("count", "config", "words"),
    [
        (0, None, "devices must be a whole number of at least 1"),
        ("two", None, "devices must be a whole number"),
        (2.0, None, "devices must be a whole number"),
        (True, None, "devices must be a whole number"),
        (1, "{", "TF_CONFIG must be JSON such as"),
        (1, CLUSTER | {"task": None}, "does not say which task this process is"),
        (1, CLUSTER | {"task": {"type": "worker"}}, "does not say which task"),
        (1, CLUSTER | {"task": {"type": "worker", "index": 2}}, "received 'worker' 2"),
        (1, CLUSTER | {"task": {"type": "worker", "index": "0"}}, "received 'worker' '0'"),
        (1, CLUSTER | {"task": {"type": "chief", "index": 0}}, "received 'chief' 0"),
        (1, CLUSTER | {"cluster": {"ps": ["a:1"]}}, 'may have "worker"'),
        (1, CLUSTER | {"cluster": {"worker": ["a:1", "a:1"]}}, "host:port of its own"),
        (1, CLUSTER | {"cluster": {"worker": ["a:1", "b"]}}, "host:port of its own"),
        (1, CLUSTER | {"cluster": {"worker": "a:1"}}, "host:port of its own"),
        (2, CLUSTER, "devices must be 1 where several workers have no GPU"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(monkeypatch, count, config, words):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(InputError, match=words):
        distribute.strategy(count)


def test_more_gpus_than_there_are_is_refused(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["GPU:0"])
    with pytest.raises(InputError, match="devices must be at most 1, the GPUs of this machine"):
        distribute.strategy(2)
    assert distribute.strategy("all") is None


def test_logical_cpus_come_before_the_first_operation():
    tf.constant(0) + 1
    with pytest.raises(InputError, match="before TensorFlow's first operation"):
        distribute.strategy(8)


def test_errors_of_one_device_stay_as_they_are():
    with pytest.raises(tf.errors.UnavailableError), distribute.losses_told(None):
        raise tf.errors.UnavailableError(None, None, "gone")


def test_the_loss_of_a_worker_is_told_by_its_number(monkeypatch):
    class Cluster:
        class cluster_resolver:
            task_id = 0

    monkeypatch.setattr(distribute, "workers", lambda strategy: ["one:1", "two:1"])
    monkeypatch.setattr(distribute, "_answers", lambda address: address == "one:1")
    sentence = r"No answer from worker 1 \(two:1\): start all .* from the last finished epoch"
    with pytest.raises(distribute.WorkerLost, match=sentence), distribute.losses_told(Cluster):
        raise tf.errors.InternalError(None, None, "connection reset")
    # A frozen worker still answers; TensorFlow's heartbeat names it.
    monkeypatch.setattr(distribute, "_answers", lambda address: True)
    with pytest.raises(distribute.WorkerLost, match=sentence), distribute.losses_told(Cluster):
        raise tf.errors.UnavailableError(None, None, "/job:worker/task:1 and /job:worker/task:0")
