# SPDX-License-Identifier: Apache-2.0
"""A TCP port behind which another server may stand from one connection to the next, as behind the address
of a load balancer."""

import socket
import threading

PIECE_BYTES = 65536


class Switch:
    """`port` leads to 127.0.0.1:`target` of the moment; a context manager. Connections that there are stay
    where they are. `cuts`: the first connections are closed after so many bytes to the server, one number each."""

    def __init__(self, target, cuts=()):
        self.target, self.cuts = target, list(cuts)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        for one in self.sockets:
            one.close()

    def _accept(self):
        try:
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target))
                self.sockets += [client, server]
                forward = (_pump_some, client, server, self.cuts.pop(0)) if self.cuts else (_pump, client, server)
                for pump, *pair in (forward, (_pump, server, client)):
                    threading.Thread(target=pump, args=pair, daemon=True).start()
        except OSError:  # closed
            pass


def _pump(source, target):
    try:
        while piece := source.recv(PIECE_BYTES):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def _pump_some(source, target, left):
    """So many bytes, then the connection is cut."""
    try:
        while left > 0 and (piece := source.recv(left)):
            target.sendall(piece)
            left -= len(piece)
        for end in (target, source):
            end.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
