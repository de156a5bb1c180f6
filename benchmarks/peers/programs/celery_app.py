"""The tasks of the workloads as bare Celery's user would write them. Runs in the peers' own virtual environment."""

import os
import time

from celery import Celery

app = Celery("benchmark", broker=os.environ["BENCHMARK_BROKER_URL"], backend=os.environ["BENCHMARK_BACKEND_URL"])
app.conf.update(worker_hijack_root_logger=False, broker_connection_retry_on_startup=True)


def fib(number):
    return number if number < 2 else fib(number - 1) + fib(number - 2)


@app.task(name="nothing")
def nothing():
    now = time.time()
    return now, now


@app.task(name="compute")
def compute(number):
    began = time.time()
    fib(number)
    return began, time.time()
