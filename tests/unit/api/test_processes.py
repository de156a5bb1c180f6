"""Processes that share a port: as many as are wanted, replaced when they end, ended with their parent."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager

import psutil

PROGRAM = """
import os, signal, sys, time
from tradewind.api import processes
processes.RESTART_SECONDS = 0.0
def serve():
    {serve}
processes.serve_in_processes(2, serve)
print("ended", flush=True)
"""
SLEEP = (
    "os.write(1, str(os.getpid()).encode() + bytes([10])); "
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); time.sleep(60)"
)


@contextmanager
def running(serve: str) -> Generator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", PROGRAM.format(serve=serve)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_one_that_ends_is_replaced_and_all_end_together() -> None:
    with running(SLEEP) as process:
        first, second = int(said(process)), int(said(process))
        assert first != second
        os.kill(first, signal.SIGKILL)
        third = int(said(process))
        assert third not in (first, second)
        process.terminate()
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "ended\n")
    assert f"the API process {first} has ended (-9) and is replaced" in err
    assert not any(psutil.pid_exists(pid) for pid in (first, second, third))


def test_a_wrong_setting_ends_all() -> None:
    with running("sys.exit(2)") as process:
        out, _ = process.communicate(timeout=30)
    assert (process.returncode, out) == (2, "")


def test_a_crash_is_told() -> None:
    with running('raise ValueError("no such thing")') as process:
        assert process.stderr is not None
        lines = iter(process.stderr.readline, "")
        assert any("ValueError: no such thing" in line for line in lines)
        assert any("is replaced" in line for line in lines)
