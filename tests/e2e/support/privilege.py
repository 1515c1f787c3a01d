"""What needs a privilege, or the lack of one."""

import os
import subprocess

import pytest

# Without the two capabilities, permissions count for root as for everybody else.
BOUND_BY_PERMISSIONS = (
    ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all"]
    if os.geteuid() == 0 else [])


def _works(*command):
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def needs(*command):
    """Skips the test where this command does not work."""
    return pytest.mark.skipif(not _works(*command), reason=f"{' '.join(command)} does not work here")


needs_mounts = needs("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
needs_loop_mounts = needs("sh", "-c", "command -v mkfs.ext4 nsenter && losetup --find && "
                          "unshare --mount mount -t tmpfs tmpfs /mnt")
needs_user_namespaces = needs("unshare", "--user", "--map-root-user", "sh", "-c",
                              "echo 1 > /proc/sys/user/max_inotify_watches")
