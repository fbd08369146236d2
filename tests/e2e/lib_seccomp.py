"""Filters of system calls."""
import ctypes
import os
import resource
import struct

PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP = 38, 22
SECCOMP_MODE_FILTER = 2
KILL, ALLOW = 0x80000000, 0x7fff0000  # SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW
LOAD, IF_EQUAL, RETURN = 0x20, 0x15, 0x06  # of struct sock_filter, words and constants
NUMBER, ARCH, FIRST_ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data
AUDIT_ARCH_X86_64 = 0xc000003e
SYS_PTRACE, SYS_PERF_EVENT_OPEN = 101, 298
REFUSE, EPERM = 0x50000, 1  # SECCOMP_RET_ERRNO

LIBC = ctypes.CDLL(None, use_errno=True)


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def install(instructions):
    """From now on the kernel asks this filter, here and in what is executed."""
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in instructions)
    program = Program(len(instructions), code)
    if os.getuid() != 0 and LIBC.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 or \
            LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(program), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "seccomp")


def kill_at_ptrace(request):
    """From now on the kernel kills this process, and what it executes, when it calls ptrace with
    this request: no instruction of it is executed after that."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    install(((LOAD, 0, 0, ARCH), (IF_EQUAL, 0, 5, AUDIT_ARCH_X86_64),
             (LOAD, 0, 0, NUMBER), (IF_EQUAL, 0, 3, SYS_PTRACE),
             (LOAD, 0, 0, FIRST_ARGUMENT), (IF_EQUAL, 0, 1, request),
             (RETURN, 0, 0, KILL), (RETURN, 0, 0, ALLOW)))


def refuse(number):
    """From now on a system call is not permitted."""
    install(((LOAD, 0, 0, ARCH), (IF_EQUAL, 0, 3, AUDIT_ARCH_X86_64),
             (LOAD, 0, 0, NUMBER), (IF_EQUAL, 0, 1, number),
             (RETURN, 0, 0, REFUSE | EPERM), (RETURN, 0, 0, ALLOW)))


def works():
    """Whether filters can be had, tried in a child."""
    child = os.fork()
    if child == 0:
        try:
            kill_at_ptrace(0)
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0
