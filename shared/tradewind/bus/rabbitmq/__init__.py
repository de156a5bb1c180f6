"""The bus over RabbitMQ, by AMQP 0-9-1.

Terms. A *link* is one live connection: a channel in confirm mode for what is published, a plain one for requests,
answers and broadcasts, and one channel per *session*, a stretch of consuming one queue.

`bus` keeps the promises of the port, `session` consumes, `frames` turns messages into bytes and the driver's errors
into ours, `connecting` begins a connection, and `driver` lists every part of aiormq that all this stands on, documented
there or not: the place to look after an upgrade.
"""
