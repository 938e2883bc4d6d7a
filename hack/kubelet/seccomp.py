# SPDX-License-Identifier: Apache-2.0
"""A filter of system calls in the place of the container runtime's default profile.

That profile lists what is allowed; this one what is not, for a container without capabilities: the difference are calls
that are newer than the profile, or obsolete. A denied call fails with EPERM.
"""
import ctypes
import errno
import os
import re
import struct
from pathlib import Path

from . import linux

DENIED = """acct add_key bpf chroot clock_adjtime clock_settime create_module delete_module fanotify_init finit_module
    fsconfig fsmount fsopen fspick get_mempolicy init_module io_uring_enter io_uring_register io_uring_setup ioperm iopl
    kcmp kexec_file_load kexec_load keyctl lookup_dcookie mbind mount mount_setattr move_mount move_pages
    open_by_handle_at open_tree perf_event_open pivot_root quotactl quotactl_fd reboot request_key set_mempolicy
    setdomainname sethostname setns settimeofday swapoff swapon syslog sysfs umount2 unshare userfaultfd ustat
    vhangup""".split()
NAMESPACES = 0x7E020000  # every CLONE_NEW… flag that clone takes
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
ALLOW, ERRNO = 0x7FFF0000, 0x00050000
LOAD, EQUAL, ANY_BIT, RETURN = 0x20, 0x15, 0x45, 0x06
NUMBER, ARCH, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data


def numbers():
    """System calls by name, from the headers of this architecture; None if there are none."""
    for path in (*Path("/usr/include").glob(f"{os.uname().machine}-*/asm/unistd_64.h"),
                 Path("/usr/include/asm-generic/unistd.h")):
        if path.exists():
            found = re.findall(r"^#define __NR3?2?4?_?(\w+)\s+(\d+)$", path.read_text(), re.MULTILINE)
            return {name: int(number) for name, number in found}
    return None


def program():
    """The filter as the kernel's bytecode; None where it cannot be made."""
    known, arch = numbers(), AUDIT_ARCH.get(os.uname().machine)
    if not known or not arch:
        return None
    code = [(LOAD, 0, 0, ARCH), (EQUAL, 1, 0, arch), (RETURN, 0, 0, ERRNO | errno.EPERM), (LOAD, 0, 0, NUMBER)]
    # With ENOSYS the C library falls back to clone, whose flags can be looked at.
    code += [(EQUAL, 0, 1, known["clone3"]), (RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    for number in (known[name] for name in DENIED if name in known):
        code += [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | errno.EPERM)]
    code += [(EQUAL, 0, 3, known["clone"]), (LOAD, 0, 0, FIRST_ARGUMENT), (ANY_BIT, 0, 1, NAMESPACES),
             (RETURN, 0, 0, ERRNO | errno.EPERM), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("HBBI", *line) for line in code)


def install(code):
    """Puts this process under the filter, for good; needs CAP_SYS_ADMIN."""
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(buffer))
    linux.set_seccomp_filter(ctypes.create_string_buffer(header, len(header)))
