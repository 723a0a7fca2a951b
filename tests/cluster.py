"""A real Redis Cluster of three nodes on loopback, whose nodes can be killed, started again, and given slots."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.crc import key_slot

from bot.conversations.keys import SHARDS, tag

NODES = 3
SLOTS = 16384

_OPTIONS = {
    "cluster-enabled": "yes",
    "cluster-node-timeout": "1000",  # ms: a killed node is seen to be gone soon.
    "save": "",
    "bind": "127.0.0.1",
    "loglevel": "warning",
}


class ClusterNode:
    """One server process of the cluster."""

    def __init__(self, program: Path, folder: Path, port: int, options: dict[str, str]) -> None:
        self.program = program
        self.folder = folder
        self.port = port
        self.options = options
        self.client = redis.Redis(port=port, protocol=3)
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        options = _OPTIONS | self.options | {"port": str(self.port)}
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen([self.program, *arguments], cwd=self.folder, stdout=log, stderr=log)
        for _ in range(2000):
            assert self._process.poll() is None, (self.folder / "log").read_text()
            try:
                self.client.ping()
                return
            except redis.ConnectionError:
                time.sleep(0.01)
        raise AssertionError(f"{self.program} does not answer on port {self.port}")

    def kill(self) -> None:
        """As `kill -9`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        self.client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def id(self) -> str:
        return str(self.client.execute_command("CLUSTER MYID").decode())


class Cluster:
    """Three primaries, each with a third of the slots."""

    def __init__(self, nodes: list[ClusterNode]) -> None:
        self.nodes = nodes
        self.url = f"redis://127.0.0.1:{nodes[0].port}"

    def form(self) -> None:
        """Share the slots out and introduce the nodes to each other."""
        share = SLOTS // len(self.nodes)
        for n, node in enumerate(self.nodes):
            last = SLOTS - 1 if n == len(self.nodes) - 1 else (n + 1) * share - 1
            node.client.execute_command("CLUSTER ADDSLOTSRANGE", n * share, last)
            node.client.execute_command("CLUSTER SET-CONFIG-EPOCH", n + 1)
        for node in self.nodes[1:]:
            node.client.execute_command("CLUSTER MEET", "127.0.0.1", self.nodes[0].port)
        self.wait_until_ok()

    def wait_until_ok(self) -> None:
        """Return when every node sees every slot served."""
        for _ in range(3000):
            try:
                if all(self._is_ok(node) for node in self.nodes):
                    return
            except redis.ConnectionError:
                pass
            time.sleep(0.01)
        raise AssertionError("the cluster does not come together")

    def _is_ok(self, node: ClusterNode) -> bool:
        told = node.client.execute_command("CLUSTER INFO")
        return told["cluster_state"] == "ok" and told["cluster_known_nodes"] == str(len(self.nodes))

    def add_replica(self, of: ClusterNode) -> ClusterNode:
        """A replica of ``of``, in step with it."""
        replica = ClusterNode(of.program, of.folder.parent / "replica", _free_ports()[0], of.options)
        self.nodes.append(replica)
        replica.start()
        replica.client.execute_command("CLUSTER MEET", "127.0.0.1", of.port)
        self.wait_until_ok()
        replica.client.execute_command("CLUSTER REPLICATE", of.id)
        for _ in range(2000):
            told = replica.client.info("replication")
            if told["role"] == "slave" and told["master_link_status"] == "up":
                return replica
            time.sleep(0.01)
        raise AssertionError("the replica does not follow")

    def owner_of(self, slot: int) -> ClusterNode:
        """Whoever serves ``slot`` now."""
        for first, last, (_, port, *_), *_ in self.nodes[0].client.execute_command("CLUSTER SLOTS", NEVER_DECODE=True):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"nobody serves slot {slot}")

    def move(self, shard: int, to: ClusterNode, slowly: float = 0) -> ClusterNode:
        """Migrate the slot of ``shard``, key by key, with ``slowly`` seconds after each; returns who had it."""
        slot = key_slot(tag(shard).encode())
        source = self.owner_of(slot)
        assert source is not to
        to.client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", source.id)
        source.client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", to.id)
        while keys := source.client.execute_command("CLUSTER GETKEYSINSLOT", slot, 10):
            for key in keys:
                source.client.execute_command("MIGRATE", "127.0.0.1", to.port, key, 0, 5000)
                time.sleep(slowly)
        for node in (to, source, *(node for node in self.nodes if node not in (to, source))):
            node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", to.id)
        return source


def shard_of_node(cluster: Cluster, node: ClusterNode) -> int:
    """A shard that ``node`` serves."""
    return next(shard for shard in range(SHARDS) if cluster.owner_of(key_slot(tag(shard).encode())) is node)


@contextmanager
def running_cluster(program: Path, folder: Path, **options: str) -> Iterator[Cluster]:
    """A cluster that runs inside the block; ``options`` are redis.conf's, with underscores."""
    named = {name.replace("_", "-"): value for name, value in options.items()}
    cluster = Cluster([ClusterNode(program, folder / str(port), port, named) for port in _free_ports()])
    try:
        for node in cluster.nodes:
            node.start()
        cluster.form()
        yield cluster
    finally:
        for node in cluster.nodes:
            node.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _free_ports() -> list[int]:
    """Ports whose bus port, 10,000 above, is free too."""
    ports: list[int] = []
    start = 20_000 + os.getpid() * 7 % 20_000
    for port in range(start, start + 2000):
        if _is_free(port) and _is_free(port + 10_000):
            ports.append(port)
        if len(ports) == NODES:
            return ports
    raise AssertionError("no free ports")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
