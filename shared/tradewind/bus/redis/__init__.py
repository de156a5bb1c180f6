"""The bus over Redis Streams.

Terms. A *link* is one live connection of a bus and everything that hangs on it; its name is new with each connection.
A *session* is one stretch of consuming one queue, over a blocking connection of its own, under a name that begins with
its link's. An *entry* is a message in a stream.

What is kept in Redis, all of it under `tradewind:`

    queue:<queue>   the stream, with one consumer group; it exists as long as the queue does, empty or not
    links           hash: each link and its client id, by which Redis knows the connection
    lease:<link>    gone when a link has not renewed it for some seconds
    sessions        hash: each session and the queue that it reads
    owners          hash: each exclusive queue and the link that it belongs to
    undertaker      which link looks for dead ones this second
    <db>:answers:<link>, <db>:topic:<topic>   channels (Pub/Sub), not keys

Who is dead. A link whose connection Redis does not know any more, or whose lease is gone: its process ended, froze, or
was cut off. One living link a second (the undertaker) buries the dead, and gives back what no living session holds:
each such entry is added anew, marked, and the old one is deleted, in one script, so that blocked readers wake up to it
at once. Nothing is ever taken from a living session, however long it holds it: there is no visibility timeout.

Memory. An entry is deleted as it is acknowledged; a request is deleted by its requester when its time is over, and
answers and broadcasts are never stored. So Redis holds what waits and what is unsettled, and a few fields per process.
"""
