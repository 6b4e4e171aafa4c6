"""The OpenAPI document, and the addresses that it is about."""

from importlib.metadata import PackageNotFoundError, version

from cyclegan_tf.data.io import formats
from cyclegan_tf.serving.errors import STATUS

#: Every address with the name of what answers.
ROUTES = {
    "/": "page",
    "/models": "models",
    "/models/<path:model>/<any(ab,ba):direction>/<any(source,target):end>.png": "example",
    "/translate": "translate",
    "/healthz": "healthz",
    "/metrics": "metrics",
    "/openapi.json": "openapi",
}


def document(limits):
    """The OpenAPI 3.1 document.

    Args:
        limits: `Limits`, named where they apply.

    Returns:
        Dictionary for JSON.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "cyclegan_tf",
            "version": _version(),
            "description": "Translates images with trained generators. Nothing is kept.",
        },
        "paths": {
            "/": {"get": {"summary": "The upload page.", "responses": {"200": _text("html")}}},
            "/models": {"get": _answers("The models that are served.", _MODELS)},
            "/models/{model}/{direction}/{end}.png": {
                "get": {
                    "summary": "An example image of a domain.",
                    "parameters": [
                        _parameter("model", {"type": "string"}),
                        _parameter("direction", _DIRECTION),
                        _parameter("end", {"type": "string", "enum": ["source", "target"]}),
                    ],
                    "responses": {"200": {"description": "PNG", "content": _PNG}, "404": _ERROR},
                }
            },
            "/translate": {"post": _translate(limits)},
            "/healthz": {
                "get": {
                    **_answers("Whether the service takes requests.", _HEALTH),
                    "responses": {
                        "200": _json(_HEALTH),
                        "503": _json(_HEALTH, "loading or stopping"),
                    },
                }
            },
            "/metrics": {"get": {"summary": "Prometheus.", "responses": {"200": _text("plain")}}},
            "/openapi.json": {"get": _answers("This document.", {"type": "object"})},
        },
        "components": {"schemas": {"Error": _ERROR_SCHEMA}},
    }


def _translate(limits):
    fields = {
        "file": {
            "type": "string",
            "contentMediaType": "image/*",
            "description": f"An image ({', '.join(formats.PILLOW)}) of at most {limits.bytes} "
            f"bytes, {limits.pixels} pixels, {limits.side} along a side, {limits.frames} frames.",
        },
        "hint": {
            "type": "string",
            "contentMediaType": "image/*",
            "description": "Colours that are wanted in the result: an image as large as file, "
            "transparent where nothing is wished. For models whose hints is true in /models. Both "
            "together are within the limits of bytes and pixels of file.",
        },
        "model": {"type": "string", "description": "An id of /models; the first by default."},
        "direction": _DIRECTION,
        "cycle": {**_FLAG, "description": "1: translate back as well (JSON only)."},
        "preview": {**_FLAG, "description": "1: also the upload, upright, 8-bit (JSON only)."},
        "format": {
            "type": "string",
            "enum": ["png", "jpeg", "webp"],
            "default": "png",
            "description": "Of the images inside JSON.",
        },
        "size": {
            "description": "Shorter side in pixels at which the network works, or native; by "
            f"default that of training. At most {limits.working} pixels in all.",
            "oneOf": [
                {"type": "integer", "minimum": 8, "maximum": 16384},
                {"type": "string", "const": "native"},
            ],
        },
        "seed": {"type": "integer", "minimum": 0, "description": "Which of several translations."},
    }
    form = {"type": "object", "required": ["file"], "properties": fields}
    image = {"schema": {"type": "string", "contentMediaType": "image/*"}}
    kinds = {media: image for media in ("image/png", "image/jpeg", "image/webp")}
    codes = sorted({status for status in STATUS.values()})
    return {
        "summary": "Translates an image, at its own size.",
        "description": "The answer is an image or JSON, as Accept asks; without a wish an image "
        "of the upload's own kind. Errors are JSON with one of the codes "
        f"{', '.join(STATUS)}.",
        "requestBody": {
            "required": True,
            "content": {"multipart/form-data": {"schema": form}},
        },
        "responses": {
            "200": {
                "description": "The translation.",
                "content": {**kinds, "application/json": {"schema": _TRANSLATION}},
            },
            **{str(code): _ERROR for code in codes},
        },
    }


def _object(**properties):
    return {"type": "object", "required": list(properties), "properties": properties}


def _or_null(schema):
    return {"oneOf": [schema, {"type": "null"}]}


def _json(schema, description="done"):
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _answers(summary, schema):
    return {"summary": summary, "responses": {"200": _json(schema)}}


def _text(kind):
    return {"description": kind, "content": {f"text/{kind}": {"schema": {"type": "string"}}}}


def _parameter(name, schema):
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _version():
    try:
        return version("cyclegan_tf")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "0"


_STRING, _WHOLE, _NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
_FLAG = {"type": "string", "enum": ["0", "1"], "default": "0"}
_DIRECTION = {"type": "string", "enum": ["ab", "ba"]}
_PNG = {"image/png": {"schema": {"type": "string", "contentMediaType": "image/png"}}}
_ERROR_SCHEMA = _object(
    error=_object(
        code={"type": "string", "enum": list(STATUS)}, message=_STRING, argument=_or_null(_STRING)
    )
)
_ERROR = {
    "description": "What was wrong, in a sentence.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
}
_MODELS = _object(
    models={
        "type": "array",
        "items": _object(
            id=_STRING,
            directions={
                "type": "array",
                "items": _object(
                    direction=_DIRECTION,
                    source=_STRING,
                    target=_STRING,
                    title=_STRING,
                    note=_STRING,
                    size=_or_null({"type": "array", "items": _WHOLE}),
                    epoch=_or_null(_WHOLE),
                    version=_STRING,
                    runtime=_STRING,
                    cycles={"type": "boolean"},
                    hints={"type": "boolean"},
                    examples=_object(source=_or_null(_STRING), target=_or_null(_STRING)),
                ),
            },
        ),
    },
    loading={"type": "boolean"},
    limits={"type": "object", "additionalProperties": _WHOLE},
    formats={"type": "array", "items": _STRING},
)
_HEALTH = _object(
    status={"type": "string", "enum": ["loading", "ok", "stopping"]},
    models=_WHOLE,
    measuring={"type": "array", "items": _STRING},
    waiting=_WHOLE,
    drifted={"type": "array", "items": _STRING},
)
_IMAGE = _object(type=_STRING, width=_WHOLE, height=_WHOLE, data=_STRING)
_TRANSLATION = _object(
    model=_STRING,
    direction=_DIRECTION,
    source=_STRING,
    target=_STRING,
    version=_STRING,
    runtime=_STRING,
    name=_STRING,
    picture=_IMAGE,
    cycled=_or_null(_IMAGE),
    preview=_or_null(_IMAGE),
    milliseconds=_object(waited=_NUMBER, translated=_NUMBER),
    likeness=_or_null(_object(distance=_NUMBER, alarm=_NUMBER, unusual={"type": "boolean"})),
    notes={"type": "array", "items": _STRING},
)
