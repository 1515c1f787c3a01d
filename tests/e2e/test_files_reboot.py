"""A reboot: another boot id, other device numbers (SCORECARD T17)."""

import os

import pytest

from support.disk import Disk
from support.file_case import in_variants, with_patterns
from support.namespace import Namespace
from support.privilege import needs_loop_mounts
from support.segment import rewrite_boot

# A reboot ends the agent, one way or the other.
when_down = in_variants("stopped", "killed")
OTHER_BOOT = "01234567-89ab-cdef-0123-456789abcdef"


def other_device(device):
    return device + 0x1f00


@when_down
@with_patterns("app.log*")
@pytest.mark.parametrize("renamed", [False, True], ids=["where they were", "renamed"])
def test_t17_files_are_known_under_another_device_number(case, renamed):
    for number in range(30):
        case.write(20, case.logs / f"app.log.{number}", str(number))
    case.write(100)
    case.start()
    case.settled()
    case.interrupt()
    rewrite_boot(case.agent.state_dir / "web", OTHER_BOOT, other_device)
    case.write(100)
    if renamed:
        os.rename(case.log, case.logs / "app.log.30")
        case.write(100, source="anew")
    case.resume()
    case.settled()
    # Twice, because now the numbers of this boot are stored.
    case.interrupt()
    case.write(100, source="more")
    case.check()


@when_down
def test_t17_another_boot_with_the_same_device_numbers(case):
    case.write(100)
    case.start()
    case.settled()
    case.interrupt()
    rewrite_boot(case.agent.state_dir / "web", OTHER_BOOT, lambda device: device)
    case.write(100)
    case.check()


@needs_loop_mounts
@when_down
@with_patterns("disk/app.log*")
@pytest.mark.parametrize("inode_size", [256, 128], ids=["with times of birth", "without"])
def test_t17_a_filesystem_is_mounted_anew_after_a_reboot(case, tmp_path, inode_size):
    mount_point = case.logs / "disk"
    mount_point.mkdir()
    boot_id = tmp_path / "boot_id"
    boot_id.write_text(OTHER_BOOT + "\n", encoding="ascii")
    namespace = Namespace()
    disk = Disk(tmp_path, mount_point, "-I", str(inode_size))
    case.wrapper = namespace.enter
    try:
        disk.mount(namespace)
        log = namespace.path(mount_point / "app.log")
        for number in range(1, 6):
            case.write(20, log.with_name(f"app.log.{number}"), str(number))
        case.write(100, log)
        device = log.stat().st_dev
        case.start()
        case.settled()
        case.interrupt()
        case.write(50, log)
        disk.unmount(namespace)
        disk.mount(namespace)
        assert log.stat().st_dev != device
        namespace.run("mount", "--bind", str(boot_id), "/proc/sys/kernel/random/boot_id")
        case.write(50, log)
        case.check()
    finally:
        case.agent.stop()
        namespace.end()
        disk.detach()
