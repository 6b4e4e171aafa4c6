import sys

import pytest

from cyclegan_tf.common import progress
from cyclegan_tf.common.wording import counted, duration


def test_bars_are_drawn_for_those_who_watch(capsys, monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    assert list(progress.tqdm(range(3))) == [0, 1, 2]
    assert capsys.readouterr().err == ""
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    list(progress.tqdm(range(3), unit="image"))
    assert "3/3" in capsys.readouterr().err
    list(progress.tqdm(range(3), disable=True))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.44, "0.4 s"), (9.96, "10 s"), (59.6, "1 min"), (200, "3 min 20 s"), (3599.9, "1 h")],
)
def test_a_time_is_as_exact_as_one_wants_it(seconds, said):
    assert duration(seconds) == said


def test_one_is_no_plural():
    assert [counted(n, "epoch") for n in (0, 1, 2)] == ["0 epochs", "1 epoch", "2 epochs"]
