"""The HTTP API, asked through Flask's own client; networks are toys whose answers are known."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import statistics
from cyclegan_tf.serving import openapi
from cyclegan_tf.serving.errors import STATUS
from cyclegan_tf.serving.limits import Limits
from cyclegan_tf.serving.models import Catalogue
from cyclegan_tf.serving.service import Service
from support.service import (
    Coloured,
    Invert,
    decoded,
    encoded,
    error_of,
    hint,
    loader,
    make_image,
    make_service,
    post,
    put,
)


@pytest.fixture
def service(tmp_path):
    return make_service(tmp_path)


@pytest.fixture
def client(service):
    return service.app().test_client()


def test_an_image_comes_back_translated_at_its_own_size(client):
    image = make_image()
    answer = post(client, encoded(image), "image/png")
    assert answer.status_code == 200 and answer.mimetype == "image/png"
    np.testing.assert_array_equal(decoded(answer), 255 - image)
    assert int(answer.headers["Content-Length"]) == len(answer.data)


@pytest.mark.parametrize(
    ("accept", "sent", "kind"),
    [
        ("image/jpeg", "PNG", "JPEG"),
        ("image/webp", "PNG", "WEBP"),
        ("*/*", "JPEG", "JPEG"),
        ("image/*", "WEBP", "WEBP"),
        (None, "BMP", "PNG"),
        ("text/html,image/webp,*/*;q=0.8", "JPEG", "JPEG"),
        ("image/webp,*/*;q=0.8", "PNG", "WEBP"),
        ("image/png;q=0.1, image/jpeg", "PNG", "JPEG"),
    ],
)
def test_the_kind_is_what_accept_asks_for_or_that_of_the_upload(client, accept, sent, kind):
    smooth = np.linspace(0, 255, 32).astype("uint8")[None, :, None].repeat(24, 0).repeat(3, 2)
    answer = post(client, encoded(smooth, sent, quality=95), accept, name="holiday.bmp")
    image = Image.open(io.BytesIO(answer.data))
    assert (image.format, image.size) == (kind, (32, 24))
    assert np.abs(np.asarray(image).astype(int) - (255 - smooth)).mean() < 3
    suffix = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}[kind]
    assert answer.headers["Content-Disposition"] == f'inline; filename="holiday.{suffix}"'


def test_json_has_everything(client):
    image = make_image()
    answer = post(client, encoded(image), preview="1", cycle="1").json
    assert answer["picture"]["type"] == "image/png"
    assert (answer["picture"]["width"], answer["picture"]["height"]) == (17, 12)

    def pixels(name):
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(answer[name]["data"]))))

    np.testing.assert_array_equal(pixels("picture"), 255 - image)
    np.testing.assert_array_equal(pixels("preview"), image)
    assert answer["cycled"] is None and len(answer["notes"]) == 1  # there is no way back
    kept = ("model", "direction", "source", "target", "runtime", "name")
    assert [answer[name] for name in kept] == ["run", "ab", "day", "night", "toy", "face.png"]
    assert answer["likeness"] is None and answer["milliseconds"]["translated"] >= 0


def test_the_cycled_image_comes_from_the_way_back(tmp_path):
    (tmp_path / "run").mkdir()
    put(tmp_path).with_name("gen_ba.keras").write_text('{"source": "night", "target": "day"}')
    service = make_service(tmp_path)
    image = make_image()
    answer = post(service.app().test_client(), encoded(image), cycle="1").json
    back = Image.open(io.BytesIO(base64.b64decode(answer["cycled"]["data"])))
    np.testing.assert_array_equal(np.asarray(back), image)


def test_a_hint_says_which_colours_are_wanted(tmp_path):
    client = make_service(tmp_path, Coloured()).app().test_client()
    run, *others = client.get("/models").json["models"]
    assert run["directions"][0]["hints"]
    assert {m["id"]: m["directions"][0]["hints"] for m in others}["pencil"] is False
    image = encoded(make_image())
    for colour in ((200, 40, 60), (30, 90, 240)):
        answer = post(client, image, "image/png", hint=hint(colour))
        np.testing.assert_allclose(decoded(answer)[6, 8], colour, atol=10)
    plain = decoded(post(client, image, "image/png", hint=hint((9, 9, 9)), cycle="1"))
    assert plain.shape == (12, 17, 3)


def test_a_hint_that_cannot_be_used_is_named(tmp_path):
    limits = Limits(bytes=3000, pixels=500, side=60, frames=3)
    service = make_service(tmp_path, Coloured(), limits=limits)
    client, image = service.app().test_client(), encoded(make_image())
    frames = [Image.fromarray(make_image(channels=4, seed=i)) for i in range(2)]
    several = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    opaque = encoded(make_image())
    empty = encoded(np.zeros((12, 17, 4), "uint8"))
    expected = [
        (opaque, {}, "unusable_picture", "must be transparent where nothing is painted"),
        (empty, {}, "unusable_picture", "hint has nothing painted in it"),
        (
            hint((9, 9, 9), 17, 12)[0].getvalue(),
            {},
            "unusable_picture",
            "as large as the image, 17",
        ),
        (hint((9, 9, 9))[0].getvalue()[:-30], {}, "unusable_picture", "The hint"),
        (several, {}, "too_many_frames", "The hint has several frames"),
        (b"", {}, "no_picture", "The hint is empty"),
        (b"no image at all", {}, "no_picture", "The hint is no PNG"),
        (hint((9, 9, 9), 30, 30)[0].getvalue(), {}, "too_many_pixels", "The hint has 30x30 pixels"),
        (hint((9, 9, 9), 18, 17)[0].getvalue(), {}, "too_many_pixels", "have 510 pixels together"),
        (bytes(2500), {}, "too_many_bytes", "bytes together, and 3,000 are accepted"),
        (hint((9, 9, 9))[0].getvalue(), {"model": "pencil"}, "bad_field", "pencil takes no hint"),
    ]
    for data, fields, code, said in expected:
        answer = post(client, image, hint=(io.BytesIO(data), "hint.png"), **fields)
        assert (error_of(answer), answer.json["error"]["argument"]) == (code, "hint"), answer.text
        assert said in answer.json["error"]["message"]
        assert answer.status_code == STATUS[code] < 500
    for wrong in ("text", [hint((9, 9, 9)), hint((9, 9, 9))]):
        answer = post(client, image, hint=wrong)
        assert error_of(answer) == "bad_field" and "hint must be one image" in answer.text
    assert service.pixels.held == 0


def test_models_are_listed_with_their_limits(client):
    found = client.get("/models").json
    run, *built_in = found["models"]
    assert run["id"] == "run" and run["directions"][0]["title"] == "day → night"
    assert "pencil" in [model["id"] for model in built_in]
    assert found["limits"]["bytes"] == Limits().bytes


def test_the_pencil_draws_what_the_function_draws(client):
    from cyclegan_tf.data.synthetic.sketch import sketch

    image = make_image(40, 56)
    answer = post(client, encoded(image), "image/png", model="pencil")
    np.testing.assert_array_equal(decoded(answer), sketch(image)[..., 0])


def on_white(image):
    opacity = image[..., 3:] / 255
    return image[..., :3] * opacity + 255 * (1 - opacity)


def test_transparency_and_sixteen_bits_come_through(client):
    image = make_image(channels=4)
    result = decoded(post(client, encoded(image), "image/png"))
    np.testing.assert_array_equal(result[..., 3], image[..., 3])
    # On white it is the opposite of the image on white, as far as its transparency allows.
    expected = np.maximum(255 - on_white(image), 255 - image[..., 3:])
    assert np.abs(on_white(result) - expected).max() <= 1.5
    assert decoded(post(client, encoded(image), "image/jpeg")).shape == (12, 17, 3)
    wide = (np.arange(12 * 17).reshape(12, 17) * 300).astype("uint16")
    result = decoded(post(client, encoded(wide), "image/png"))
    assert np.abs(result[..., 0] - (255 - wide / 257)).max() <= 1


def test_exif_turns_the_image_upright_and_is_dropped(client):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera's name"
    sent = encoded(make_image(), "JPEG", exif=exif, quality=95)
    assert b"a camera's name" in sent
    for accept in ("image/jpeg", "image/png", "image/webp"):
        answer = post(client, sent, accept)
        result = Image.open(io.BytesIO(answer.data))
        assert result.size == (12, 17) and not dict(result.getexif())
        assert b"camera" not in answer.data


def test_of_several_frames_the_first_is_translated(client):
    frames = [Image.fromarray(make_image(seed=seed)) for seed in range(3)]
    data = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    answer = post(client, data).json
    result = Image.open(io.BytesIO(base64.b64decode(answer["picture"]["data"])))
    np.testing.assert_array_equal(np.asarray(result), 255 - make_image(seed=0))
    assert answer["notes"] == ["The file has several frames: the first was translated."]


def test_every_refusal_has_its_code_and_says_what_to_do(tmp_path):
    limits = Limits(bytes=4000, pixels=900, side=60, frames=3, working=500)
    client = make_service(tmp_path, limits=limits).app().test_client()
    small = encoded(make_image(4, 4))
    frames = [Image.fromarray(make_image(4, 4, seed=seed)) for seed in range(4)]
    many = encoded(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    wide = encoded(np.zeros((2, 61, 3), "uint8"))
    scans = encoded(make_image(8, 8), "JPEG") + b"\xff\xda" * 101
    expected = [
        (client.get("/nothing"), "unknown_address"),
        (client.get("/models/run/ab/source.png"), "unknown_address"),
        (client.get("/models/../etc/ab/source.png"), "unknown_address"),
        (client.get("/translate"), "wrong_method"),
        (client.post("/models"), "wrong_method"),
        (client.post("/translate"), "missing_file"),
        (client.post("/translate", data={"file": "text"}), "missing_file"),
        (client.post("/translate", data=b"x", content_type="multipart/form-data"), "missing_file"),
        (post(client, small, model="../../etc/passwd"), "unknown_model"),
        (post(client, small, direction="ba"), "unknown_model"),
        (post(client, small, seed="-1"), "bad_field"),
        (post(client, small, seed="1e3"), "bad_field"),
        (post(client, small, size="7"), "bad_field"),
        (post(client, small, cycle="yes"), "bad_field"),
        (post(client, small, format="gif"), "bad_field"),
        (post(client, small, "text/html"), "not_acceptable"),
        (post(client, small, "image/gif"), "not_acceptable"),
        (post(client, b""), "no_picture"),
        (post(client, b"GIF89a" + bytes(100)), "no_picture"),
        (post(client, b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "no_picture"),
        (post(client, encoded(make_image(40, 40))), "too_many_bytes"),
        (post(client, bytes(200_000)), "too_many_bytes"),
        (post(client, encoded(np.zeros((31, 30), "uint8"))), "too_many_pixels"),
        (post(client, wide), "too_many_pixels"),
        (post(client, small, size="native"), None),
        (post(client, small, size="50"), "too_many_pixels"),
        (post(client, many), "too_many_frames"),
        (post(client, encoded(make_image(20, 20))[:-600]), "unusable_picture"),
        (post(client, scans), "unusable_picture"),
    ]
    for answer, code in expected:
        if code is None:
            assert answer.status_code == 200
            continue
        assert error_of(answer) == code, answer.text
        assert answer.status_code == STATUS[code] < 500


def test_where_nobody_says_at_which_size_the_limit_does(tmp_path):
    network = Invert()
    limits = Limits(working=900)
    client = make_service(tmp_path, network, limits=limits).app().test_client()
    shapes = []
    network.seen = shapes.append
    image = np.full((60, 80, 3), 40, "uint8")
    answer = post(client, encoded(image), "image/png")
    np.testing.assert_array_equal(decoded(answer), 255 - image)
    ((height, width),) = shapes
    assert 200 < height * width <= 900 and abs(width / height - 4 / 3) < 0.2
    assert error_of(post(client, encoded(image), size="native")) == "too_many_pixels"
    assert post(client, encoded(image), model="pencil").status_code == 200


def test_limits_are_numbers():
    with pytest.raises(InputError, match="pixels must be a whole number of at least 1, received 0"):
        Limits(pixels=0)


def test_every_answer_has_the_headers_that_protect(client):
    for answer in (client.get("/models"), client.get("/nothing"), post(client, b"x")):
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "unsafe" not in answer.headers["Content-Security-Policy"]
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a\r\nSet-Cookie: x=1.png", 'x".png', "<script>.png", "\u202egnp.exe", ""],
)
def test_a_name_from_a_client_reaches_no_path_header_or_log(tmp_path, name):
    log = []
    client = make_service(tmp_path / "models", log=log).app().test_client()
    before = sorted(tmp_path.rglob("*"))
    answer = post(client, encoded(make_image()), "image/png", name=name or "x")
    if "\n" in name:
        assert error_of(answer) in ("missing_file", "bad_request")  # such a form is none
    else:
        assert answer.status_code == 200
        header = answer.headers["Content-Disposition"]
        assert not set(header) & set("\r\n<>/\\\u202e") and header.count('"') == 2
    assert "Set-Cookie" not in answer.headers
    assert sorted(tmp_path.rglob("*")) == before
    assert not [line for line in log if "passwd" in line or "script" in line or "\n" in line]


def test_uploads_are_never_written_to_disk(client, monkeypatch):
    import tempfile

    def forbidden(*args, **kwargs):
        raise AssertionError("a temporary file was made")

    for name in ("TemporaryFile", "NamedTemporaryFile", "SpooledTemporaryFile", "mkstemp"):
        monkeypatch.setattr(tempfile, name, forbidden)
    large = encoded(make_image(600, 600))
    assert len(large) > 2**20
    assert post(client, large, "image/png").status_code == 200


def test_a_replaced_generator_is_picked_up(tmp_path):
    service = make_service(tmp_path)
    client = service.app().test_client()
    before = client.get("/models").json["models"][0]["directions"][0]
    put(tmp_path, target="dusk", epoch=7)
    put(tmp_path, "other/deep", source="x", target="y")
    service.refresh()
    models = {model["id"]: model["directions"][0] for model in client.get("/models").json["models"]}
    assert models["run"]["title"] == "day → dusk" and models["run"]["epoch"] == 7
    assert models["run"]["version"] != before["version"]
    assert post(client, encoded(make_image()), model="other/deep").status_code == 200
    (tmp_path / "other/deep/gen_ab.keras").unlink()
    service.refresh()
    assert "other/deep" not in service.catalogue.models


def test_a_damaged_replacement_leaves_the_old_one_in_use(tmp_path):
    log = []
    service = make_service(tmp_path, log=log)
    client = service.app().test_client()
    (tmp_path / "run/gen_ab.keras").write_text("{")
    service.refresh()
    service.refresh()
    assert post(client, encoded(make_image())).status_code == 200
    assert len([line for line in log if "stays in use" in line]) == 1
    assert "cyclegan_tf_unusable_files 1.0" in client.get("/metrics").text
    put(tmp_path, target="dawn")
    service.refresh()
    assert client.get("/models").json["models"][0]["directions"][0]["target"] == "dawn"
    assert "cyclegan_tf_unusable_files 0.0" in client.get("/metrics").text


def test_examples_are_those_of_the_run(tmp_path):
    (tmp_path / "run/examples").mkdir(parents=True)
    for name in "ab":
        (tmp_path / f"run/examples/{name}.png").write_bytes(encoded(make_image(seed=ord(name))))
    client = make_service(tmp_path).app().test_client()
    examples = client.get("/models").json["models"][0]["directions"][0]["examples"]
    np.testing.assert_array_equal(
        decoded(client.get(examples["source"])), make_image(seed=ord("a"))
    )
    np.testing.assert_array_equal(
        decoded(client.get(examples["target"])), make_image(seed=ord("b"))
    )
    hidden = Catalogue(tmp_path, load=loader(), log=lambda _: None, examples=False).to_json()
    assert hidden[0]["directions"][0]["examples"] == {"source": None, "target": None}


def test_until_models_are_loaded_the_service_says_so(tmp_path):
    put(tmp_path)
    catalogue = Catalogue(tmp_path, load=loader(), log=lambda _: None, at_once=True)
    service = Service(catalogue, log=lambda _: None)
    client = service.app().test_client()
    assert client.get("/models").json["loading"]
    state = client.get("/healthz")
    assert (state.status_code, state.json["status"]) == (503, "loading")
    for fields in ({}, {"model": "run"}):
        answer = post(client, encoded(make_image()), **fields)
        assert error_of(answer) == "loading" and answer.headers["Retry-After"] == "2"
    assert post(client, encoded(make_image()), model="pencil").status_code == 200
    service.refresh()
    assert client.get("/healthz").json["status"] == "ok"
    assert post(client, encoded(make_image())).json["model"] == "run"


def test_metrics_count_what_happened(client):
    post(client, encoded(make_image()))
    post(client, b"x")
    client.get("/models/whatever/else")
    text = client.get("/metrics").text
    of_run = 'direction="ab",model="run"'
    assert f'cyclegan_tf_translations_total{{{of_run},outcome="done"}} 1.0' in text
    assert f'cyclegan_tf_translations_total{{{of_run},outcome="no_picture"}} 1.0' in text
    assert f'cyclegan_tf_seconds_count{{{of_run},stage="translated"}} 1.0' in text
    assert 'cyclegan_tf_http_requests_total{route="unknown",status="404"} 1.0' in text
    assert "whatever" not in text


def test_drift_is_seen_when_users_send_what_the_model_never_saw(tmp_path):
    rng = np.random.default_rng(0)
    dark = rng.integers(0, 60, (120, 16, 16, 3)).astype("uint8")
    bright = 255 - dark
    log = []
    put(tmp_path)
    service = make_service(tmp_path, log=log)
    put(tmp_path, size=(16, 16), likeness=statistics.training_statistics(dark[:100], (0, 255)))
    service.refresh()
    client = service.app().test_client()
    usual = [post(client, encoded(x)).json["likeness"] for x in dark[100:]]
    assert sum(answer["unusual"] for answer in usual) <= 2
    assert client.get("/healthz").json["drifted"] == []
    strange = [post(client, encoded(x), "image/png") for x in bright[:15]]
    assert all(answer.status_code == 200 for answer in strange)
    assert client.get("/healthz").json["drifted"] == ["run ab"]
    text = client.get("/metrics").text
    assert 'cyclegan_tf_input_drift_alarm{direction="ab",model="run"} 1.0' in text
    assert len([line for line in log if "unlike its training images" in line]) == 1


def test_the_document_names_every_address_and_every_code(service):
    app, document = service.app(), openapi.document(service.limits)
    rules = {rule.rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"}
    assert rules == set(openapi.ROUTES)
    plain = {rule.split("<")[0] for rule in rules}
    assert {path.split("{")[0] for path in document["paths"]} == plain
    answers = document["paths"]["/translate"]["post"]["responses"]
    assert {int(code) for code in answers} == {200, *STATUS.values()}
    assert app.test_client().get("/openapi.json").json == json.loads(json.dumps(document))


def test_the_document_is_openapi():
    validator = pytest.importorskip("openapi_spec_validator")
    validator.validate(openapi.document(Limits()))


def test_answers_are_as_the_document_says(client):
    jsonschema = pytest.importorskip("jsonschema")
    paths = client.get("/openapi.json").json["paths"]

    def schema(path, method="get", status="200"):
        answer = paths[path][method]["responses"][status]
        found = answer["content"]["application/json"]["schema"]
        return openapi._ERROR_SCHEMA if "$ref" in found else found

    for path in ("/models", "/healthz"):
        jsonschema.validate(client.get(path).json, schema(path))
    done = post(client, encoded(make_image()), preview="1").json
    jsonschema.validate(done, schema("/translate", "post"))
    jsonschema.validate(post(client, b"x").json, schema("/translate", "post", "415"))
