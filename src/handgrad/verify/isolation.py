"""What a process gives up before it runs somebody's code: writing outside its folder, rights, memory, time.

It stands alone, without handgrad, as the process loads it by its path. `unshare` or bubblewrap has made the namespaces:
no network, and processes that end together.
"""

import ctypes
import os
import platform
import resource
import shutil
import stat

MOUNT_SETATTR = 442  # the number of the system call on every processor
AT_FDCWD, AT_RECURSIVE, READ_ONLY = -100, 0x8000, 1
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
CAPSET = {"x86_64": 126, "aarch64": 91}
SCRATCH = "size=256m,mode=700"
LARGEST_FILE, MOST_COPIED, MOST_FILES = 20 << 20, 128 << 20, 4000
LIMITS = {
    resource.RLIMIT_CPU: 90,
    resource.RLIMIT_AS: 6 << 30,
    resource.RLIMIT_FSIZE: 64 << 20,
    resource.RLIMIT_NOFILE: 256,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NPROC: 4096,  # of all processes of a user: the parent counts those of this one
}

libc = ctypes.CDLL(None, use_errno=True)


class _Attributes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "userns")]


def set_limits():
    """Processor time, address space, size of files, number of open files and processes."""
    for limit, value in LIMITS.items():
        _, most = resource.getrlimit(limit)
        value = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(limit, (value, value))


def close_mounts(scratch):
    """Every file system becomes read only but `scratch`, which lies in memory.  Raises  OSError."""
    _called(libc.mount(b"none", b"/", None, 1 << 14 | 1 << 18, None))  # MS_REC | MS_PRIVATE
    attributes = _Attributes(READ_ONLY, 0, 0, 0)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    _called(libc.syscall(MOUNT_SETATTR, AT_FDCWD, b"/", AT_RECURSIVE, ctypes.byref(attributes), size))
    _called(libc.mount(b"tmpfs", os.fsencode(scratch), b"tmpfs", 0, SCRATCH.encode()))


def drop_rights():
    """No capability is left, and none comes back with another program.  Raises  OSError."""
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # those beyond the kernel's last are refused
    _called(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    head, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    _called(libc.syscall(CAPSET[platform.machine()], ctypes.byref(head), ctypes.byref(none)))


def copy_folder(source, target):
    """Copy the regular files of a folder; returns what was left out, and why."""
    left, total, count = [], 0, 0
    for top, folders, files in os.walk(source):
        inside = os.path.relpath(top, source)
        links = [name for name in folders if os.path.islink(os.path.join(top, name))]
        folders[:] = [name for name in folders if name not in links and name not in (".git", "__pycache__")]
        left += [(os.path.join(inside, name), "a link") for name in links]
        os.makedirs(os.path.join(target, inside), exist_ok=True)
        for name in files:
            path = os.path.join(top, name)
            status = os.lstat(path)
            why = "no regular file" if not stat.S_ISREG(status.st_mode) else ""
            why = why or (f"{status.st_size >> 20} MB" if status.st_size > LARGEST_FILE else "")
            why = why or ("too many files" if total + status.st_size > MOST_COPIED or count > MOST_FILES else "")
            if why:
                left.append((os.path.join(inside, name), why))
                continue
            total, count = total + status.st_size, count + 1
            try:
                shutil.copyfile(path, os.path.join(target, inside, name))
            except OSError as error:
                left.append((os.path.join(inside, name), error.strerror or "unreadable"))
    return [(os.path.normpath(name), why) for name, why in left[:40]]


def _called(result):
    if result:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
