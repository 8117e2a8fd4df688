"""What the Python peers share: their settings, the timing of steps, and the answer."""

import json
import resource
import sys
import time
from types import SimpleNamespace

# One JSON object, as `Work` in ../work.ts has it.
work = SimpleNamespace(**json.loads(sys.argv[1]))


def time_steps(step):
    """Seconds of each timed call of `step(i)`; the loop is that of measure.ts."""
    i = 0
    started = time.perf_counter()
    while i < work.warmUpSteps or time.perf_counter() - started < work.warmUpSeconds:
        step(i)
        i += 1
    seconds = []
    started = time.perf_counter()
    while len(seconds) < work.minSteps or (
        len(seconds) < work.maxSteps and time.perf_counter() - started < work.minSeconds
    ):
        before = time.perf_counter()
        step(i)
        seconds.append(time.perf_counter() - before)
        i += 1
    return seconds


def answer(seconds, **versions):
    """Prints what was measured, with the most memory that the process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    print(json.dumps({"stepSeconds": seconds, "peakBytes": peak, "versions": versions}))
