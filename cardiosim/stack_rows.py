"""Scratch rows on the stack, for Numba kernels.

LLVM knows that memory on the stack overlaps no argument, so that a loop may read rows
of the state array and write scratch rows and still vectorise. Between two heap arrays
it would have to check at run time, row by row, and gives up.
"""

from __future__ import annotations

import llvmlite.ir as ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_CACHE_LINE = 64  # bytes


@intrinsic(prefer_literal=True)
def stack_rows(typing_context, n_rows, n_lanes):
    """Uninitialised (n_rows, n_lanes) array of float64; both are literals.

    It lives until the calling function returns and must not leave it.
    """
    array = types.Array(types.float64, 2, "C")

    def generate(context, builder, signature, arguments):
        rows, lanes = n_rows.literal_value, n_lanes.literal_value
        double = ir.DoubleType()
        with builder.goto_entry_block():
            storage = builder.alloca(ir.ArrayType(double, rows * lanes))
            storage.align = _CACHE_LINE
        value = context.make_array(array)(context, builder)

        def sizes(*numbers: int):
            constants = [context.get_constant(types.intp, n) for n in numbers]
            return cgutils.pack_array(builder, constants)

        context.populate_array(
            value,
            data=builder.bitcast(storage, double.as_pointer()),
            shape=sizes(rows, lanes),
            strides=sizes(8 * lanes, 8),
            itemsize=context.get_constant(types.intp, 8),
            meminfo=None,
        )
        return value._getvalue()

    return array(n_rows, n_lanes), generate
