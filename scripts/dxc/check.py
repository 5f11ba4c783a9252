"""Compiles HLSL to DXIL with the DirectX shader compiler, as wgpu has it compiled on Windows.

check.py LIBRARY FILE..      each file's entry point main; prints what is refused, and fails if anything is
check.py --extract ARCHIVE LIBRARY
                             takes this machine's build of the compiler out of the source archive of compushady
"""

import ctypes
import platform
import sys
import tarfile
import uuid
from pathlib import Path

ARGUMENTS = ["-E", "main", "-T", "cs_6_0", "-HV", "2018", "-no-warnings"]
UTF8 = 65001


def builds():
    """The ends of the names of this machine's builds."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    return (".dylib",) if sys.platform == "darwin" else (f"libdxcompiler_{machine}.so.3.7",)


def extract(archive, library):
    with tarfile.open(archive) as tar:
        found = [member for member in tar.getmembers() if member.isfile() and member.name.endswith(builds())]
        if len(found) != 1:
            raise SystemExit(f"there is no build for {sys.platform} on {platform.machine()}")
        Path(library).write_bytes(tar.extractfile(found[0]).read())


class Guid(ctypes.Structure):
    _fields_ = [("bytes", ctypes.c_ubyte * 16)]

    def __init__(self, text):
        super().__init__((ctypes.c_ubyte * 16)(*uuid.UUID(text).bytes_le))


class Source(ctypes.Structure):
    """DxcBuffer of dxcapi.h."""

    _fields_ = [("start", ctypes.c_char_p), ("size", ctypes.c_size_t), ("encoding", ctypes.c_uint32)]


COMPILER_CLASS = Guid("73e22d93-e6ce-47f3-b5bf-f0664f39c1b0")
COMPILER = Guid("228b4687-5a6a-4730-900c-9702b2203f54")
RESULT = Guid("58346cda-dde7-4497-9461-6f87af5e0659")
BLOB = Guid("8ba5fb08-5195-40e2-ac58-0d989c3a0102")

# The places of methods in the tables of dxcapi.h. Outside of Windows IUnknown has a destructor, which takes two.
RELEASE, COMPILE, STATUS, OUTPUT, POINTER, SIZE = 2, 5, 5, 9, 5, 6
OBJECT, ERRORS = 1, 2


def call(this, place, *arguments, returns=ctypes.c_int32):
    """Calls a method of a COM object; arguments are ctypes values."""
    table = ctypes.cast(this, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p)))[0]
    kinds = [type(argument) for argument in arguments]
    return ctypes.CFUNCTYPE(returns, ctypes.c_void_p, *kinds)(table[place])(this, *arguments)


def address(value):
    return ctypes.c_void_p(ctypes.addressof(value))


def output(result, kind):
    """A part of a result, as bytes."""
    blob = ctypes.c_void_p()
    status = call(result, OUTPUT, ctypes.c_int(kind), address(BLOB), address(blob), ctypes.c_void_p())
    if status < 0 or not blob:
        return b""
    start, size = call(blob, POINTER, returns=ctypes.c_void_p), call(blob, SIZE, returns=ctypes.c_size_t)
    found = ctypes.string_at(start, size) if start else b""
    call(blob, RELEASE)
    return found


def compile_file(compiler, path):
    """What is wrong with a file; empty where nothing is."""
    text = Path(path).read_bytes()
    source, result, status = Source(text, len(text), UTF8), ctypes.c_void_p(), ctypes.c_int32()
    arguments = (ctypes.c_wchar_p * len(ARGUMENTS))(*ARGUMENTS)
    count = ctypes.c_uint32(len(ARGUMENTS))
    done = call(
        compiler, COMPILE, address(source), address(arguments), count, ctypes.c_void_p(), address(RESULT), address(result)
    )
    if done < 0 or not result:
        return f"the compiler gives {done & 0xFFFFFFFF:#x}"
    call(result, STATUS, address(status))
    errors, code = output(result, ERRORS).rstrip(b"\0").decode(errors="replace").strip(), output(result, OBJECT)
    call(result, RELEASE)
    return "" if status.value >= 0 and code.startswith(b"DXBC") else errors or "no code and no reason"


def main(arguments):
    if arguments[0] == "--extract":
        return extract(*arguments[1:])
    library, *files = arguments
    create, compiler = ctypes.CDLL(library).DxcCreateInstance, ctypes.c_void_p()
    if create(address(COMPILER_CLASS), address(COMPILER), address(compiler)) < 0 or not files:
        raise SystemExit("no compiler, or no files")
    reasons = [(Path(path).name, compile_file(compiler, path)) for path in files]
    refused = [f"DXC: {name}: {reason}" for name, reason in reasons if reason]
    if refused:
        raise SystemExit("\n".join(refused))


if __name__ == "__main__":
    main(sys.argv[1:])
