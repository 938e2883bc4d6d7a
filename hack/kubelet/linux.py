# SPDX-License-Identifier: Apache-2.0
"""The system calls that Python 3.11 has no names for."""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1, 2, 4, 8, 32, 4096, 16384, 1 << 18)
CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = (
    0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000)
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_READ, PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 1, 23, 24, 38
CAPABILITIES = """chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable
    net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace
    sys_pacct sys_admin sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control
    setfcap mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf
    checkpoint_restore""".upper().split()

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def _bytes(text):
    return None if text is None else os.fsencode(text)


def unshare(flags):
    _check(_libc.unshare(flags), "unshare")


def setns(descriptor, kind=0):
    _check(_libc.setns(descriptor, kind), "setns")


def mount(source, target, kind=None, flags=0, options=None):
    _check(_libc.mount(_bytes(source), _bytes(target), _bytes(kind), ctypes.c_ulong(flags), _bytes(options)),
           f"mount {target}")


def bind(source, target, read_only=False):
    """Shows `source` at `target` too, without programs that gain rights and without devices."""
    mount(source, target, None, MS_BIND | MS_REC)
    mount(None, target, None,
          MS_REMOUNT | MS_BIND | MS_NOSUID | MS_NODEV | (MS_RDONLY if read_only else 0))


def pivot_root(root):
    """Makes `root`, a mount point, the root directory, and lets go of the old one."""
    os.chdir(root)
    _check(_libc.pivot_root(b".", b"."), "pivot_root")
    _check(_libc.umount2(b".", MNT_DETACH), "umount")
    os.chdir("/")


def prctl(option, value=0):
    return _check(_libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def set_seccomp_filter(program):
    """`program` is a struct sock_fprog."""
    pr_set_seccomp, mode_filter = 22, 2
    _check(_libc.prctl(pr_set_seccomp, mode_filter, program, 0, 0), "prctl seccomp")


def limit_capabilities(names):
    """Takes every capability but these out of the bounding set."""
    for number, name in enumerate(CAPABILITIES):
        if name not in names:
            # One that this kernel does not know, or that we do not have, cannot be dropped and need not be.
            with contextlib.suppress(OSError):
                if prctl(PR_CAPBSET_READ, number):
                    prctl(PR_CAPBSET_DROP, number)


def bring_up_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        siocsifflags, up_and_running = 0x8914, 0x41
        fcntl.ioctl(control, siocsifflags, struct.pack("16sh14x", b"lo", up_and_running))


class NetworkNamespace:
    """Where sockets can be made that belong to another network than ours."""

    def __init__(self, pid):
        self.own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        self.other = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def socket(self):
        """A socket stays in the network it was made in, whatever becomes of the thread that made it."""
        setns(self.other, CLONE_NEWNET)
        try:
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        finally:
            setns(self.own, CLONE_NEWNET)
