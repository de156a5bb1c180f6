"""The bus: how Tradewind's processes tell each other things.

Terms. A *queue* holds messages until one of its consumers settles them; *shared* queues (dispatch, claims, a Celery
queue) are emptied by competing consumers, *exclusive* ones belong to one connection and die with it. A *topic* copies
each broadcast to whoever subscribes at that moment. A *delivery* is one message handed to one consumer; it is
*unsettled* until it is acknowledged, requeued or moved to the dead-letter queue. A *batch* is everything that had
arrived when the consumer asked.

Who is authoritative. Never the bus. Every message is a nudge towards a row in Postgres, or a request whose answer is
the confirmation. A broker's confirm says that the broker has the message, not that anybody will act on it.

What may be lost. Everything. Messages are transient unless they say otherwise: a broker that restarts has forgotten
them, and exclusive queues with them. A message without a queue is dropped, unless it was published `mandatory`.
Requests die with their timeout; answers and broadcasts are sent without confirm. Any message may also come twice: a
consumer whose connection broke sees again what it had not settled, marked `redelivered`, and so may somebody else.
Order holds only within one queue, from one publisher, without redelivery.

What adapters do promise is in `tradewind.bus.port`; `tests/integration/test_bus.py` holds each of them to it. There
are three: `memory`, on which standalone and the simulation run, `rabbitmq` and `redis`. `open_bus` in
`tradewind.bus.open` chooses by the broker's address. All come back by themselves: consumers go on, on whichever
connection and queue there is next, and everything else raises `BusUnavailable` until then.
"""
