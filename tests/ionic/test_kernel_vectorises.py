"""The production kernels are vector code: losing that costs seven times, silently.

Read from the machine code: divisions, roots and multiplications of the loop over a
strip's nodes must be packed. One scalar call or one branch in the loop would make all
of them scalar.
"""

import importlib.util
import platform
import re
from collections import Counter

import llvmlite.binding as llvm
import pytest
from numba import types

from cardiosim.ionic import emit_numba
from cardiosim.ionic.cell_library import model_source
from cardiosim.ionic.economy import count_operations
from cardiosim.ionic.emit_numba import economical
from cardiosim.ionic.reaction import SCHEMES, reaction

MATRIX, VECTOR = types.float64[:, ::1], types.float64[::1]
SIGNATURE = (
    *(MATRIX, MATRIX, VECTOR),
    *(types.int64, types.int64, types.float64, types.int64, types.int64),
)

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64")
    or not llvm.get_host_cpu_features().get("avx"),
    reason="reads the assembly of processors with AVX",
)


def imported(path, source):
    """Module of a source text, by way of a file."""
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def kernel_assembly(module):
    """Machine code of the kernel, without the wrappers that unpack its arguments."""
    module.react_strips.compile(SIGNATURE)
    (assembly,) = module.react_strips.inspect_asm().values()
    kernel, *wrappers = re.split(r"^\.?Lfunc_end\d+:", assembly, flags=re.MULTILINE)
    assert wrappers
    return kernel


@pytest.fixture(scope="module")
def kernels(tmp_path_factory):
    """(source, assembly, reaction step) by (scheme, strip)."""
    folder = tmp_path_factory.mktemp("kernels")
    equations = model_source("skibsbye2016").equations()

    def compiled(scheme, strip):
        step = reaction(equations, scheme)
        source = emit_numba.strip_module(step, cache=False, strip=strip)
        module = imported(folder / f"{scheme}_{strip}.py", source)
        return source, kernel_assembly(module), step

    return {
        (scheme, strip): compiled(scheme, strip)
        for scheme in SCHEMES
        for strip in (emit_numba.NARROW_STRIP, emit_numba.WIDE_STRIP)
    }


each_kernel = pytest.mark.parametrize(
    ("scheme", "strip"),
    [
        (scheme, strip)
        for scheme in SCHEMES
        for strip in (emit_numba.NARROW_STRIP, emit_numba.WIDE_STRIP)
    ],
)


def instructions(assembly):
    """How often each instruction occurs."""
    return Counter(re.findall(r"^\s+([a-z]\w+)\b", assembly, re.MULTILINE))


def count(occurrences, pattern):
    return sum(n for name, n in occurrences.items() if re.fullmatch(pattern, name))


def divisions(step):
    """Divisions of one node's step by something that is no number."""
    lists = [step.main]
    if step.substep:
        lists += [step.substep.gate_step, step.substep.potential_step]
    return sum(count_operations(assignments)["/"] for assignments in lists)


@each_kernel
def test_divisions_of_the_strip_are_packed(kernels, scheme, strip):
    _, assembly, step = kernels[scheme, strip]
    found = instructions(assembly)
    packed, scalar = count(found, "v?divpd"), count(found, "v?divs[sd]")
    in_step = divisions(economical(step))
    # LLVM may find a division that two equations share.
    assert packed > 0.9 * in_step > 50
    # dt/n_substeps: nothing that is done for every node.
    assert scalar <= 1


@each_kernel
def test_roots_of_the_strip_are_packed(kernels, scheme, strip):
    found = instructions(kernels[scheme, strip][1])
    assert count(found, "v?sqrtpd") >= 1  # Na_ss^1.5 of the pump
    assert count(found, "v?sqrtsd") == 0


@each_kernel
def test_scalar_arithmetic_is_that_of_dt_alone(kernels, scheme, strip):
    """Hoisted exponentials of dt over constant time constants are scalar, once."""
    _, assembly, step = kernels[scheme, strip]
    found = instructions(assembly)
    packed = count(found, r"v?(mulpd|addpd|subpd|fn?m(add|sub)\d+pd)")
    scalar = count(found, r"v?(mulsd|addsd|subsd|fn?m(add|sub)\d+sd)")
    # An exponential is 16 operations; 3 of multirate halve and double h.
    assert scalar <= 17 * len(step.hoisted) + 5
    assert len(step.hoisted) < 20
    assert packed > 1000


#: Rows are copied back, and large scratch could be taken from the heap.
MEMORY = {"memcpy", "memmove", "memset", "NRT_Allocate", "NRT_Free"}


def symbols(assembly):
    """Functions whose address the code takes, to call them."""
    return set(re.findall(r"\$([A-Za-z_]\w*)", assembly)) | set(
        re.findall(r"^\s+callq?\s+([A-Za-z_]\w*)", assembly, re.MULTILINE)
    )


@each_kernel
def test_the_strip_calls_no_function(kernels, scheme, strip):
    """exp, log, pow of the math library would be called here, for every node."""
    assert symbols(kernels[scheme, strip][1]) <= MEMORY


def test_vectors_are_as_wide_as_the_processor_has_them(kernels):
    features = llvm.get_host_cpu_features()
    _, assembly, _ = kernels["rush_larsen", emit_numba.WIDE_STRIP]
    registers = Counter(re.findall(r"vdivpd\s.*%([xyz])mm\d+\s*$", assembly, re.M))
    # Older Intel processors are given 256 bits by LLVM where they have 512.
    assert not features.get("avx2") or registers["x"] == 0
    assert registers["y"] + registers["z"] > 40


def test_library_functions_would_be_noticed(kernels, tmp_path):
    """The same kernel with the library's exp calls it for every node."""
    source, _, _ = kernels["rush_larsen", emit_numba.NARROW_STRIP]
    slow = source.replace("exp_within(", "library_exp(").replace(
        "KERNEL = {",
        "@njit\ndef library_exp(x, limit):\n    return np.exp(x)\n\n\nKERNEL = {",
        1,
    )
    assert slow.count("library_exp(") > 40
    assembly = kernel_assembly(imported(tmp_path / "slow.py", slow))
    assert symbols(assembly) - MEMORY
