# SPDX-License-Identifier: Apache-2.0
"""A small disk for one node: a tmpfs in a mount namespace of its own, which outlives the server's death.
No root is needed, only user namespaces (unshare, nsenter)."""

import subprocess
from contextlib import contextmanager

ENTER = ["nsenter", "--user", "--mount", "--preserve-credentials", "--target"]
KEEP = """set -e
mkdir -p room
mount -t tmpfs -o size={size}m room room
cp -a --sparse=always data/. room/
mount --bind room data
echo ready
read -r end
umount data
rm -rf data.new
cp -a --sparse=always room data.new
rm -rf data/* data/.[!.]*
cp -a --sparse=always data.new/. data/
rm -rf data.new
echo done
"""


class Room:
    """What can be done with the disk."""

    def __init__(self, node, keeper):
        self.node, self.enter = node, [*ENTER, str(keeper.pid)]

    def fill(self, left_kib):
        """Leaves so much for the server."""
        self._run('left=$(df -k --output=avail room | tail -1); '
                  f'dd if=/dev/zero of=room/filler bs=1k count=$((left - {left_kib})) status=none')

    def empty(self):
        """Gives the room back."""
        self._run("rm -f room/filler")

    def _run(self, script):
        subprocess.run([*self.enter, "sh", "-ec", f'cd "$0" && {script}', self.node.directory], check=True)


@contextmanager
def small_disk(node, size_mib):
    """The node's data on a disk of so many MiB more than they have now; afterwards as before."""
    node.kill()
    used = int(subprocess.run(["du", "-sm", node.directory / "data"], capture_output=True, text=True,
                              check=True).stdout.split()[0])
    keeper = subprocess.Popen(["unshare", "--map-root-user", "--mount", "sh", "-c",
                               KEEP.format(size=used + size_mib)], cwd=node.directory, text=True,
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert keeper.stdout.readline() == "ready\n", "no mount namespace"
    command = node.command
    room = Room(node, keeper)
    node.command = [*room.enter, "sh", "-c", 'cd "$0" && exec "$@"', str(node.directory), *command]
    node.start()
    try:
        yield room
    finally:
        node.kill()
        room.empty()
        keeper.stdin.write("end\n")
        keeper.stdin.flush()
        assert keeper.stdout.readline() == "done\n", "the data could not be taken back"
        keeper.wait(60)
        node.command = command
        node.start()
