"""What only a real Redis can do to us."""

import asyncio
import ipaddress
import re
import socket
import struct
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.integration.bus_stations import (
    RedisStation,
    deliveries_of,
    numbered,
    numbers,
    shared,
    take,
    take_and_ack,
)
from tests.polling import poll_until
from tests.servers.process import free_ports
from tests.servers.redis import RedisServer, redis_server
from tradewind.bus.open import open_bus
from tradewind.bus.port import BusUnavailable, Message, Queue, RequestTimeout
from tradewind.bus.redis.address import parse_address
from tradewind.bus.redis.driver import broker_errors, packed
from tradewind.bus.redis.keys import GROUP, LINKS, OWNERS, SESSIONS, lease_key, queue_key
from tradewind.bus.redis.scripts import recover_entries
from tradewind.core.errors import ConfigError

SETTING = "TRADEWIND__BROKER__URL"


@pytest.fixture
def station(redis: RedisServer) -> RedisStation:
    """A database of the test's own."""
    return RedisStation(redis)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("redis://", "names no host"),
        ("redis://host:port/", "port|Port"),
        ("redis://host/jobs", "database 'jobs' is no number"),
        ("rediss://host/0?ssl_cert_reqs=perhaps", "perhaps"),
        ("redis://host/0?colour=red", "knows no option 'colour'"),
    ],
)
async def test_impossible_address_names_the_setting_and_the_fault(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"{SETTING}.*({said}).*redis://:password@host:6379/0"):
        async with open_bus(url):
            pass


@pytest.fixture(scope="module")
def guarded() -> Generator[RedisServer]:
    """A Redis with a password and two databases."""
    with redis_server(options={"requirepass": "s3cret-word", "databases": "2"}) as server:
        yield server


async def why_unavailable(url: str) -> str:
    """What publishing over this address says; it is tried again, and no log holds the password."""
    with structlog.testing.capture_logs() as logs:
        async with open_bus(url) as bus:
            assert not bus.connected
            with pytest.raises(BusUnavailable, match=SETTING) as raised:
                await bus.publish("q", numbered(1))
            await poll_until(lambda: sum(log["event"] == "broker.unreachable" for log in logs) >= 2)
    assert not any("word" in str(log["error"]).replace("password", "") for log in logs)
    return str(raised.value)


async def test_wrong_address_says_what_is_wrong_and_is_tried_again(guarded: RedisServer) -> None:
    address = urlsplit(guarded.new_url()).netloc
    assert "nobody listens" in await why_unavailable(f"redis://:my-word@127.0.0.1:{free_ports(1)[0]}/0")
    assert "user name or the password" in await why_unavailable(f"redis://:my-word@{address}/0")
    assert "user name or the password, or wants one" in await why_unavailable(f"redis://{address}/0")
    assert "no database 7" in await why_unavailable(f"redis://:s3cret-word@{address}/7")


async def test_password_database_and_name_are_used(guarded: RedisServer) -> None:
    station = RedisStation(guarded)
    station.url = f"redis://:s3cret-word@{urlsplit(station.url).netloc}/1"
    async with open_bus(station.url, name="tradewind worker") as bus:
        await bus.declare(shared())
        assert await station.operate("EXISTS", queue_key("q"))
        assert "tradewind-worker" in {described["name"] for described in await station.operate("CLIENT LIST")}


async def test_broadcasts_and_answers_stay_within_their_database(redis: RedisServer) -> None:
    one, other = RedisStation(redis), RedisStation(redis)
    async with one.connect() as here, other.connect() as there, here.subscribe("topic") as heard:
        await there.broadcast("topic", Message(body=b"elsewhere"))
        async with there.subscribe("topic"):
            pass  # by now it has been sent
        await here.broadcast("topic", Message(body=b"here"))
        async with asyncio.timeout(60):
            assert (await anext(heard)).body == b"here"


async def test_lost_reader_alone_gives_back_what_it_held(station: RedisStation) -> None:
    """A consumer's own connection is killed while the link lives on."""
    async with station.connect() as bus, bus.consume(shared(), prefetch=10, max_batch=10) as batches:
        await bus.publish("q", numbered(2))
        taken = await take(batches, 2)
        (reader,) = [client for client in await station.operate("CLIENT LIST") if client["cmd"] == "xreadgroup"]
        await station.operate("CLIENT KILL", "ID", reader["id"])
        again = await take_and_ack(batches, 2)
        assert numbers(again) == [0, 1]
        assert all(delivery.redelivered for delivery in again)
        for batch in taken:
            await batch.ack()
        assert await bus.depth("q") == 0


async def test_messages_are_never_taken_from_the_living(station: RedisStation) -> None:
    """However long they are held: no idle time comes into it."""
    async with (
        station.connect() as bus,
        bus.consume(shared(), prefetch=1, max_batch=1) as batches,
    ):
        await bus.publish("q", numbered(1))
        (batch,) = await take(batches, 1)
        key, session = queue_key("q"), await session_of(station)
        ((entry, _),) = await station.operate("XRANGE", key, "-", "+")
        await station.operate("XCLAIM", key, GROUP, session, 0, entry, "IDLE", 86_400_000)
        assert await station.operate(*recover_entries(("q",))) == 0
        await station.operate("DEL", SESSIONS)
        assert await station.operate(*recover_entries(("q",))) == 1
        await batch.ack()


async def session_of(station: RedisStation) -> str:
    """The name of the only session."""
    (session,) = await station.operate("HKEYS", SESSIONS)
    return session.decode()


async def test_frozen_process_loses_its_messages_when_its_lease_ends(station: RedisStation) -> None:
    """Its connections stay open, and it comes back, as somebody else."""
    async with (
        station.connect() as frozen,
        frozen.consume(shared(), prefetch=1, max_batch=1) as held,
        station.connect() as living,
    ):
        await living.publish("q", numbered(1))
        (batch,) = await take(held, 1)
        station.proxy(frozen).freeze()
        await station.operate("DEL", lease_key((await session_of(station)).partition(".")[0]))
        async with living.consume(shared(), prefetch=1, max_batch=1) as batches:
            (again,) = await take_and_ack(batches, 1)
            assert again.redelivered
        station.proxy(frozen).thaw()
        await batch.ack()  # too late, and harmless
        await poll_until(lambda: station.proxy(frozen).connections > 3)
        await poll_until(lambda: frozen.connected)
        await living.publish("q", numbered(1, start=5))
        assert numbers(await take_and_ack(held, 1)) == [5]


async def test_everything_is_declared_again_after_a_flush(mortal_redis: RedisServer) -> None:
    station = RedisStation(mortal_redis)
    async with (
        station.connect() as bus,
        bus.consume(shared(), prefetch=10, max_batch=10) as batches,
        bus.consume(Queue(name="mine", exclusive=True), prefetch=10, max_batch=10) as exclusive,
        bus.subscribe("topic") as heard,
    ):
        await station.operate("FLUSHALL")

        async def is_back() -> bool:
            return [await station.operate("HLEN", key) for key in (LINKS, OWNERS, SESSIONS)] == [1, 1, 2]

        await poll_until(is_back)
        await bus.publish("q", numbered(1), mandatory=True)
        await bus.publish("mine", numbered(1), mandatory=True)
        assert numbers(await take_and_ack(batches, 1)) == [0]
        assert numbers(await take_and_ack(exclusive, 1)) == [0]
        await bus.broadcast("topic", Message(body=b"heard"))
        async with asyncio.timeout(60):
            assert (await anext(heard)).body == b"heard"


async def test_redis_that_remembers_gives_back_after_a_crash_what_it_held() -> None:
    """Queues with what waits in them, and what was not settled: not what belonged to connections that are no more."""
    with redis_server(options={"appendonly": "yes", "appendfsync": "always"}) as server:
        station = RedisStation(server)
        async with (
            station.connect() as bus,
            bus.consume(shared(), prefetch=10, max_batch=10) as batches,
            bus.consume(Queue(name="mine", exclusive=True), prefetch=1, max_batch=1) as exclusive,
        ):
            await bus.declare(shared("later"))
            await bus.publish("later", numbered(1), mandatory=True)
            await bus.publish("q", numbered(2), mandatory=True)
            taken = deliveries_of(batches_taken := await take(batches, 2))
            await batches_taken[0].ack(taken[:1])
            await bus.publish("mine", numbered(2), mandatory=True)
            await take_and_ack(exclusive, 1)
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            (again,) = await take_and_ack(batches, 1)
            assert (numbers([again]), again.redelivered) == ([1], True)
            assert await bus.depth("later") == 1

            async def is_ours_again() -> bool:
                return [await station.operate("HLEN", key) for key in (LINKS, OWNERS, SESSIONS)] == [1, 1, 2]

            await poll_until(is_ours_again)
            await bus.publish("mine", numbered(1, start=7), mandatory=True)
            assert numbers(await take_and_ack(exclusive, 1)) == [7]


async def test_nothing_is_left_in_redis(station: RedisStation) -> None:
    """Entries go as they are settled, requests with their time, registrations with their bus."""

    async def ask_in_vain() -> None:
        with pytest.raises(RequestTimeout):
            await bus.request("rpc", Message(body=b""), timeout_seconds=0.05)

    async with station.connect() as bus:
        async with bus.consume(shared(), prefetch=1_000, max_batch=1_000) as batches:
            await bus.publish("q", numbered(1_000))
            taken, left = await take(batches, 1_000), 10
            for batch in taken:  # the first of them need not hold ten
                back = batch.deliveries[:left]
                left -= len(back)
                await batch.requeue(back)
                await batch.ack()
            assert len(await take_and_ack(batches, 10)) == 10
        for _ in range(3):
            await ask_in_vain()
        assert await bus.depth("rpc") == 0
        assert [await station.operate("XLEN", queue_key(queue)) for queue in ("q", "rpc")] == [0, 0]
        assert await station.operate("MEMORY USAGE", queue_key("q")) < 10_000
    keys = {key.decode() for key in await station.operate("KEYS", "*")}
    assert keys - {"tradewind:undertaker"} == {queue_key("q"), queue_key("rpc")}


async def test_full_redis_refuses_and_recovers(mortal_redis: RedisServer) -> None:
    station = RedisStation(mortal_redis)
    async with station.connect() as bus:
        await bus.declare(shared())
        await station.operate("CONFIG SET", "maxmemory", 1)
        with pytest.raises(BusUnavailable, match=r"OOM|memory"):
            await bus.publish("q", numbered(1))
        await station.operate("CONFIG SET", "maxmemory", 0)
        await poll_until(lambda: bus.connected)
        await bus.publish("q", numbered(1), mandatory=True)


async def test_foreign_entries_come_for_the_consumer_to_refuse(station: RedisStation) -> None:
    async with (
        station.connect() as bus,
        bus.consume(shared(), prefetch=10, max_batch=10) as batches,
    ):
        await station.operate("XADD", queue_key("q"), "*", "colour", "red")
        await station.operate("XADD", queue_key("q"), "*", "m", b"\xc1")
        taken = await take_and_ack(batches, 2)
        assert [(delivery.message.content_type, delivery.message.body) for delivery in taken] == [
            ("application/octet-stream", b""),
            ("application/octet-stream", b"\xc1"),
        ]


async def test_users_who_may_not_look_at_clients_rely_on_leases(guarded: RedisServer) -> None:
    """And need no more than docs/brokers.md says."""
    station = RedisStation(guarded)
    address = urlsplit(station.url).netloc
    station.url = f"redis://:s3cret-word@{address}/0"
    documented = re.search(r"`(\+@stream [^`]+)`", (Path(__file__).parents[2] / "docs" / "brokers.md").read_text())
    assert documented is not None
    allowed = ("~tradewind:*", "&tradewind:*", *documented[1].split(), "-client|list", "-client|kill")
    await station.operate("ACL SETUSER", "plain", "on", ">pw", *allowed)
    async with (
        open_bus(f"redis://plain:pw@{address}/0") as bus,
        bus.consume(shared(), prefetch=1, max_batch=1) as batches,
    ):
        await station.operate("HSET", LINKS, "ghost", 1)  # no lease, as of one that died

        async def is_buried() -> bool:
            return not await station.operate("HEXISTS", LINKS, "ghost")

        await poll_until(is_buried)
        await bus.publish("q", numbered(2))
        (batch,) = await take(batches, 1)
        await batch.requeue()
        assert numbers(await take_and_ack(batches, 2)) == [1, 0]
        async with bus.subscribe("topic") as heard:
            await bus.broadcast("topic", Message(body=b"heard"))
            async with asyncio.timeout(60):
                assert (await anext(heard)).body == b"heard"
        assert await bus.depth("q") == 0


async def test_over_tls(tmp_path: Path) -> None:
    certificate, key = _certificate(tmp_path)
    (port,) = free_ports(1)
    options = {
        "tls-port": str(port),
        "tls-cert-file": str(certificate),
        "tls-key-file": str(key),
        "tls-ca-cert-file": str(certificate),
        "tls-auth-clients": "no",
    }
    url = f"rediss://127.0.0.1:{port}/0"
    with redis_server(options=options):
        async with (
            open_bus(f"{url}?ssl_ca_certs={certificate}") as bus,
            bus.consume(shared(), prefetch=1, max_batch=1) as batches,
        ):
            await bus.publish("q", numbered(1), mandatory=True)
            assert numbers(await take_and_ack(batches, 1)) == [0]
        async with open_bus(url) as stranger:
            with pytest.raises(BusUnavailable, match=r"(?i)certificate"):
                await stranger.publish("q", numbered(1))


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "redis")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "redis.crt", folder / "redis.key"
    paths[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths


def test_writing_to_a_connection_that_was_reset_is_no_other_error() -> None:
    """On the event loop of the services, which has its own words for a connection that is closed."""

    async def reset_at_ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while b"PING" not in (data := await reader.read(65_536)):
            writer.write(b"+OK\r\n" * data.count(b"*"))
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    async def write_after_reset() -> None:
        server = await asyncio.start_server(reset_at_ping, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        connection = parse_address(f"redis://127.0.0.1:{port}", SETTING).new_connection("")
        await connection.connect()
        ping = packed(("PING",))
        await connection.send_packed_command(ping, check_health=False)
        with pytest.raises(BusUnavailable), broker_errors():
            await connection.read_response(disconnect_on_error=False)
        for _ in range(200):  # turns, until the transport is closed altogether
            await asyncio.sleep(0)
        with pytest.raises(BusUnavailable), broker_errors():
            await connection.send_packed_command(ping, check_health=False)
        server.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(write_after_reset())
