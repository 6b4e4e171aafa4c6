"""Methods side by side: budgets, rows, and what a one-way method does for both directions."""

import functools
import json

import numpy as np
import pytest

from cyclegan_tf import recipes
from cyclegan_tf.common import plotting
from cyclegan_tf.common.errors import InputError
from cyclegan_tf.evaluation.compare import BUDGETS, compare
from cyclegan_tf.networks import generator_file
from cyclegan_tf.training.callbacks import read_history
from support.datasets import make_dataset

pytestmark = pytest.mark.slow

OFFLINE = {"features": "none", "lpips": "none"}
TINY = {"filters": 2, "blocks": 0, "disc_layers": 1, "pool_size": 0}
MAKERS = {
    "cyclegan": functools.partial(recipes.cyclegan, **TINY),
    # For one way alone, from pairs, with several translations of an input.
    "cvae": functools.partial(recipes.cvae, filters=2, latent=3, learning_rate=1e-4),
}
LEARNS_FROM = {"cyclegan": "unpaired", "cvae": "pairs"}


def compared(folder, makers=MAKERS):
    dataset = make_dataset(4, 4, channels=(3, 3), paired=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("cyclegan_tf.evaluation.compare.EPOCHS", 2)
        # So few seconds that they are used up first: the run goes on to its steps.
        return compare(makers, dataset, folder, steps=4, seconds=0.01, **OFFLINE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("compared")


@pytest.fixture(scope="module")
def comparison(folder):
    return compared(folder)


def test_every_method_is_scored_in_both_directions_with_both_budgets(comparison):
    expected = {(b, way, name) for b in BUDGETS for way in ("ab", "ba") for name in MAKERS}
    assert set(comparison.entries) == expected
    for (budget, _, name), entry in comparison.entries.items():
        assert entry.used["steps"] == (4 if budget == "steps" else 2)
        assert entry.learns_from == LEARNS_FROM[name]
        assert np.isfinite(entry.scores["psnr"].value)


def test_diversity_is_that_of_methods_with_several_translations(comparison):
    for way in ("ab", "ba"):
        assert comparison.entries["steps", way, "cyclegan"].diversity is None
        assert comparison.entries["steps", way, "cvae"].diversity.value > 0


def test_methods_for_one_way_train_a_run_for_each(comparison, folder):
    assert (folder / "cvae" / "ab" / "gen_ab.keras").exists()
    of_ba = generator_file.load(folder / "cvae" / "ba" / "gen_ab.keras")[1]
    assert (of_ba.source, of_ba.target) == ("cartoon", "sketch")


def test_the_steps_budget_is_the_run_after_so_many_steps(comparison, folder):
    history = read_history(folder / "cyclegan")
    assert len(history) == 2
    final = generator_file.load(folder / "cyclegan" / "gen_ab.keras")
    kept = generator_file.load(folder / "cyclegan" / "at_steps" / "gen_ab.keras")
    early = generator_file.load(folder / "cyclegan" / "at_seconds" / "gen_ab.keras")
    assert (final[1].epoch, kept[1].epoch, early[1].epoch) == (2, 2, 1)
    for one, other in zip(final[0].get_weights(), kept[0].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_parameters_are_counted_by_hand(comparison):
    entry = comparison.entries["steps", "ab", "cyclegan"]
    # 7x7x3 to 2, 3x3 to 4, 3x3 to 8, transposed 3x3 to 4 and 2, 7x7 to 3.
    generator = (147 * 2 + 2) + (18 * 4 + 4) + (36 * 8 + 8) + (72 * 4 + 4) + (36 * 2 + 2)
    generator += 98 * 3 + 3
    # 4x4x3 to 2, 4x4 to 4, 4x4 to 1.
    discriminator = (48 * 2 + 2) + (32 * 4 + 4) + (64 + 1)
    assert entry.parameters == generator
    assert entry.trained == 2 * generator + 2 * discriminator


def test_tables_have_floor_and_ceiling_around_the_methods(comparison, tmp_path):
    table = comparison.table("steps", "ab").splitlines()
    firsts = [line.split("|")[1].strip() for line in table]
    # Three other real images would be too few for the ceiling's scores: the row is left out.
    assert firsts[2:] == ["sketch, untranslated", "cyclegan", "cvae"]
    assert "PSNR" in table[0] and "LPIPS" not in table[0]
    comparison.save(tmp_path)
    text = (tmp_path / "comparison.md").read_text()
    assert "sketch → cartoon, the same steps" in text and "Protocol:" in text
    assert sorted(path.name for path in tmp_path.glob("*.png")) == sorted(
        f"comparison_{budget}_{way}.png" for budget in BUDGETS for way in ("ab", "ba")
    )


def test_called_again_nothing_is_trained_anew(comparison, folder):
    before = (folder / "cyclegan" / "at_steps" / "used.json").stat().st_mtime_ns
    again = compared(folder, {"cyclegan": MAKERS["cyclegan"]})
    assert (folder / "cyclegan" / "at_steps" / "used.json").stat().st_mtime_ns == before
    key = ("steps", "ba", "cyclegan")
    assert again.entries[key].scores["psnr"].value == comparison.entries[key].scores["psnr"].value
    assert json.loads((folder / "cvae" / "ba" / "at_steps" / "used.json").read_text())["steps"] == 4


def test_rows_are_laid_out_by_hand():
    white, black = np.ones((2, 4, 4, 1)), -np.ones((2, 4, 4, 1))
    sheet = np.asarray(plotting.rows([("x", white), ("y", black)], min_side=4))
    assert sheet.shape[0] == 4 + 2 * (4 + 4)
    assert (sheet[4:8, -8:-4] == 255).all() and (sheet[12:16, -8:-4] == 0).all()


@pytest.mark.parametrize(
    ("makers", "steps", "sentence"),
    [({}, 20, "makers names no method"), (MAKERS, 3, "steps must be .* at least 10")],
)
def test_bad_arguments_are_told(makers, steps, sentence, tmp_path):
    with pytest.raises(InputError, match=sentence):
        compare(makers, make_dataset(channels=(3, 3)), tmp_path, steps=steps, seconds=1, **OFFLINE)
