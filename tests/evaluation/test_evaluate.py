"""Scores of generators whose answers are known, and the command that prints them."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from cyclegan_tf.cli import main
from cyclegan_tf.cli import train as train_command
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import npz
from cyclegan_tf.data.npz import Dataset
from cyclegan_tf.evaluation.evaluate import evaluate
from cyclegan_tf.evaluation.metrics import (
    efficientnet_features,
    follow,
    inception_features,
    variation,
)
from cyclegan_tf.evaluation.metrics.features import RandomFeatures
from cyclegan_tf.evaluation.registry import Score
from cyclegan_tf.inference import load
from cyclegan_tf.networks import generator_file
from support.datasets import make_dataset, make_model

OFFLINE = {"features": "random", "lpips": "none"}


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("CYCLEGAN_TF_CACHE", str(tmp_path_factory.mktemp("cache")))


def generator(function=None, channels=3, channels_out=3):
    """A model of one layer without weights."""
    x = keras.Input((None, None, channels))
    layer = keras.layers.Identity() if function is None else keras.layers.Lambda(function)
    model = keras.Model(x, layer(x))
    assert model.output_shape[-1] == channels_out
    return model


def noise(count, seed, size=24):
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, 3)).astype(np.uint8)


@pytest.fixture
def pairs():
    """Eight pairs in which B is A upside down in brightness."""
    test = noise(8, 0)
    return Dataset(
        noise(9, 1), noise(10, 2), test, 255 - test, paired={"train": False, "test": True}
    )


def values(result, row="translated"):
    return {name: score.value for name, score in result.rows[row].items()}


def test_a_perfect_generator_has_perfect_scores(pairs):
    invert = generator(lambda x: -x)
    result = evaluate((invert, invert), pairs, **OFFLINE, progress=False).results["ab"]
    found = values(result)
    assert (found["mae"], found["mse"]) == (0, 0)
    assert found["psnr"] == np.inf
    assert found["ssim"] == pytest.approx(1)
    assert found["frechet_random"] == pytest.approx(0, abs=1e-5)
    assert found["precision_random"] == found["recall_random"] == 1
    assert found["cycle_consistency"] == 1
    assert found["cycle_error"] == pytest.approx(0, abs=1e-7)


def test_the_floor_is_the_input_untranslated(pairs):
    same = generator()
    result = evaluate((same, same), pairs, **OFFLINE, progress=False).results["ab"]
    floor, translated = values(result, "untranslated"), values(result)
    # A generator that does nothing scores what the floor scores.
    assert {name: translated[name] for name in floor} == pytest.approx(floor)
    assert floor["edge_preservation"] == floor["structural_similarity"] == 1
    error = np.abs(pairs.test_a.astype(float) - pairs.test_b).mean()
    assert floor["mae"] == pytest.approx(error)


def test_the_ceiling_is_other_real_images_as_many_as_translations(pairs):
    result = evaluate(generator(), pairs, **OFFLINE, progress=False)
    assert result.protocol["pictures"]["ab"] == {
        "translated": 8,
        "reference": 8,
        "other real": 8,  # of the ten there are
    }
    # Noise is like other noise and unlike inverted noise no more than that.
    assert "frechet_random" in result.results["ab"].rows["other_real"]
    assert "cycle_consistency" not in result.results["ab"].rows["other_real"]


def test_intervals_hold_the_mean_and_shrink_with_more_images():
    def width(count):
        test = noise(count, 0)
        dataset = Dataset(
            test[:1], test[:1], test, 255 - test, paired={"train": False, "test": True}
        )
        scores = evaluate(generator(), dataset, metrics=["mae"], progress=False)
        score = scores.results["ab"].rows["translated"]["mae"]
        assert score.interval[0] < score.value < score.interval[1]
        # Of a mean of n: 1.96 standard deviations by the root of n, both ways.
        expected = 2 * 1.96 * score.images.std() / np.sqrt(count)
        assert score.interval[1] - score.interval[0] == pytest.approx(expected, rel=0.15)
        return score.interval[1] - score.interval[0]

    assert width(64) < 0.7 * width(16)


def test_one_generator_alone_has_no_cycles(pairs):
    evaluation = evaluate(generator(), pairs, **OFFLINE, progress=False)
    assert list(evaluation.results) == ["ab"]
    result = evaluation.results["ab"]
    assert "cycle_consistency" not in result.rows["translated"]
    assert "give both" in result.left_out["cycle_consistency"]


def test_a_file_is_scored_in_the_direction_that_it_translates(tmp_path):
    dataset = make_dataset(channels=(3, 3))
    gen_ab, gen_ba = (
        generator(),
        keras.Sequential([keras.Input((None, None, 3)), keras.layers.ReLU()]),
    )
    there, back = tmp_path / "there.keras", tmp_path / "back.keras"
    known = {f"gen_{way}": generator_file.translation(dataset, way) for way in ("ab", "ba")}
    generator_file.save(there, gen_ab, known["gen_ab"])
    generator_file.save(back, gen_ba, known["gen_ba"])
    options = {"metrics": ["texture"], "progress": False}
    assert list(evaluate(back, dataset, **options).results) == ["ba"]
    both = evaluate((there, back), dataset, **options)
    alone = evaluate(back, dataset, **options)
    assert values(both.results["ba"]) == pytest.approx(values(alone.results["ba"]))
    with pytest.raises(InputError, match="in one direction"):
        evaluate((back, back), dataset, **options)
    with pytest.raises(InputError, match="in one direction"):
        evaluate((there, there), dataset, **options)
    swapped = evaluate((back, there), dataset, **options)
    assert values(swapped.results["ba"]) == pytest.approx(values(alone.results["ba"]))
    assert list(evaluate(load.load(back), dataset, **options).results) == ["ba"]


def test_without_scores_per_image_the_figure_shows_the_first(pairs):
    evaluation = evaluate(
        generator(), pairs, metrics=["frechet_random"], features="random", progress=False
    )
    assert evaluation.results["ab"].ranked()[0] is None
    assert evaluation.figure().width > 100


def test_a_generator_of_nan_is_refused(pairs):
    nan = generator(lambda x: x * np.nan)
    with pytest.raises(InputError, match="A → B gives NaN"):
        evaluate(nan, pairs, metrics=["texture"], progress=False)
    with pytest.raises(InputError, match="B → A gives NaN"):
        evaluate((generator(), nan), pairs, metrics=["cycle_consistency"], progress=False)


def test_what_does_not_apply_is_left_out_with_its_reason():
    dataset = make_dataset(size=16)  # one and three channels, test paired, three images
    model = make_model(dataset, filters=2, blocks=0)
    result = evaluate(model, dataset, **OFFLINE, progress=False).results["ba"]
    assert "at least 6 images" in result.left_out["coverage_random"]
    assert "at least 22 pixels" in result.left_out["ms_ssim"]
    assert "switched off" in result.left_out["lpips"]
    assert "fid" not in result.rows["translated"]
    assert "frechet_random" in result.rows["translated"]


def test_without_weights_what_comes_by_default_is_left_out_and_what_is_named_raises(
    pairs, monkeypatch
):
    def no_network(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(keras.utils, "get_file", no_network)
    result = evaluate(generator(), pairs, progress=False).results["ab"]
    for name in ("fid", "kid", "lpips"):
        assert "cache" in result.left_out[name]
    for asked in ({"metrics": ["fid"]}, {"features": "inception"}, {"metrics": ["lpips"]}):
        with pytest.raises(InputError, match="cache"):
            evaluate(generator(), pairs, progress=False, **asked)


class Family(RandomFeatures):
    """Untrained features in place of a published network's."""

    def __init__(self, name):
        super().__init__()
        self.name = self.key = name
        self.protocol = {name: "stands in"}


@pytest.fixture
def families(monkeypatch):
    monkeypatch.setattr(inception_features, "load", lambda *_: Family("inception"))
    monkeypatch.setattr(efficientnet_features, "load", lambda *_: Family("efficientnet"))


def test_a_second_family_is_scored_beside_the_first(pairs, families):
    evaluation = evaluate(generator(), pairs, lpips="none", progress=False)
    found = values(evaluation.results["ab"])
    for name in ("fid", "kid", "precision", "recall", "coverage"):
        assert found[f"{name}_efficientnet"] == found[name]
    assert {"inception": "stands in", "efficientnet": "stands in"}.items() <= (
        evaluation.protocol.items()
    )
    assert "no training here looks at" in str(evaluation) and "KID (EfficientNet)" in str(
        evaluation
    )
    named = evaluate(generator(), pairs, metrics=["kid_efficientnet"], progress=False)
    assert values(named.results["ab"]) == {"kid_efficientnet": found["kid"]}
    assert "inception" not in named.protocol


def test_the_second_family_goes_with_the_first_and_may_be_missing_alone(
    pairs, families, monkeypatch
):
    off = evaluate(generator(), pairs, features="none", lpips="none", progress=False)
    for name in ("kid", "kid_efficientnet"):
        assert off.results["ab"].left_out[name] == "it was switched off by features='none'."
    random = evaluate(generator(), pairs, **OFFLINE, progress=False).results["ab"]
    assert not any("efficientnet" in name for name in (*random.left_out, *values(random)))

    def missing(*_):
        raise InputError("not in the cache")

    monkeypatch.setattr(efficientnet_features, "load", missing)
    result = evaluate(
        generator(), pairs, features="inception", lpips="none", progress=False
    ).results["ab"]
    assert result.left_out["kid_efficientnet"] == "not in the cache" and "kid" in values(result)
    with pytest.raises(InputError, match="not in the cache"):
        evaluate(generator(), pairs, metrics=["kid_efficientnet"], progress=False)
    with pytest.raises(InputError, match="kid_efficientnet cannot be computed: it needs features"):
        evaluate(
            generator(), pairs, metrics=["kid_efficientnet"], features="random", progress=False
        )


def test_palettes_of_all_rows():
    test = noise(40, 0)
    dataset = Dataset(noise(9, 1), noise(10, 2), test, noise(40, 3))
    result = evaluate(generator(), dataset, **OFFLINE, progress=False).results["ab"]
    floor, translated = values(result, "untranslated"), values(result)
    assert translated["follow"] == floor["follow"] == follow(test, test)
    assert translated["variation"] == variation(dataset.test_b, test)
    # Ten other real images are too few to follow, and enough to vary.
    ceiling = values(result, "other_real")
    assert "follow" not in ceiling and ceiling["variation"] == pytest.approx(1, abs=0.2)


def test_untrained_features_never_give_a_fid(pairs, tmp_path):
    evaluation = evaluate(generator(), pairs, **OFFLINE, progress=False)
    evaluation.save(tmp_path)
    rows = json.loads((tmp_path / "evaluation.json").read_text())["directions"]["ab"]["rows"]
    assert not {"fid", "kid"} & set(rows["translated"])
    assert "no published meaning" in (tmp_path / "evaluation.md").read_text()
    with pytest.raises(InputError, match="fid cannot be computed"):
        evaluate(generator(), pairs, metrics=["fid"], features="random", progress=False)


def test_the_worst_image_is_the_worst(pairs):
    spoiled = pairs.test_a.copy()
    spoiled[5] = 255 - spoiled[5]  # its partner differs by nothing, all others' by much
    dataset = Dataset(
        pairs.train_a, pairs.train_b, spoiled, pairs.test_b, paired={"train": False, "test": True}
    )
    result = evaluate(generator(), dataset, **OFFLINE, progress=False).results["ab"]
    name, order = result.ranked()
    assert (name, order[0]) == ("ssim", 5)
    name, order = result.ranked("mae")
    assert order[0] == 5
    with pytest.raises(InputError, match="rank_by must be among"):
        result.ranked("fid")


def test_what_is_saved_can_be_read(pairs, tmp_path):
    invert = generator(lambda x: -x)
    evaluation = evaluate((invert, invert), pairs, **OFFLINE, progress=False)
    evaluation.save(tmp_path / "scores")
    stored = json.loads(
        (tmp_path / "scores" / "evaluation.json").read_text(), parse_constant=pytest.fail
    )
    result = stored["directions"]["ab"]
    assert result["rows"]["translated"]["psnr"]["value"] == "inf"
    assert result["rows"]["translated"]["ssim"]["value"] == pytest.approx(1)
    assert len(result["pictures"]["ssim"]) == len(result["pictures"]["index"]) == 8
    assert stored["protocol"]["split"] == "test (held out)"
    assert stored["protocol"]["data"] == pairs.hash
    with Image.open(tmp_path / "scores" / "evaluation.png") as image:
        assert image.width > 300
    text = (tmp_path / "scores" / "evaluation.md").read_text()
    for row in ("A, untranslated", "A as B", "other real B"):
        assert row in text


def test_fewer_images_are_the_same_of_both_domains_of_pairs(pairs):
    invert = generator(lambda x: -x)
    result = evaluate(
        (invert, invert), pairs, metrics=["mae"], images=4, seed=3, progress=False
    ).results["ab"]
    assert len(set(result.index)) == 4
    assert result.rows["translated"]["mae"].value == 0


def test_the_training_split_is_named_as_not_held_out(pairs):
    evaluation = evaluate(generator(), pairs, metrics=["texture"], split="train", progress=False)
    assert "NOT held out" in evaluation.protocol["split"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": ["nonsense"]}, "metrics must be among .*received nonsense"),
        ({"split": "validation"}, "split must be"),
        ({"features": "vgg"}, "features must be one of .*received 'vgg'"),
        ({"lpips": "squeeze"}, "lpips must be one of"),
        ({"metrics": ["cycle_consistency"]}, "no generator for the way back"),
    ],
)
def test_bad_arguments_are_told(pairs, arguments, message):
    with pytest.raises(InputError, match=message):
        evaluate(generator(), pairs, progress=False, **OFFLINE | arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metrics": ()}, r"metrics must name at least one .* received \(\)"),
        ({"metrics": "mae"}, "metrics must name .* in a list, .* received 'mae'"),
        ({"metrics": [None]}, "metrics must name"),
        ({"images": 0}, "images must be a whole number of at least 1, received 0"),
        ({"images": -1}, "images must be"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"seed": None}, "seed must be"),
        ({"resize": "bilinear"}, "resize must be one of 'clean', 'legacy'"),
    ],
)
def test_arguments_out_of_their_range_are_told(pairs, arguments, message):
    with pytest.raises(InputError, match=message):
        evaluate(generator(), pairs, progress=False, **OFFLINE | arguments)


@pytest.mark.parametrize("given", [None, 42, (lambda x: x, None), lambda x: x])
def test_what_is_no_generator_is_told(pairs, given):
    with pytest.raises(
        InputError, match="A generator (takes an image|must be a file or a Keras model)"
    ):
        evaluate(given, pairs, progress=False, **OFFLINE)


def test_what_is_no_data_set_is_told(pairs):
    for data in (None, pairs.test_a):
        with pytest.raises(InputError, match="data must be an npz.Dataset"):
            evaluate(generator(), data, progress=False)


def test_scores_on_untrained_features_need_no_weights(pairs):
    scores = evaluate(generator(), pairs, metrics=["kernel_random"], progress=False)
    assert "no published meaning" in scores.protocol["features"]
    # Nothing but what matters for the one score that was asked for.
    assert not {"lpips", "density, coverage"} & set(scores.protocol)
    assert not scores.results["ab"].left_out


def test_one_image_has_no_interval():
    assert Score.of_images([0.5]) == Score(0.5, None, None, pytest.approx(0.5))
    assert Score.of_images([0.5, 0.7]).standard_error > 0


def test_data_may_be_a_file(pairs, tmp_path):
    path = npz.save(tmp_path / "data.npz", pairs) or tmp_path / "data.npz"
    options = {"metrics": ["mae"], "progress": False}
    found, expected = (evaluate(generator(), data, **options) for data in (path, pairs))
    assert values(found.results["ab"]) == values(expected.results["ab"])
    assert found.protocol == expected.protocol


def test_data_that_do_not_fit_are_told(pairs):
    with pytest.raises(InputError, match=r"takes images of shape \(None, None, 1\)"):
        evaluate(generator(channels=1, channels_out=1), pairs, **OFFLINE, progress=False)
    with pytest.raises(InputError, match="gives 1 channels"):
        gray = generator(lambda x: x[..., :1], channels_out=1)
        evaluate(gray, pairs, **OFFLINE, progress=False)
    with pytest.raises(InputError, match="gives 1 channels, and A has 3"):
        evaluate((generator(), gray), pairs, **OFFLINE, progress=False)
    halving = generator(lambda x: x[:, ::2, ::2])
    with pytest.raises(InputError, match=r"gives images of \(12, 12\) pixels"):
        evaluate(halving, pairs, **OFFLINE, progress=False)
    unlike = Dataset(pairs.train_a, pairs.train_b[:, :12], pairs.test_a, pairs.test_b[:, :12])
    with pytest.raises(InputError, match="both domains must have one size"):
        evaluate(generator(), unlike, **OFFLINE, progress=False)
    no_test = Dataset(pairs.train_a, pairs.train_b)
    with pytest.raises(InputError, match="no test images of A: prepare them"):
        evaluate(generator(), no_test, **OFFLINE, progress=False)
    with pytest.raises(InputError, match="needs at least 2 images"):
        single = Dataset(pairs.train_a, pairs.train_b, pairs.test_a[:1], pairs.test_b[:1])
        evaluate(generator(), single, metrics=["frechet_random"], **OFFLINE, progress=False)
    with pytest.raises(InputError, match="not paired"):
        unpaired = Dataset(pairs.train_a, pairs.train_b, pairs.test_a, pairs.test_b)
        evaluate(generator(), unpaired, metrics=["psnr"], progress=False)


def test_images_that_a_run_may_have_learned_from_are_not_called_held_out(tmp_path):
    dataset = make_dataset(channels=(3, 3))
    known = generator_file.translation(dataset, "ab")
    generator_file.save(tmp_path / "best" / "gen_ab.keras", generator(), known)

    def split(trained_on):
        (tmp_path / "run.json").write_text(json.dumps({"data": {"hash": trained_on}}))
        best = tmp_path / "best"
        return evaluate(best, dataset, metrics=["texture"], progress=False).protocol["split"]

    assert split(dataset.hash) == "test (held out)"
    with pytest.warns(UserWarning, match="trained on other data"):
        assert split("abc") == "test (of other data than the run's, abc)"


# --- the command ---------------------------------------------------------------------------


@pytest.fixture
def command(monkeypatch):
    """The command, which leaves the threads of this process as they are."""
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)
    return lambda *words: main.main([str(word) for word in words])


@pytest.mark.slow
def test_the_command_trains_with_scores_and_evaluates(tmp_path, command, capsys):
    data, folder = tmp_path / "data.npz", tmp_path / "run"
    npz.save(data, make_dataset())
    small = ["--epochs", 1, "--steps", 1, "--filters", 2, "--blocks", 0, "--disc-layers", 1]
    scored = ["--evaluate", "texture,frechet_random", "--features", "random", "--patience", 5]
    assert command("train", data, folder, *small, *scored) == 0
    assert "texture_ab" in (folder / "history.csv").read_text()
    assert command("evaluate", folder, data, "--features", "none", "--lpips", "none") == 0
    printed = capsys.readouterr().out
    assert "sketch, untranslated" in printed
    assert "Protocol:" in printed
    assert "sketch as cartoon" in (folder / "report.html").read_text()
    for name in ("evaluation.md", "evaluation.json", "evaluation.png"):
        assert (folder / "evaluation" / name).exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "missing", "data.npz"], "No generator at missing"),
        (
            ["train", "data.npz", "run", "--patience", "3"],
            "--patience needs --evaluate: say which scores",
        ),
        (["train", "data.npz", "run", "--evaluate", "fidd"], "metrics must be among"),
        (["train", "data.npz", "run", "--evaluate", ""], "metrics must name at least one"),
        (["evaluate", ".", "data.npz", "--back", "x.keras"], "--back belongs to a generator's"),
        (["evaluate", ".", "data.npz", "--rank-by", "beauty"], "--rank-by must be among"),
    ],
)
def test_the_command_says_what_is_wrong(words, message, command, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    npz.save(tmp_path / "data.npz", make_dataset(size=24))
    assert command(*words) == 2
    assert message in capsys.readouterr().err
