"""Contenders in processes of their own that take turns, so that ratios survive a noisy machine.

What else a machine does slows whoever is running. Contenders that are timed one after another
meet different weather; contenders that take turns step by step meet the same. Each is a process
that is asked over a pipe, one line of JSON each way, and waits while the others work.
"""

import contextlib
import json
import statistics
import subprocess
import sys
import tempfile
import time

from tqdm import tqdm

#: Seconds between turns, in which the threads of the one before stop waiting for more work.
PAUSE = 0.05
#: A round is repeated if others took more than this share of the cores in one of its turns.
DISTURBED = 0.2


class ContenderFailed(Exception):
    """A contender cannot run here; the message says why."""


class Contender:
    """A process that answers questions; started, and through its first step, once constructed.

    The process prints `{"ready": ...}` after its first step, then one line for each that it
    reads, such as `{"seconds": 0.7}` for `{"ask": "step"}`, or `{"error": "..."}` at any time.

    Args:
        command: List of words that starts the process.

    Attributes:
        first_step: Seconds from the start of the process to the end of its first step.
        about: What the process said with `ready`.

    Raises:
        ContenderFailed: If the process ends or says that it cannot run.
    """

    def __init__(self, command):
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        began = time.perf_counter()
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        try:
            self.about = self._answer()["ready"]
        except BaseException:
            self.close()
            raise
        self.first_step = time.perf_counter() - began

    def ask(self, question, **more):
        """Returns the answer to a question, a dictionary."""
        try:
            self._process.stdin.write(json.dumps({"ask": question, **more}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # the process has ended, and the missing answer says so
        return self._answer()

    def close(self):
        """Ends the process."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=10)
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def _answer(self):
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self._errors.seek(0)
            said = self._errors.read().strip().splitlines() or ["nothing"]
            raise ContenderFailed(f"the process ended with status {status} and said: {said[-1]}")
        answer = json.loads(line)
        if "error" in answer:
            raise ContenderFailed(answer["error"])
        return answer


def start(commands, report=print):
    """Starts contenders one after another, so that none is slowed by the start of the next.

    Args:
        commands: Dictionary from a contender's name to its command.
        report: Called with a sentence for each contender that cannot run.

    Returns:
        Dictionary from names to `Contender`, without those that cannot run.
    """
    contenders = {}
    try:
        for name, command in commands.items():
            try:
                contenders[name] = Contender(command)
            except ContenderFailed as reason:
                report(f"{name} is left out: {reason}")
    except BaseException:
        close(contenders)
        raise
    return contenders


def close(contenders):
    """Ends all contenders."""
    for contender in contenders.values():
        contender.close()


def take_turns(contenders, rounds, label="rounds", pause=PAUSE):
    """Asks every contender for a step in every round.

    The order moves on by one from round to round, so that nobody always follows the same one. A
    round that other processes disturbed is repeated, but at most twice as many are taken as
    asked for: the quietest count.

    Args:
        contenders: Dictionary from names to what has `ask`.
        rounds: Number of rounds.
        label: What the progress bar says.
        pause: Seconds to wait before each turn.

    Returns:
        Dictionary from names to the list of answers, one for each round.
    """
    names = list(contenders)
    taken = []
    bar = tqdm(total=rounds, desc=label, leave=False, file=sys.stderr)
    while sum(_disturbance(one) <= DISTURBED for one in taken) < rounds and len(taken) < 2 * rounds:
        shift = len(taken) % len(names)
        said = {}
        for name in names[shift:] + names[:shift]:
            time.sleep(pause)
            said[name] = contenders[name].ask("step")
        taken.append(said)
        bar.update(_disturbance(said) <= DISTURBED)
    bar.close()
    quietest = sorted(taken, key=_disturbance)[:rounds]
    return {name: [said[name] for said in quietest] for name in names}


def _disturbance(said):
    """The largest share of the cores that others took in a turn of one round."""
    return max(answer.get("others", 0.0) for answer in said.values())


def ratio(base, other):
    """How many times as fast as `base` another contender is.

    Args:
        base: Seconds of each round.
        other: Seconds of the same rounds.

    Returns:
        `(ratio, low, high)`: the ratio of the medians, and the quartiles of the ratios of each
        round (with fewer than four rounds, the least and the largest).
    """
    paired = sorted(x / y for x, y in zip(base, other, strict=True))
    low, high = paired[0], paired[-1]
    if len(paired) >= 4:
        low, _, high = statistics.quantiles(paired, n=4, method="inclusive")
    return statistics.median(base) / statistics.median(other), low, high
