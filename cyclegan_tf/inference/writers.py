"""Writers of the formats that generators are exported in, one function for each row of `formats`.

Each takes a network, the path to write, the network's `Translation`, which the file will carry, and
images to find ranges of 8-bit numbers on.
"""

import zipfile

import tensorflow as tf

from cyclegan_tf.common.generator_metadata import ENTRY
from cyclegan_tf.inference.runtimes import INFORMATION, PROPERTY


def _graph(network):
    """The network as TensorFlow's graph, of open shapes and so with plain convolutions."""
    names = ("image", "noise")
    specifications = [
        tf.TensorSpec(x.shape, tf.float32, name=name)
        for x, name in zip(network.inputs, names, strict=False)
    ]

    @tf.function(input_signature=specifications, autograph=False)
    def translate(*arrays):
        y = network(list(arrays) if len(arrays) > 1 else arrays[0], training=False)
        return {"translation": tf.cast(y, tf.float32)}

    return translate.get_concrete_function()


def write_saved_model(network, path, translation, _):
    """TensorFlow's SavedModel, a folder."""
    module = tf.Module()
    module.numbers = [variable.value for variable in network.variables]  # without Keras's objects
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(path), signatures=_graph(network), options=options)
    (path / ENTRY).write_text(translation.to_json(), encoding="utf-8")


def write_onnx(network, path, translation, _):
    """ONNX, with named inputs and open sides."""
    import onnx

    network.export(str(path), format="onnx", verbose=False)
    model = onnx.load(str(path))
    graph = model.graph
    old, graph.output[0].name = graph.output[0].name, "translation"
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["translation" if name == old else name for name in names]
    for value in (*graph.input, *graph.output):
        sides = value.type.tensor_type.shape.dim
        for side, name in zip(sides, ("batch", "height", "width"), strict=False):
            if side.dim_param:
                side.dim_param = name
    entry = model.metadata_props.add()
    entry.key, entry.value = PROPERTY, translation.to_json()
    onnx.save(model, str(path))


def write_openvino(network, path, translation, _):
    """OpenVINO: an `.xml` and a `.bin` with the weights beside it."""
    import openvino

    frozen = path.with_name("frozen.pb")
    frozen.write_bytes(_without_variables(_graph(network)).graph.as_graph_def().SerializeToString())
    # By the runtime itself: the package's own converter reports its use to its makers.
    model = openvino.Core().read_model(frozen)
    for end in model.inputs:
        end.set_names({end.any_name.partition(":")[0]})
    model.outputs[0].set_names({"translation"})
    model.set_rt_info(translation.to_json(), INFORMATION)
    openvino.save_model(model, str(path), compress_to_fp16=False)
    del model
    frozen.unlink()


def write_tflite(network, path, translation, _):
    """TFLite in float32."""
    _convert(network, path, translation)


def write_tflite_int8(network, path, translation, _):
    """TFLite with weights of 8 bits, and products of 8-bit numbers scaled image by image."""
    _convert(network, path, translation, optimizations=[tf.lite.Optimize.DEFAULT])


def write_tflite_full_int8(network, path, translation, calibration):
    """TFLite with everything in 8 bits, by ranges found on images."""
    _convert(
        network,
        path,
        translation,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=lambda: (list(x) for x in calibration),
        target_spec=tf.lite.TargetSpec(supported_ops=[tf.lite.OpsSet.TFLITE_BUILTINS_INT8]),
    )


def _convert(network, path, translation, **settings):
    """Writes TFLite with the converter's `settings`; what it translates is appended as a zip."""
    graph = _without_variables(_graph(network))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([graph], tf.Module())
    for name, value in settings.items():
        setattr(converter, name, value)
    path.write_bytes(converter.convert())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(ENTRY, translation.to_json())


def _without_variables(graph):
    """The graph with constants for weights: with variables only TensorFlow can run the result."""
    from tensorflow.python.framework import convert_to_constants

    return convert_to_constants.convert_variables_to_constants_v2(graph)
