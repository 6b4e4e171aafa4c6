"""Responses: images of the kind that was asked for, alone or inside JSON."""

import base64
import io
import re
from pathlib import PurePosixPath

import flask

from cyclegan_tf.data.io.formats import FORMATS
from cyclegan_tf.inference.files import fit_for
from cyclegan_tf.serving.errors import ServiceError

#: Kinds of images in answers, by what `Accept` calls them.
KINDS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}
_SUFFIXES = {row.name: row.suffixes[0] for row in FORMATS if row.name in KINDS.values()}
_CHUNK = 2**18


def accepted():
    """What the client of the request at hand wants: a media type, or "*" for its image's kind.

    Raises:
        ServiceError: If it is none that there is.
    """
    accept = flask.request.accept_mimetypes
    named = [media for media, quality in accept if "*" not in media and quality > 0]
    best = accept.best_match([*KINDS, "application/json"]) if accept else None
    # A browser's form names kinds that it can show; it is not asking to have the image changed.
    if best in named and "text/html" not in named:
        return best
    if not accept or accept.quality("image/png") > 0:
        return "*"
    raise ServiceError(
        "not_acceptable",
        f"Accept must name one of {', '.join(KINDS)} or application/json.",
        "Accept",
    )


def encoded(translator, image, kind):
    """Bytes of an image and their media type; no EXIF, since none is passed on."""
    file = io.BytesIO()
    image = fit_for(translator.to_pil(image, eight_bit=kind != "PNG"), _SUFFIXES[kind])
    # Level 6, PNG's usual one, takes longer than the translation, for a tenth of the bytes.
    image.save(file, kind, quality=95, compress_level=3)
    return file.getbuffer(), next(media for media, known in KINDS.items() if known == kind)


def embedded(translator, image, kind):
    """An image inside JSON."""
    data, media = encoded(translator, image, kind)
    height, width = image.shape[:2]
    text = base64.b64encode(data).decode()
    return {"type": media, "width": width, "height": height, "data": text}


def in_chunks(data, media):
    """An answer that is taken from us no faster than the client takes it."""
    chunks = (bytes(data[i : i + _CHUNK]) for i in range(0, len(data), _CHUNK))
    answer = flask.Response(chunks, mimetype=media)
    answer.content_length = len(data)
    answer.vary.add("Accept")
    return answer


def of_image(translator, image, kind, name, version):
    """The answer that is an image, named as the client named its upload."""
    answer = in_chunks(*encoded(translator, image, kind))
    answer.headers["Content-Disposition"] = disposition(name, kind)
    answer.headers["X-Model-Version"] = version
    return answer


def disposition(name, kind):
    """The name of a download: the upload's own, harmless, with the suffix of what it is."""
    stem = PurePosixPath((name or "").replace("\\", "/")).stem
    stem = re.sub(r"[^\w .()-]", "_", stem, flags=re.ASCII).strip(" .")[:100] or "image"
    return f'inline; filename="{stem}{_SUFFIXES[kind]}"'
