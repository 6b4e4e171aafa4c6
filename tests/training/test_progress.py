import pytest

from cyclegan_tf.common import progress as bars
from cyclegan_tf.training import progress


class Clock:
    now = 0.0

    def perf_counter(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    found = Clock()
    monkeypatch.setattr(progress, "time", found)
    return found


def train(clock, said, epochs, steps):
    """Epochs of a run: its first step takes 100 s, the others 1 s, what is written 5 s."""
    for epoch in range(epochs):
        said.on_epoch_begin(epoch)
        for step in range(steps):
            clock.now += 1 if epoch or step else 100
            said.on_train_batch_end(step, {"loss": 0.123456})
        clock.now += 5
        said.on_epoch_end(epoch, {"loss": 0.123456, "kid_ab": 2})


def test_a_line_an_epoch_says_what_is_left_of_the_run_without_what_was_compiled(
    clock, capsys, monkeypatch
):
    monkeypatch.setattr(bars, "watched", lambda: False)
    train(clock, progress.Progress(3, 11), 3, 11)
    assert capsys.readouterr() == (
        "Epoch 1/3, 1 min 55 s, 33 s left: loss 0.1235, kid_ab 2\n"
        "Epoch 2/3, 16 s, 16 s left: loss 0.1235, kid_ab 2\n"
        "Epoch 3/3, 16 s: loss 0.1235, kid_ab 2\n",
        "",
    )


def test_where_somebody_watches_a_bar_tells_the_time_left_of_both(clock, capsys, monkeypatch):
    monkeypatch.setattr(bars, "watched", lambda: True)
    said = progress.Progress(2, 5)
    said.on_epoch_begin(0)
    shown = []
    monkeypatch.setattr(
        type(said._bar), "set_postfix_str", lambda _, text, **__: shown.append(text)
    )
    for step in range(4):
        clock.now += 2
        said.on_train_batch_end(step, {"loss": 1.0})
    assert shown[-1] == "2.0 s left, of the run 12 s: loss 1"
    said.close()
    assert "Epoch 1/2" in capsys.readouterr().err
