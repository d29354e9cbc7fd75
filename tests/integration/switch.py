# SPDX-License-Identifier: Apache-2.0
"""A TCP port behind which another server may stand from one connection to the next, as behind the address
of a load balancer."""

import socket
import threading

PIECE_BYTES = 65536


class Switch:
    """`port` leads to 127.0.0.1:`target` of the moment; a context manager. Connections that there are stay
    where they are."""

    def __init__(self, target):
        self.target = target
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
                for pair in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=pair, daemon=True).start()
        except OSError:  # closed
            pass


def _pump(source, target):
    try:
        while piece := source.recv(PIECE_BYTES):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass
