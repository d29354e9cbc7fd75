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
                most = self.cuts.pop(0) if self.cuts else None
                for pair in ((client, server, most), (server, client, None)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()
        except OSError:  # closed
            pass


def _pump(source, target, most):
    left = most or PIECE_BYTES
    try:
        while left > 0 and (piece := source.recv(min(left, PIECE_BYTES))):
            target.sendall(piece)
            left -= len(piece) if most else 0
        target.shutdown(socket.SHUT_WR)
        if most:
            source.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
