"""Celery's own tools on a Tradewind worker: remote control (`celery inspect`, `celery control`) and events (flower).

A worker has, besides its bus, one more connection to RabbitMQ, for this alone (`link`). It may be refused or lost: then
Celery's tools do not see the worker, and nothing else changes. Nothing that Tradewind does rests on what is said here.

Terms: a *request* comes to every worker by the fan-out exchange `celery.pidbox`, and who is meant answers it by
`reply.celery.pidbox` (`mailbox`, `panel`). An *event* is what a worker says unasked on the topic exchange `celeryev`,
while somebody has enabled that (`events`). A Celery *task* is an attempt: its Celery task id is the attempt's id
(`ledger`). Which commands mean what here, and which mean nothing, is in docs/celery.md.
"""
