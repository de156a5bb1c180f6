"""Measures one workload on a running bare Celery worker; prints JSON. Runs in the peers' own environment."""

import json
import sys
import time
from itertools import pairwise

from celery import chain, group
from celery_app import compute, nothing

TIMEOUT = 300


def main():
    workload, repeats = sys.argv[1], int(sys.argv[2])
    group(nothing.s() for _ in range(50)).apply_async().get(timeout=TIMEOUT)  # warm up every child
    samples = {
        "trigger": lambda: [trigger_ms() for _ in range(10 * repeats)],
        "chain": lambda: [hop for _ in range(repeats) for hop in hops()],
        "fan_out": lambda: [fan_out_rate() for _ in range(repeats)],
        "light40": lambda: [fib_seconds(40, 10) for _ in range(repeats)],
        "heavy10": lambda: [fib_seconds(10, 33) for _ in range(repeats)],
    }
    json.dump(samples[workload](), sys.stdout)


def run_chain(signatures):
    """(when it was asked for, [(begin, end) of each task])."""
    asked_at = time.time()
    result = chain(signatures).apply_async()
    result.get(timeout=TIMEOUT)
    times = []
    while result is not None:
        times.append(result.get(timeout=TIMEOUT))
        result = result.parent
    return asked_at, times[::-1]


def hops():
    _, times = run_chain([nothing.si() for _ in range(20)])
    ends = [end for _, end in times]
    return [(after - before) * 1000 for before, after in pairwise(ends)]


def fan_out_rate():
    asked_at = time.time()
    times = group(nothing.s() for _ in range(200)).apply_async().get(timeout=TIMEOUT)
    return len(times) / (max(end for _, end in times) - asked_at)


def trigger_ms():
    asked_at = time.time()
    begin, _ = nothing.delay().get(timeout=TIMEOUT)
    return (begin - asked_at) * 1000


def fib_seconds(length, number):
    asked_at, times = run_chain([compute.si(number) for _ in range(length)])
    return times[-1][1] - asked_at


if __name__ == "__main__":
    main()
