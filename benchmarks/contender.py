"""The process of one contender: builds what its arguments say, then answers over its pipes.

    python benchmarks/contender.py MODULE CLASS '{"size": 64, ...}'

`speed.py` starts it. The class is constructed with the arguments and has `step()`, which does the
work once and may return a dictionary of further numbers; `memory` is answered here, and any other
question goes to the method of its name, which returns a dictionary.
"""

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path

import machine


def main():
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    module, name, arguments = sys.argv[1:]
    try:
        subject = getattr(importlib.import_module(module), name)(**json.loads(arguments))
        subject.step()
    except Exception as error:
        line = (str(error).strip() or "no message").splitlines()[0]
        print(json.dumps({"error": f"{type(error).__name__}: {line[:200]}"}), file=answers)
        return
    print(json.dumps({"ready": getattr(subject, "about", "")}), file=answers)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(answer(subject, question.pop("ask"), question)), file=answers)


def answer(subject, asked, arguments):
    """Returns the answer to one question."""
    if asked == "step":
        others, began = machine.Others(), time.perf_counter()
        more = subject.step() or {}
        return {"seconds": time.perf_counter() - began, "others": others.share()} | more
    if asked == "memory":
        return {"MiB": peak_memory()}
    return getattr(subject, asked)(**arguments)


def peak_memory():
    """Largest resident memory of this process so far, in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux's getrusage starts from the memory of the process that started us
        (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) / 2**10
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest / 2 ** (20 if sys.platform == "darwin" else 10)


if __name__ == "__main__":
    main()
