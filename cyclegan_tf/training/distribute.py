"""Data parallelism: devices of one machine or of several, and what their replicas share.

A replica is one copy of the model on one device; it trains on its part of each batch. A worker
is one process, of which every machine runs one; worker 0 is the chief, and alone writes.
"""

import contextlib
import json
import os
import re
import socket

import tensorflow as tf

from cyclegan_tf.common.errors import InputError


class WorkerLost(ConnectionError):
    """Another worker of the run has ended, and this one cannot go on without it."""


def strategy(count=1):
    """Makes the strategy that a recipe takes, for this machine or for those of `TF_CONFIG`.

    Where the environment variable `TF_CONFIG` names several workers, this waits for all of them.
    Call it before TensorFlow's first operation where there are several, or no GPU.

    Args:
        count: Number of devices of this machine (of each machine): GPUs, or, where there is none,
            logical CPUs, which are no faster than one and show how several work. "all" is every
            GPU.

    Returns:
        `tf.distribute.MultiWorkerMirroredStrategy`, `tf.distribute.MirroredStrategy`, or None for
        one device of one machine.

    Raises:
        InputError: If there are not so many devices, or `TF_CONFIG` cannot be used.
    """
    gpus = len(tf.config.list_physical_devices("GPU"))
    if count == "all":
        count = max(gpus, 1)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InputError(
            f'devices must be a whole number of at least 1, or "all", received {count!r}.'
        )
    if gpus and count > gpus:
        raise InputError(f"devices must be at most {gpus}, the GPUs of this machine, not {count}.")
    addresses, number = _cluster()
    if len(addresses) > 1:
        if count > 1 and not gpus:
            raise InputError(
                f"devices must be 1 where several workers have no GPU, received {count}: "
                "a worker has one CPU."
            )
        return _of_several_workers(addresses, number, count if gpus else 0)
    if count == 1:
        return None
    if not gpus:
        _split_cpu(count)
    return tf.distribute.MirroredStrategy([f"{'GPU' if gpus else 'CPU'}:{i}" for i in range(count)])


def outside_of_scope(strategy):
    """The strategy in whose scope networks are to be made, that of one device for None.

    Raises:
        InputError: If this is called within a scope, where a model must not be made.
    """
    if tf.distribute.has_strategy():
        raise InputError(
            "The model must be made outside of strategy.scope(): give strategy= instead."
        )
    return tf.distribute.get_strategy() if strategy is None else strategy


def _cluster():
    """The workers' addresses in `TF_CONFIG`, and which of them this process is."""
    text = os.environ.get("TF_CONFIG", "").strip()
    if not text:
        return [], 0
    example = '{"cluster": {"worker": ["host1:2222", "host2:2222"]}, "task": {"type": "worker", '
    example += '"index": 0}}'
    wrong = f"must be JSON such as {example}"
    try:
        config = json.loads(text)
    except ValueError:
        raise InputError(f"TF_CONFIG {wrong}, received {text[:80]!r}.") from None
    cluster = config.get("cluster") if isinstance(config, dict) else None
    if not cluster:
        return [], 0  # as some hosts set it for a single machine
    task = config.get("task")
    if not isinstance(task, dict) or "type" not in task or "index" not in task:
        raise InputError(f"TF_CONFIG {wrong}: it does not say which task this process is.")
    if not isinstance(cluster, dict) or not set(cluster) <= {"chief", "worker"}:
        raise InputError(f'TF_CONFIG {wrong}: its "cluster" may have "worker" (and "chief") alone.')
    addresses = [address for kind in ("chief", "worker") for address in cluster.get(kind, [])]
    for address in addresses:
        host, _, port = str(address).rpartition(":")
        if not host or not port.isdecimal() or addresses.count(address) > 1:
            raise InputError(
                f"TF_CONFIG must give each worker a host:port of its own, received {address!r}."
            )
    kind, index = task["type"], task["index"]
    known = kind in cluster and isinstance(index, int) and 0 <= index < len(cluster[kind])
    if not known:
        raise InputError(
            f"TF_CONFIG must give this process a task of its cluster, received {kind!r} {index!r}: "
            f"there are {len(addresses)}, counted from 0."
        )
    return addresses, index + (len(cluster.get("chief", [])) if kind == "worker" else 0)


def _of_several_workers(addresses, number, gpus):
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec({"worker": addresses}),
        task_type="worker",
        task_id=number,
        num_accelerators={"GPU": gpus},
        rpc_layer="grpc",
    )
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    except RuntimeError as error:  # TensorFlow has begun its work without them
        raise InputError(
            "devices.strategy must be called before TensorFlow's first operation where there are "
            "several workers: restart, and call it first."
        ) from error
    except tf.errors.OpError as error:
        raise InputError(
            f"Worker {number} cannot be reached at {addresses[number]} or cannot reach the others "
            f"({_line(error)}): see that TF_CONFIG names free ports of the right machines."
        ) from error


def _split_cpu(count):
    cpu = tf.config.list_physical_devices("CPU")[0]
    if len(tf.config.get_logical_device_configuration(cpu) or [cpu]) >= count:
        return
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * count
        )
    except RuntimeError as error:  # TensorFlow has begun its work with fewer
        raise InputError(
            f"devices.strategy({count}) must be called before TensorFlow's first operation where "
            "there is no GPU: restart, and call it first."
        ) from error


# --- replicas ------------------------------------------------------------------------------


def of_all_replicas(tensor):
    """Joins the tensors of all replicas along their first axis, in the replicas' order.

    Called by every replica at the same point of the step, outside of what XLA compiles.

    Args:
        tensor: `(n, ...)`, of one shape on every replica.

    Returns:
        `(replicas * n, ...)`, the same on every replica; `tensor` itself where there is one.
    """
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    if replicas == 1:
        return tensor
    # A sum in which each place has one summand: exact, and in an order of our own.
    number = tf.convert_to_tensor(context.replica_id_in_sync_group)
    placed = tf.scatter_nd([[number]], tensor[None], (replicas, *tensor.shape))
    joined = context.all_reduce(tf.distribute.ReduceOp.SUM, placed)
    return tf.reshape(joined, (-1, *tensor.shape[1:]))


def part_of_replica(tensor):
    """The part of `of_all_replicas`'s result that belongs to the replica that calls."""
    context = tf.distribute.get_replica_context()
    count = tensor.shape[0] // context.num_replicas_in_sync
    first = tf.convert_to_tensor(context.replica_id_in_sync_group) * count
    return tensor if count == tensor.shape[0] else tensor[first : first + count]


# --- workers -------------------------------------------------------------------------------


def workers(strategy):
    """The addresses of all workers; of a single one, which has none, a list of None."""
    resolver = strategy.cluster_resolver
    return [None] if resolver is None else resolver.cluster_spec().job_tasks("worker")


def is_chief(strategy):
    """Whether this process is the one that writes."""
    resolver = strategy.cluster_resolver
    return resolver is None or resolver.task_id == 0


def shared(strategy, number):
    """Tells all workers a whole number, and returns those of all of them, the chief's first.

    Every worker must call it at the same point of the run, outside of a step.
    """
    count = len(workers(strategy))
    if count == 1:
        return [number]

    numbers = _of_every_replica(strategy, tf.constant(float(number)))
    return [int(n) for n in numbers[:: strategy.num_replicas_in_sync // count]]


@tf.function(autograph=False)
def _of_every_replica(strategy, number):
    def placed():
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        return tf.scatter_nd([[replica]], [number], (strategy.num_replicas_in_sync,))

    return strategy.reduce(tf.distribute.ReduceOp.SUM, strategy.run(placed), axis=None)


def of_chief(strategy, *numbers):
    """Returns the chief's whole numbers, in place of those that this worker gives."""
    return [shared(strategy, number)[0] for number in numbers]


@contextlib.contextmanager
def together(strategy):
    """Runs a block that may raise InputError on any worker; then all of them raise one."""
    problem = None
    try:
        yield
    except InputError as error:
        problem = error
    refused = [i for i, no in enumerate(shared(strategy, problem is not None)) if no]
    if problem:
        raise problem
    if refused:
        raise InputError(f"Worker {refused[0]} could not go on: its own message says why.")


@contextlib.contextmanager
def losses_told(strategy):
    """Runs a block, and raises WorkerLost if it fails because another worker has ended."""
    try:
        yield
    except tf.errors.OpError as error:
        addresses = [] if strategy is None else workers(strategy)
        gone = [i for i, address in enumerate(addresses) if not _answers(address)]
        if len(addresses) > 1 and not gone and isinstance(error, tf.errors.UnavailableError):
            # A frozen one still takes a connection: TensorFlow knows it by its heartbeat.
            own = strategy.cluster_resolver.task_id
            gone = sorted({int(i) for i in re.findall(r"/task:(\d+)", str(error))} - {own})
        if not gone:
            raise
        named = " and ".join(f"worker {i} ({addresses[i]})" for i in gone)
        raise WorkerLost(
            f"No answer from {named}: start all workers again with the same command; "
            "the run goes on from the last finished epoch."
        ) from error


def _answers(address):
    if address is None:
        return True
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


def _line(error):
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
