"""Why a task instance waits, runs or ended as it did: every gate between it and its worker, with its numbers.

Nothing here decides. Each gate asks what decides: `core.trigger_rules` and `core.turn` for the upstream, `core.gates`
for the past, dates and limits of the task, `core.slots` for room and order. So what people are told is what schedulers
do, as far as the rows that were read are still true.

A gate belongs to a *stage*. While those of `DECISION` are open the scheduler wants to start the task; those of `SLOTS`
say whether there is room; those of `EXECUTION` say what becomes of an attempt. A task instance that has not ended has a
closed gate, or it runs; once it is queued, the gates before it are behind it and stand open.
"""
