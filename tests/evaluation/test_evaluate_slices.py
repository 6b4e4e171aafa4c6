"""Scores of slices: within the body, label by label, with intervals over patients."""

import dataclasses
import json

import keras
import numpy as np
import pytest

from cyclegan_tf.common.errors import InputError
from cyclegan_tf.data import pipeline
from cyclegan_tf.data.npz import Dataset
from cyclegan_tf.evaluation.callback import Evaluate
from cyclegan_tf.evaluation.evaluate import evaluate
from cyclegan_tf.evaluation.metrics import masked, paired
from cyclegan_tf.evaluation.registry import METRICS, Score
from cyclegan_tf.training.callbacks import read_history
from cyclegan_tf.training.run import train
from cyclegan_tf.volumes import intensity, slicing
from support.datasets import make_dataset, make_model, make_slices

BODY = {"mae_body", "psnr_body", "ssim_body"}
OFFLINE = {"features": "none", "lpips": "none", "progress": False}


def generator(function=None, channels=1):
    x = keras.Input((None, None, channels))
    layer = keras.layers.Identity() if function is None else keras.layers.Lambda(function)
    return keras.Model(x, layer(x))


def perfect_within_the_body():
    """Slices of which the identity is the true translation within the label maps alone."""
    dataset = make_slices()
    rng = np.random.default_rng(0)
    maps = rng.integers(0, 3, dataset.test_a.shape).astype("uint8")
    a = rng.uniform(0, 1, maps.shape).astype("float32")
    b = np.where(maps > 0, a * 3000 - 1000, rng.uniform(-1000, 2000, maps.shape))
    masks = {"test_a": 2 - maps, "test_b": maps}
    slices = dataclasses.replace(dataset.slices, masks=masks)
    return dataclasses.replace(
        dataset, test_a=a, test_b=b.astype("float32"), slices=slices, hash=""
    )


def test_the_label_maps_of_the_true_image_count():
    evaluation = evaluate(generator(), perfect_within_the_body(), **OFFLINE)
    scores = evaluation.results["ab"].rows["translated"]
    assert scores["mae_body"].value < 1e-3 and scores["mae"].value > 100
    assert scores["psnr_body"].value > 100 and scores["psnr"].value < 30
    # Its windows see what lies around the body.
    assert scores["ssim"].value < scores["ssim_body"].value < 1
    assert evaluation.protocol["stored values"]["CT"] == "float32 in -1000 to 2000 HU"
    assert evaluation.protocol["stored values"]["MR"] == "float32 in 0 to 1"
    assert evaluation.protocol["label maps"] == "drawn with the discs"
    assert "label map is not 0" in evaluation.protocol["in body"]
    assert "MAE in body ↓" in str(evaluation)


def test_fewer_images_have_their_own_label_maps():
    dataset = perfect_within_the_body()
    result = evaluate(
        generator(), dataset, metrics=["mae_body"], images=5, seed=2, progress=False
    ).results["ab"]
    assert len(result.index) == 5 and list(result.index) != list(range(5))
    assert result.rows["translated"]["mae_body"].value < 1e-3


def test_other_real_images_are_scored_in_the_partners_bodies():
    dataset = make_slices(train=2, test=3)  # 8 others for 12 inputs
    scores = evaluate(generator(), dataset, metrics=["mae_body"], progress=False).results["ab"].rows
    wanted = masked.mae(dataset.train_b, dataset.test_b[:8], dataset.slices.masks["test_b"][:8])
    np.testing.assert_array_equal(scores["other_real"]["mae_body"].images, wanted)


def test_the_mean_of_the_training_images_is_a_floor_of_pairs_alone():
    dataset = make_slices()
    evaluation = evaluate(generator(), dataset, **OFFLINE | {"features": "random"})
    rows = evaluation.results["ab"].rows
    assert list(rows) == ["untranslated", "training_mean", "translated", "other_real"]
    mean = np.broadcast_to(dataset.train_b.mean(axis=0), dataset.test_b.shape)
    found = rows["training_mean"]
    np.testing.assert_allclose(
        found["mae"].value, paired.mae(mean, dataset.test_b).mean(), rtol=1e-5
    )
    wanted = masked.mae(mean, dataset.test_b, dataset.slices.masks["test_b"])
    np.testing.assert_allclose(found["mae_body"].images, wanted, rtol=1e-5)
    assert {METRICS[name].group for name in found} == {"pairs"}
    assert str(evaluation).count("mean of training CT") == 1
    unpaired = evaluate(generator(), make_slices(paired=False), **OFFLINE)
    assert "training_mean" not in unpaired.results["ab"].rows
    assert "mean of" not in str(unpaired)


def test_the_mean_of_whole_numbers_is_rounded():
    stored = np.array([0, 3, 4], np.uint8).reshape(3, 1, 1, 1) * np.ones((1, 12, 12, 1), np.uint8)
    dataset = Dataset(stored, stored, stored, stored, paired={"train": False, "test": True})
    rows = evaluate(generator(), dataset, metrics=["mae"], progress=False).results["ab"].rows
    np.testing.assert_array_equal(rows["training_mean"]["mae"].images, [2, 1, 2])  # of 7/3


def test_the_cycle_is_measured_label_by_label(tmp_path):
    dataset = make_slices()
    maps = dataset.slices.masks["test_a"]
    exact = np.array([0, 0.25, 0.75], np.float32)[maps]  # in [-1, 1]: -1, -0.5, 0.5
    dataset = dataclasses.replace(dataset, test_a=exact, hash="")
    back = generator(lambda x: keras.ops.where(x > 0, x + 0.2, keras.ops.where(x < -0.8, 1.0, x)))
    evaluation = evaluate((generator(), back), dataset, **OFFLINE)
    found = evaluation.results["ab"].by_label
    assert list(found) == ["flesh", "bone"]
    assert found["flesh"].value == pytest.approx(0, abs=1e-6)
    assert found["bone"].value == pytest.approx(0.1, abs=1e-6)  # 0.2 of [-1, 1]
    evaluation.save(tmp_path)
    text = (tmp_path / "evaluation.md").read_text()
    assert "MR → CT → MR, within each label, in units of the stored values of MR" in text
    assert [line.split("|")[1].strip() for line in text.splitlines() if "| 12 " in line][:2] == [
        "flesh",
        "bone",
    ]
    stored = json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert stored["directions"]["ab"]["cycle_by_label"]["bone"]["value"] == pytest.approx(0.1)
    alone = evaluate(generator(), dataset, **OFFLINE)
    assert not alone.results["ab"].by_label and "cycle_by_label" not in str(alone.as_dict())


def test_a_label_without_a_name_and_a_slice_without_a_label():
    dataset = make_slices()
    maps = dataset.slices.masks["test_a"].copy()
    maps[0][maps[0] == 2] = 9
    slices = dataclasses.replace(
        dataset.slices, masks={"test_a": maps, "test_b": dataset.slices.masks["test_b"]}
    )
    dataset = dataclasses.replace(dataset, slices=slices, hash="")
    found = evaluate((generator(), generator()), dataset, **OFFLINE).results["ab"].by_label
    assert list(found) == ["flesh", "bone", "label 9"]
    assert np.isnan(found["bone"].images[0]) and np.isfinite(found["bone"].value)
    assert found["label 9"].interval is None  # of one patient


def test_images_without_a_body_count_nowhere(tmp_path):
    dataset = make_slices()
    masks = {name: maps.copy() for name, maps in dataset.slices.masks.items()}
    masks["test_b"][4] = 0
    slices = dataclasses.replace(dataset.slices, masks=masks)
    evaluation = evaluate(
        generator(), dataclasses.replace(dataset, slices=slices, hash=""), **OFFLINE
    )
    result = evaluation.results["ab"]
    score = result.rows["translated"]["mae_body"]
    assert score.value == pytest.approx(np.delete(score.images, 4).mean())
    for name in BODY:
        _, order = result.ranked(name)
        assert sorted(order) == [i for i in range(12) if i != 4]
    assert result.ranked()[0] == "mae_body"
    evaluation.save(tmp_path)
    stored = json.loads((tmp_path / "evaluation.json").read_text(), parse_constant=pytest.fail)
    assert stored["directions"]["ab"]["pictures"]["mae_body"][4] is None
    masks["test_b"][:] = 0
    slices = dataclasses.replace(dataset.slices, masks=masks)
    evaluation = evaluate(
        generator(), dataclasses.replace(dataset, slices=slices, hash=""), **OFFLINE
    )
    assert np.isnan(evaluation.results["ab"].rows["translated"]["mae_body"].value)
    assert evaluation.results["ab"].ranked()[0] == "ssim"
    assert evaluation.figure().width > 300


def test_patients_are_drawn_with_all_their_slices():
    # Of two patients: both times the first, one of each, both times the second.
    score = Score.of_images([0, 0, 0, 1], patients=[7, 7, 7, 3])
    assert score.value == 0.25 and score.interval == (0, 1)
    possible, chances = np.array([0, 0.25, 1]), np.array([0.25, 0.5, 0.25])
    mean = possible @ chances
    assert score.standard_error == pytest.approx(
        np.sqrt((possible - mean) ** 2 @ chances), rel=0.05
    )
    assert Score.of_images([0, 1, 2], patients=[5, 5, 5]).interval is None
    # As many patients as images: what independent images have.
    values = np.random.default_rng(0).normal(size=9)
    alone, each = Score.of_images(values), Score.of_images(values, patients=np.arange(9))
    assert (alone.interval, alone.standard_error) == (each.interval, each.standard_error)
    unknown = Score.of_images([1, np.nan, 3, np.nan], patients=[0, 0, 0, 1])
    assert unknown.value == 2 and unknown.interval is None


def test_intervals_are_over_patients():
    dataset = make_slices(test=4, slices=6)
    evaluation = evaluate(generator(), dataset, metrics=["mae"], images=14, progress=False)
    assert "over patients, each with all their slices (4 ab)" in evaluation.protocol["intervals"]
    result = evaluation.results["ab"]
    score = result.rows["translated"]["mae"]
    whose = np.array(dataset.slices.patients["test_a"])[result.index]
    wanted = Score.of_images(score.images, 0, whose)
    assert score.interval == wanted.interval != Score.of_images(score.images).interval
    plain = evaluate(generator(channels=3), make_dataset(channels=(3, 3)), **OFFLINE)
    assert "bootstrap over images;" in plain.protocol["intervals"]


def test_neighbours_are_not_scored():
    dataset = make_slices(neighbours=(1, 0))
    middle = dataclasses.replace(make_slices(), hash="")
    there = generator(lambda x: x[..., 1:2], channels=3)
    spoil = generator(lambda x: keras.ops.concatenate([-x, x, -x], axis=-1))
    same = generator()
    found = evaluate((there, spoil), dataset, **OFFLINE).results
    wanted = evaluate((same, same), middle, **OFFLINE).results
    for way in ("ab", "ba"):
        for row, scores in wanted[way].rows.items():
            for name, score in scores.items():
                if METRICS[name].group != "hidden":  # of all that the networks see
                    assert found[way].rows[row][name].value == pytest.approx(score.value), name
        assert {p.images.shape[-1] for _, p in found[way].columns} == {1}
    assert found["ab"].by_label["bone"].value == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("dataset", "options", "message"),
    [
        (make_slices(paired=False), {}, "not paired"),
        (make_slices(masks=False), {}, "hold no label maps of this split"),
        (make_dataset(channels=(1, 1)), {}, "hold no label maps"),
    ],
)
def test_why_there_is_no_score_in_a_body(dataset, options, message):
    with pytest.raises(InputError, match=f"mae_body cannot be computed: .*{message}"):
        evaluate(generator(), dataset, metrics=["mae_body"], progress=False, **options)


def test_data_without_label_maps_are_spared_the_reasons():
    found = evaluate(generator(), make_dataset(channels=(1, 1)), **OFFLINE).results["ab"]
    assert not BODY & (found.left_out.keys() | found.rows["translated"].keys())


@pytest.mark.slow
def test_training_is_scored_in_the_body_and_says_so(tmp_path):
    dataset = make_slices()
    model = make_model(dataset, filters=2, blocks=0, pool_size=0)
    scores = Evaluate(tmp_path / "run", dataset, ["mae_body", "ssim_body"], images=5)
    train(model, dataset, tmp_path / "run", 1, steps_per_epoch=1, callbacks=[scores], verbose=0)
    (row,) = read_history(tmp_path / "run")
    found = evaluate(model, dataset, metrics=["mae_body"], images=5, progress=False)
    assert row["mae_body_ab"] == pytest.approx(
        found.results["ab"].rows["translated"]["mae_body"].value
    )
    assert row["mae_body_ab"] > 1 > row["mae_body_ba"]  # HU, and shares of MR's range
    known = json.loads((tmp_path / "run" / "run.json").read_text())["data"]["slices"]
    assert known["modalities"] == ["MR", "CT"] and "patients" not in known


def test_the_images_of_an_epoch_are_of_several_patients_and_heights():
    dataset = make_slices(test=3, slices=5)
    a, b = pipeline.fixed_images(dataset, 3)
    np.testing.assert_array_equal(a, dataset.test_a[[0, 7, 14]] * 2 - 1)
    assert len(b) == 3
    everything, _ = pipeline.fixed_images(dataset, 99)
    np.testing.assert_array_equal(everything, dataset.test_a * 2 - 1)


def test_how_the_body_was_found_is_told():
    rules, names = [intensity.Percentiles(), intensity.Window()], ("MR", "CT")
    scan = slicing.Scan(0, None)
    given = dataclasses.replace(scan, labels=lambda: None)
    told = slicing._origin({"test_a": [scan], "test_b": [scan]}, rules, names)
    assert told.startswith("what lies above 0.1 in MR and above -300 HU in CT")
    assert slicing._origin({"test_a": [given], "test_b": [given]}, rules, names) == (
        "given with the volumes"
    )
    some = slicing._origin({"test_a": [given], "test_b": [scan]}, rules, names)
    assert some.startswith("given with some volumes; else what lies above")
