"""From contenders that take turns to the numbers of a table."""

import dataclasses
import json
import statistics
import sys
from pathlib import Path

import turns

HERE = Path(__file__).parent
PEAK = "matrix multiplication"


@dataclasses.dataclass(frozen=True)
class Result:
    """What one contender did.

    Attributes:
        answers: What it answered in each round.
        base: Seconds of the base contender in the same rounds.
        peak: Operations a second of the matrix multiplication in the same rounds; may be empty.
        memory: Peak resident memory in MiB.
        first_step: Seconds from the start of its process to the end of its first step.
        errors: Relative norms of its differences from the truth; may be empty.
    """

    answers: list
    base: list
    peak: list
    memory: float
    first_step: float
    errors: dict

    @property
    def seconds(self):
        """Seconds of each round."""
        return [answer["seconds"] for answer in self.answers]

    @property
    def median(self):
        """Median of the seconds."""
        return statistics.median(self.seconds)

    def share_of_peak(self, operations):
        """Share of the measured peak with which it does so many operations a step."""
        return operations / self.median / statistics.median(self.peak)

    def total(self, name):
        """Sum of a further number over all rounds."""
        return sum(answer[name] for answer in self.answers)


def command(side, name, **arguments):
    """Returns the words that start a contender of `contender_<side>.py`."""
    words = [f"contender_{side}", name, json.dumps(arguments)]
    return [sys.executable, str(HERE / "contender.py"), *words]


def compete(label, commands, rounds, *, together=True, peak=True, truth=None, report=print):
    """Lets contenders take turns.

    Args:
        label: What the progress bar says.
        commands: Dictionary from names to commands; the first is the base of the ratios.
        rounds: Number of rounds.
        together: Whether all take turns at once; otherwise each of the others with the base
            alone, where memory would not hold all of them.
        peak: Whether a matrix multiplication takes turns as well.
        truth: File of `truth.py` to compare with, or None.
        report: Called with a sentence for each contender that cannot run.

    Returns:
        Dictionary from names to `Result`, without those that cannot run.

    Raises:
        turns.ContenderFailed: If the base cannot run.
    """
    base, *others = commands
    groups = [others] if together or not others else [[name] for name in others]
    results, base_answers, base_peaks = {}, [], []
    always = {}
    try:
        always[base] = turns.Contender(commands[base])
        if peak:
            extra = {PEAK: command("pytorch", "MatrixMultiplication")}
            always |= turns.start(extra, report)
        for group in groups:
            started = turns.start({name: commands[name] for name in group}, report)
            try:
                answers = turns.take_turns(always | started, rounds, label)
                rates = [a["operations"] / a["seconds"] for a in answers.get(PEAK, [])]
                seconds = [answer["seconds"] for answer in answers[base]]
                base_answers += answers[base]
                base_peaks += rates
                for name, one in started.items():
                    results[name] = _result(one, answers[name], seconds, rates, truth)
            finally:
                turns.close(started)
        seconds = [answer["seconds"] for answer in base_answers]
        first = _result(always[base], base_answers, seconds, base_peaks, truth)
    finally:
        turns.close(always)
    return {base: first} | results


def _result(contender, answers, base, peak, truth):
    memory = contender.ask("memory")["MiB"]
    errors = contender.ask("errors", path=str(truth)) if truth else {}
    return Result(answers, base, peak, memory, contender.first_step, errors)
