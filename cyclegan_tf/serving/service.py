"""The HTTP service: what answers each address of the page and the API."""

import io
import re
import time

import flask
from PIL import Image
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.inference import hints
from cyclegan_tf.serving import openapi, responses, uploads
from cyclegan_tf.serving.errors import ServiceError
from cyclegan_tf.serving.limits import Limits
from cyclegan_tf.serving.monitoring import Monitor
from cyclegan_tf.serving.queue import Budget, Job, Workers

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=(), camera=(self)",
}
_STATUS = {404: "unknown_address", 405: "wrong_method", 413: "too_many_bytes"}


class Request(flask.Request):
    """A request whose uploads stay in memory: Werkzeug would write large ones to disk."""

    def _get_file_stream(self, *args, **kwargs):
        return io.BytesIO()


class Service:
    """Everything behind the addresses.

    Args:
        catalogue: `models.Catalogue`.
        limits: `Limits`.
        workers: Threads that translate.
        batch: Images that one of them takes at a time.
        log: Function that takes a sentence.
    """

    def __init__(self, catalogue, limits=None, workers=1, batch=8, log=print):
        self.catalogue, self.limits, self.log = catalogue, limits or Limits(), log
        self.workers = Workers(workers, batch)
        self.places = Budget(
            self.limits.queue, "Too many images wait already: try again in a moment."
        )
        self.pixels = Budget(
            self.limits.pixels, "Other large images take all memory: try again later."
        )
        self.monitor = Monitor(log, lambda: self.workers.waiting)
        self.stopping = False
        Image.init()  # formats are registered at the first image, and not by two threads at once
        self.monitor.models.set_function(lambda: sum(map(len, catalogue.models.values())))
        self.monitor.problems.set_function(lambda: len(catalogue.problems))

    def refresh(self):
        """Takes new versions of generators from the disk, and goes on with measuring them."""
        if self.catalogue.refresh():
            self.monitor.reloads.inc()
        self.catalogue.measure()

    def app(self):
        """The WSGI application, a `flask.Flask`."""
        app = flask.Flask(__name__, static_folder="page", static_url_path="/static")
        app.request_class = Request
        app.config["MAX_CONTENT_LENGTH"] = self.limits.bytes + 2**16  # the form around the file
        app.config["MAX_FORM_MEMORY_SIZE"] = 2**19
        app.config["MAX_FORM_PARTS"] = 16
        app.config["PROPAGATE_EXCEPTIONS"] = False
        app.json.sort_keys = False
        app.json.ensure_ascii = False
        for rule, name in openapi.ROUTES.items():
            method = "POST" if name == "translate" else "GET"
            app.add_url_rule(rule, name, getattr(self, name), methods=[method])
        app.before_request(self._begin)
        app.after_request(self._end)
        app.register_error_handler(Exception, self._failed)
        return app

    def page(self):
        """`GET /`."""
        return flask.current_app.send_static_file("index.html")

    def healthz(self):
        """`GET /healthz`."""
        status = "loading" if self.catalogue.loading else "ok"
        state = {
            "status": "stopping" if self.stopping else status,
            "models": len(self.catalogue.models),
            "measuring": [" ".join(key) for key in self.catalogue.waiting],
            "waiting": self.workers.waiting,
            "drifted": [" ".join(key) for key in list(self.monitor.drifted)],
        }
        return flask.jsonify(state), 200 if state["status"] == "ok" else 503

    def metrics(self):
        """`GET /metrics`."""
        return flask.Response(self.monitor.text(), content_type=self.monitor.content_type)

    def openapi(self):
        """`GET /openapi.json`."""
        return flask.jsonify(openapi.document(self.limits))

    def models(self):
        """`GET /models`."""
        limits = {
            name: getattr(self.limits, name)
            for name in ("bytes", "pixels", "side", "frames", "working", "seconds", "queue")
        }
        return flask.jsonify(
            {
                "models": self.catalogue.to_json(),
                "loading": self.catalogue.loading,
                "limits": limits,
                "formats": list(responses.KINDS),
            }
        )

    def example(self, model, direction, end):
        """`GET /models/<model>/<direction>/<source or target>.png`."""
        served = self.catalogue.models.get(model, {}).get(direction)
        file = served and dict(zip(("source", "target"), served.examples, strict=True)).get(end)
        if not file:
            raise ServiceError(
                "unknown_address", "There is no such example: GET /models lists them."
            )
        return flask.send_file(file, "image/png", max_age=60)

    def translate(self):
        """`POST /translate`."""
        asked = self._asked()
        flask.g.key = asked[0]
        leave = self.places.take(1)
        try:
            answer, give_back = self._translated(*asked)
        finally:
            leave()
        answer.call_on_close(give_back)
        return answer

    def _asked(self):
        """The fields of the form, checked."""
        if self.stopping:
            raise ServiceError("stopping", "The service is being stopped: try again.")
        request, fields = flask.request, flask.request.form
        files = request.files.getlist("file")
        if len(files) != 1:
            raise ServiceError(
                "missing_file",
                "The form must have one image as the part file (multipart/form-data), received "
                f"{len(files) or 'none'}.",
                "file",
            )
        loading, models = self.catalogue.loading, self.catalogue.models
        model = fields.get("model") or ("" if loading else next(iter(models)))
        if loading and model not in models:
            raise ServiceError("loading", "Models are being loaded: try again in a moment.")
        if model not in models:
            raise ServiceError(
                "unknown_model",
                f"There is no model {model[:80]!r}: GET /models lists those that there are.",
                "model",
            )
        direction = fields.get("direction") or next(iter(models[model]))
        if direction not in models[model]:
            raise ServiceError(
                "unknown_model",
                f"{model} translates {' and '.join(models[model])}, received {direction[:80]!r}.",
                "direction",
            )
        for name in ("cycle", "preview"):
            if fields.get(name, "0") not in ("0", "1", ""):
                raise ServiceError("bad_field", f"{name} must be 0 or 1.", name)
        options = {name: fields.get(name) == "1" for name in ("cycle", "preview")}
        options["hint"] = _hint_file(request, model, models[model][direction])
        options["seed"] = _whole(fields, "seed", 0, 2**31) or 0
        size = fields.get("size") or None
        options["size"] = size if size == "native" else _whole(fields, "size", 8, 16384)
        options["kind"] = responses.KINDS.get(f"image/{fields.get('format') or 'png'}")
        if options["kind"] is None:
            raise ServiceError("bad_field", "format must be png, jpeg or webp.", "format")
        served, back = models[model][direction], models[model].get(direction[::-1])
        return (model, direction), served, back, files[0], options

    def _translated(self, key, served, back, file, options):
        """The answer, and the function that gives its memory back."""
        until = time.monotonic() + self.limits.seconds
        accepted = responses.accepted()
        data = file.stream.getvalue()
        if len(data) > self.limits.bytes:
            raise ServiceError("too_many_bytes", _too_many_bytes(self.limits), "file")
        upload = uploads.look_at(data, self.limits)
        hint = self._look_at_hint(options["hint"], upload)
        pixels = upload.pixels + (0 if hint is None else hint.pixels)
        give_back = self.pixels.take(pixels, until - time.monotonic())
        try:
            image = upload.decode()
            self._bound_working(served, image, options)
            there = self._run(served, image, options, until, hint)
            flask.g.stages = {"waited": there.waited, "translated": there.took}
            drift = self._drift(key, served.translator, image)
            translated = served.translator, there.result
            if accepted != "application/json":
                # Without a wish that of the upload, if answers have it.
                own = upload.kind if upload.kind in responses.KINDS.values() else "PNG"
                kind = responses.KINDS.get(accepted, own)
                name, version = file.filename, served.version
                return responses.of_image(*translated, kind, name, version), give_back
            cycled = None
            if options["cycle"] and back is not None:
                cycled = back.translator, self._run(back, there.result, options, until).result
            about, kind = served.translator.translation, options["kind"]
            answer = {
                "model": key[0],
                "direction": key[1],
                "source": about.source,
                "target": about.target,
                "version": served.version,
                "runtime": served.translator.runtime,
                "name": file.filename or "",
                "picture": responses.embedded(*translated, kind),
                "cycled": cycled and responses.embedded(*cycled, kind),
                "preview": responses.embedded(served.translator, image, kind)
                if options["preview"]
                else None,
                "milliseconds": {k: round(1e3 * v, 1) for k, v in flask.g.stages.items()},
                "likeness": drift,
                "notes": _notes(upload, options, back),
            }
            return responses.in_chunks(
                flask.json.dumps(answer).encode(), "application/json"
            ), give_back
        except BaseException:
            give_back()
            raise

    def _look_at_hint(self, file, image):
        """The upload of a hint, which fits beside that of its image; None where there is none."""
        if file is None:
            return None
        data, limits = file.stream.getvalue(), self.limits
        if len(image.data) + len(data) > limits.bytes:
            raise ServiceError(
                "too_many_bytes",
                f"The image and its hint have {len(image.data) + len(data):,} bytes together, and "
                f"{limits.bytes:,} are accepted: make them smaller.",
                "hint",
            )
        hint = uploads.look_at(data, limits, "hint")
        if hint.several:
            raise ServiceError(
                "too_many_frames",
                "The hint has several frames: save the one that you want alone.",
                "hint",
            )
        if image.pixels + hint.pixels > limits.pixels:
            raise ServiceError(
                "too_many_pixels",
                f"The image and its hint have {image.pixels + hint.pixels:,} pixels together, and "
                f"{limits.pixels:,} are accepted: make both smaller.",
                "hint",
            )
        return hint

    def _run(self, served, image, options, until, hint=None):
        if hint is not None:  # unpacked here, so that nothing holds it when the job is done
            hint = _unpacked(hint, image, served.translator)
        job = Job(served.translator, image, options["size"], options["seed"], hint)
        self.workers.run(job, until - time.monotonic())
        return job

    def _bound_working(self, served, image, options):
        """Chooses the size at which the network works where nobody else does."""
        if served.file is None:  # the pencil, which costs little at any size
            return
        shape, most = image.shape[:2], self.limits.working
        height, width = served.translator.input_size(shape, options["size"])
        if height * width <= most:
            return
        if options["size"] is None:  # nor does the generator say what it was trained at
            side = int(min(shape) * (most / (height * width)) ** 0.5)
            options["size"] = max(8, side - served.translator.multiple)
            height, width = served.translator.input_size(shape, options["size"])
        if height * width > most:
            raise ServiceError(
                "too_many_pixels",
                f"The network would work at {width}x{height} pixels, and {most:,} are accepted: "
                "give a smaller size.",
                "size",
            )

    def _drift(self, key, translator, image):
        distance = translator.drift(image)
        if distance is None:
            return None
        alarm = translator.translation.likeness["alarm"]
        self.monitor.record(*key, distance, alarm)
        return {"distance": round(distance, 3), "alarm": alarm, "unusual": distance > alarm}

    def _begin(self):
        flask.g.began = time.monotonic()

    def _end(self, answer):
        answer.headers.update(_HEADERS)
        route = flask.request.url_rule.rule if flask.request.url_rule else "unknown"
        if flask.request.endpoint in ("translate", "models", "healthz", "metrics"):
            answer.headers["Cache-Control"] = "no-store"
        seconds = time.monotonic() - flask.g.get("began", time.monotonic())
        self.monitor.answers.labels(route, answer.status_code).inc()
        outcome = flask.g.get("outcome", "done")
        if key := flask.g.get("key"):
            self.monitor.translations.labels(*key, outcome).inc()
            for stage, value in {**flask.g.get("stages", {}), "all": seconds}.items():
                self.monitor.seconds.labels(*key, stage).observe(value)
        # Names of routes, models and codes are ours: no word of a client comes into the log.
        about = " ".join(key) if key else ""
        self.log(
            f"{flask.request.endpoint or 'unknown'} {answer.status_code} {outcome} "
            f"{1e3 * seconds:.0f} ms {about}".rstrip()
        )
        return answer

    def _failed(self, error):
        """One answer for every exception, in JSON."""
        if isinstance(error, InputError):
            error = ServiceError("unusable_picture", str(error), "file")
        elif isinstance(error, RequestEntityTooLarge):
            error = ServiceError("too_many_bytes", _too_many_bytes(self.limits), "file")
        elif isinstance(error, HTTPException):
            if error.code is not None and error.code < 400:
                return error
            code = _STATUS.get(error.code, "bad_request")
            error = ServiceError(code, _SENTENCES.get(code, "The request cannot be read."))
        elif not isinstance(error, ServiceError):
            self.log(f"unforeseen {type(error).__name__}")
            error = ServiceError("unforeseen", "Something went wrong on our side: try again later.")
        flask.g.outcome = error.code
        answer = flask.jsonify(error.to_json())
        answer.status_code = error.status
        if error.retry_after:
            answer.headers["Retry-After"] = str(error.retry_after)
        return answer


_SENTENCES = {
    "unknown_address": "There is nothing at this address: GET /openapi.json lists what there is.",
    "wrong_method": "This address does not know this method: GET /openapi.json says which.",
    "bad_request": "The request cannot be read as a form: send multipart/form-data.",
}


def _too_many_bytes(limits):
    return f"The file is larger than the {limits.bytes:,} bytes that are accepted: make it smaller."


def _hint_file(request, model, served):
    """The part with the hint, or None."""
    files = request.files.getlist("hint")
    if not files and "hint" not in request.form:
        return None
    if len(files) != 1:
        raise ServiceError(
            "bad_field",
            f"hint must be one image, received {len(files) or 'text'}: send it as a file.",
            "hint",
        )
    if not served.translator.takes_hints:
        raise ServiceError(
            "bad_field",
            f"{model} takes no hint: leave it out, or choose a model whose hints is true in GET "
            "/models.",
            "hint",
        )
    return files[0]


def _unpacked(upload, image, translator):
    """The hint of an image, checked."""
    hint = upload.decode()
    try:
        hints.check(hint, image.shape[:2], translator.channels[1])
    except InputError as error:
        raise ServiceError("unusable_picture", str(error), "hint") from error
    return hint


def _whole(fields, name, least, most):
    """A field that is a whole number, or None."""
    text = fields.get(name) or None
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,10}", text) or not least <= int(text) <= most:
        native = ' or "native"' if name == "size" else ""
        raise ServiceError(
            "bad_field", f"{name} must be a whole number from {least} to {most}{native}.", name
        )
    return int(text)


def _notes(upload, options, back):
    notes = []
    if upload.several:
        notes.append("The file has several frames: the first was translated.")
    if options["cycle"] and back is None:
        notes.append("There is no way back, so there is no cycled image.")
    return notes
