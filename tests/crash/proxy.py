# SPDX-License-Identifier: Apache-2.0
"""TCP proxies that do harm on command.

    python3 -m tests.crash.proxy NAME=LISTEN:TARGET …        ports of 127.0.0.1

Each line of standard input is NAME COMMAND [NUMBER]; the end of the input ends the program:

    pass          as if it were not there
    cut           resets the connections of now
    close         closes them in good order
    refuse        takes no connections and resets those of now, until `pass`
    delay MS      each piece of data waits
    hold          holds all data back, in both directions, until `pass`
    mute          holds back what the server answers; what it is asked arrives
    cut-after N   resets each connection after N more bytes, wherever that is
    rate BYTES    so many bytes a second, over all connections
"""

import asyncio
import sys

PIECE_BYTES = 65536


class Link:
    """One proxied port. `up` is the direction to the server."""

    def __init__(self, listen, target):
        self.listen, self.target = listen, target
        self.server = None
        self.writers = set()
        self.heal()

    def heal(self):
        self.delay_s, self.rate, self.bytes_left = 0, 0, None
        self.open = {"up": asyncio.Event(), "down": asyncio.Event()}
        for event in self.open.values():
            event.set()

    async def start(self):
        if self.server is None:
            self.server = await asyncio.start_server(self._serve, "127.0.0.1", self.listen)

    async def command(self, name, number):
        """One line."""
        if name == "pass":
            held, _ = self.open, self.heal()
            for event in held.values():
                event.set()
            await self.start()
        elif name in ("cut", "close"):
            self._end(name == "cut")
        elif name == "refuse":
            if self.server is not None:
                self.server.close()
            self.server = None
            self._end(True)
        elif name in ("hold", "mute"):
            for direction in ("up", "down") if name == "hold" else ("down",):
                self.open[direction].clear()
        elif name == "delay":
            self.delay_s = number / 1000
        elif name == "cut-after":
            self.bytes_left = number
        elif name == "rate":
            self.rate = number
        else:
            raise ValueError(name)

    def _end(self, by_force):
        for writer in list(self.writers):
            if by_force:
                writer.transport.abort()
            else:
                writer.close()

    async def _serve(self, reader, writer):
        try:
            to_server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.transport.abort()
            return
        both = {writer, to_server[1]}
        self.writers |= both
        pumps = [asyncio.create_task(self._pump("up", reader, to_server[1])),
                 asyncio.create_task(self._pump("down", to_server[0], writer))]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for one in both:
            one.close()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self.writers -= both

    async def _pump(self, direction, reader, writer):
        try:
            while piece := await reader.read(PIECE_BYTES):
                await self.open[direction].wait()
                if self.delay_s:
                    await asyncio.sleep(self.delay_s)
                if self.rate:
                    await asyncio.sleep(len(piece) / self.rate)
                if self.bytes_left is not None:
                    self.bytes_left -= len(piece)
                    if self.bytes_left < 0:
                        writer.write(piece[:self.bytes_left])
                        self.bytes_left = None
                        return
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass


async def main(arguments):
    """Serves until the end of standard input."""
    links = {}
    for argument in arguments:
        name, ports = argument.split("=")
        links[name] = Link(*map(int, ports.split(":")))
        await links[name].start()
    commands = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("ready", flush=True)
    while line := (await commands.readline()).decode().split():
        await links[line[0]].command(line[1], int(line[2]) if len(line) > 2 else 0)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
