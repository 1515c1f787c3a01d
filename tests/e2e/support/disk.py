"""Filesystems of a test's own."""

import subprocess


class Disk:
    """A filesystem in a file, which gets another device number at every mount."""

    def __init__(self, directory, mount_point, *options, size=16 << 20):
        self.image = directory / "image"
        self.mount_point = mount_point
        self.loops = []
        with self.image.open("wb") as image:
            image.truncate(size)
        subprocess.run(["mkfs.ext4", "-q", *options, self.image], check=True, capture_output=True)

    def mount(self, namespace):
        loop = subprocess.run(["losetup", "--find", "--show", self.image], check=True, capture_output=True,
                              text=True).stdout.strip()
        self.loops.append(loop)
        namespace.run("mount", loop, str(self.mount_point))

    def unmount(self, namespace):
        namespace.run("umount", str(self.mount_point))

    def detach(self):
        for loop in self.loops:
            subprocess.run(["losetup", "--detach", loop], check=False)
