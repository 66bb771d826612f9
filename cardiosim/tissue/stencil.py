"""The inner loop of finite differences: M u and K u of a row of bricks.

A brick's matrices (finite_difference.py) are sums of products of the sums and
differences of its corners along each axis. With s a sum, d a difference (far minus
near) and

    m = (dx / 4) (s s' + r d d'),  r = 1 - 2 a / 3;   k = d d' / dx;   c = d s' / 2

the differences of a brick's eight corners, seven of them, are found with 24 additions,
multiplied by a few numbers, and put back with 24 more. Their coefficients are, with
v = dx dy dz / 64 and the letters of an axis where the difference is taken,

    x:    4 v [Dxx/dx^2 x + Dxy/(dx dy) y + Dxz/(dx dz) z]
    xy:   4 v r [(Dxx/dx^2 + Dyy/dy^2 - 2 s t |Dxy|/(dx dy)) xy
                 + Dxz/(dx dz) yz + Dyz/(dy dz) xz]
    xyz:  4 v r^2 (Dxx/dx^2 + Dyy/dy^2 + Dzz/dz^2) xyz

and so on for the other axes; the mass adds v (r^n - 1) for n differences to the lumped
mass. In two dimensions the z are missing and v = dx dy / 16, in one v = dx / 4.
finite_difference.py says what s t takes away.

Bricks are taken in rows along x, whose loops vectorise. Threads own planes of nodes and
take the bricks on both sides of them, so that none waits for another and the sum at a
node comes in the same order whatever the number of threads.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numba
import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from cardiosim.stack_rows import stack_rows

STRIP = 64  # bricks whose results stand on the stack before they are added
# Below this a thread has too little to do to be worth waking.
NODES_PER_THREAD = 16_000

_KERNEL = {"error_model": "numpy", "fastmath": {"contract"}, "cache": True}


def add_bricks(
    shape: tuple[int, ...],
    spacing: tuple[float, ...],
    consistent: float,
    mass: float,
    stiffness: float,
    bricks: NDArray[np.float64],
    lumped_mass: NDArray[np.float64],
    u: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Set out = (mass M + stiffness K) u.

    Args:
        shape: nodes along x, (y, (z)).
        spacing: mm.
        consistent: the blend a of the mass.
        mass: factor.
        stiffness: factor.
        bricks: whether each brick shares its mass (0 or 1), then the components of its
            tensor, mm2/ms: (2, n) xx; (4, n) xx, yy, xy; (8, n) xx, yy, zz, xy, xz,
            yz and t; n bricks, x fastest.
        lumped_mass: (n_nodes,).
        u: (n_nodes,).
        out: (n_nodes,), filled.
    """
    nx, ny, nz = (*shape, 1, 1)[:3]
    own_y = ny > nz  # threads share the longer of the two axes
    planes = ny if own_y else nz
    weights = _weights(spacing, consistent, mass, stiffness)
    arguments = (nx, ny, nz, own_y, weights, bricks, mass, lumped_mass, u, out)
    threads = min(numba.get_num_threads(), u.size // NODES_PER_THREAD, planes // 2)
    if threads > 1:
        _parallel(threads, *arguments)
    else:
        _planes(0, planes, *arguments)


@lru_cache(maxsize=32)
def _weights(
    spacing: tuple[float, ...], consistent: float, mass: float, stiffness: float
) -> NDArray[np.float64]:
    """Factors of the mass by number of differences, then of the tensor's components.

    Returns:
        v mass (r - 1), v mass (r^2 - 1), v mass (r^3 - 1), r, 4 v stiffness / (dx dx),
        ... in the order of the components, and 2 s with the sign of stiffness.
    """
    d, r = len(spacing), 1.0 - 2.0 * consistent / 3.0
    v = math.prod(spacing) / 4.0**d
    pairs = [(0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2)]
    of_mass = [v * mass * (r**n - 1.0) for n in (1, 2, 3)]
    of_tensor = [
        4.0 * v * stiffness / (spacing[i] * spacing[j])
        for i, j in pairs
        if max(i, j) < d
    ]
    # Times the size of a scaled component, which loses the sign of the factor.
    turned = math.copysign(2.0 * turned_share(consistent), stiffness)
    return np.array([*of_mass, r, *of_tensor, turned])


def turned_share(consistent: float) -> float:
    """Share s of the mixed differences that is turned, for the blend a of the mass."""
    return min(1.0, 2.0 - 2.0 * consistent)


@njit(parallel=True, **_KERNEL)
def _parallel(threads, nx, ny, nz, own_y, weights, bricks, mass, lumped_mass, u, out):
    planes = ny if own_y else nz
    for part in prange(threads):
        first = part * planes // threads
        last = (part + 1) * planes // threads
        _planes(
            first, last, nx, ny, nz, own_y, weights, bricks, mass, lumped_mass, u, out
        )


@njit(**_KERNEL)
def _planes(first, last, nx, ny, nz, own_y, weights, bricks, mass, lumped_mass, u, out):
    """Fill the planes first to last (exclusive) of `out`."""
    n = nx - 1
    own, other = (nx, nx * ny) if own_y else (nx * ny, nx)
    rows_y, rows_z = max(ny - 1, 1), max(nz - 1, 1)
    brick_own, brick_other = (n, n * rows_y) if own_y else (n * rows_y, n)
    for plane in range(first, last):
        for line in range(nz if own_y else ny):
            start = plane * own + line * other
            here = slice(start, start + nx)
            _scale(mass, lumped_mass[here], u[here], out[here])
    kind = bricks.shape[0]  # 2, 4, 8: one, two, three dimensions
    for layer in range(max(first - 1, 0), min(last, rows_y if own_y else rows_z)):
        near, far = first <= layer, layer + 1 < last
        for row in range(rows_z if own_y else rows_y):
            node = layer * own + row * other
            brick = layer * brick_own + row * brick_other
            end = brick + n
            y, z = node + nx, node + nx * ny
            if kind == 2:
                here = slice(node, y)
                _line(weights, bricks, brick, end, u[here], out[here])
            elif kind == 4:
                here, up = slice(node, y), slice(y, y + nx)
                _square(
                    weights,
                    bricks,
                    brick,
                    end,
                    u[here],
                    u[up],
                    out[here],
                    out[up],
                    near,
                    far,
                )
            else:
                takes = near, (far if own_y else near), (near if own_y else far), far
                here, up = slice(node, y), slice(y, y + nx)
                top, top_up = slice(z, z + nx), slice(z + nx, z + 2 * nx)
                _brick(
                    weights,
                    bricks,
                    brick,
                    end,
                    (u[here], u[up], u[top], u[top_up]),
                    (out[here], out[up], out[top], out[top_up]),
                    takes,
                )


@njit(inline="always", **_KERNEL)
def _scale(factor, weight, u, out):
    for i in range(out.size):
        out[i] = factor * weight[i] * u[i]


@njit(inline="always", **_KERNEL)
def _collect(near, far, out, start, count):
    """Add what bricks of a row give to the nodes at one of its edges."""
    for i in range(count):
        out[start + i] += near[i]
    for i in range(count):
        out[start + 1 + i] += far[i]


@njit(**_KERNEL)
def _line(weights, bricks, begin, end, u, out):
    m1, xx = weights[0], weights[4]
    shares, Dxx = bricks[0, begin:end], bricks[1, begin:end]
    part = stack_rows(2, STRIP)
    near, far = part[0], part[1]
    for start in range(0, shares.size, STRIP):
        count = min(STRIP, shares.size - start)
        for lane in range(count):
            i = start + lane
            x = (m1 * shares[i] + xx * Dxx[i]) * (u[i + 1] - u[i])
            near[lane] = -x
            far[lane] = x
        _collect(near, far, out, start, count)


@njit(**_KERNEL)
def _square(weights, bricks, begin, end, u, v, out_u, out_v, takes_u, takes_v):
    """Rows u and v at the near and far end of y."""
    m1, m2, r = weights[0], weights[1], weights[3]
    xx, yy, xy, two_s = weights[4], weights[5], weights[6], weights[7]
    shares, Dxx = bricks[0, begin:end], bricks[1, begin:end]
    Dyy, Dxy = bricks[2, begin:end], bricks[3, begin:end]
    part = stack_rows(4, STRIP)
    p0, p1, p2, p3 = part[0], part[1], part[2], part[3]
    for start in range(0, shares.size, STRIP):
        count = min(STRIP, shares.size - start)
        for lane in range(count):
            i = start + lane
            a, b = u[i + 1] - u[i], v[i + 1] - v[i]
            c, d = v[i] - u[i], v[i + 1] - u[i + 1]
            x, y, both = a + b, c + d, b - a
            share, kxx, kyy, kxy = shares[i], xx * Dxx[i], yy * Dyy[i], xy * Dxy[i]
            gx = (m1 * share + kxx) * x + kxy * y
            gy = (m1 * share + kyy) * y + kxy * x
            gxy = (m2 * share + r * (kxx + kyy - two_s * abs(kxy))) * both
            s, t = gx + gy, gx - gy
            p0[lane] = gxy - s
            p1[lane] = t - gxy
            p2[lane] = -t - gxy
            p3[lane] = s + gxy
        if takes_u:
            _collect(p0, p1, out_u, start, count)
        if takes_v:
            _collect(p2, p3, out_v, start, count)


@njit(**_KERNEL)
def _brick(weights, bricks, begin, end, rows, outs, takes):
    """Rows near and far in y at the near end of z, then at its far end."""
    m1, m2, m3, r = weights[0], weights[1], weights[2], weights[3]
    xx, yy, zz = weights[4], weights[5], weights[6]
    xy, xz, yz, two_s = weights[7], weights[8], weights[9], weights[10]
    shares, Dxx = bricks[0, begin:end], bricks[1, begin:end]
    Dyy, Dzz = bricks[2, begin:end], bricks[3, begin:end]
    Dxy, Dxz = bricks[4, begin:end], bricks[5, begin:end]
    Dyz, turned = bricks[6, begin:end], bricks[7, begin:end]
    u, v, w, q = rows
    part = stack_rows(8, STRIP)
    p0, p1, p2, p3 = part[0], part[1], part[2], part[3]
    p4, p5, p6, p7 = part[4], part[5], part[6], part[7]
    for start in range(0, shares.size, STRIP):
        count = min(STRIP, shares.size - start)
        for lane in range(count):
            i = start + lane
            # Sums and differences: along x, then of these along y, then along z.
            u0, u1, v0, v1 = u[i], u[i + 1], v[i], v[i + 1]
            w0, w1, q0, q1 = w[i], w[i + 1], q[i], q[i + 1]
            du, dv, dw, dq = u1 - u0, v1 - v0, w1 - w0, q1 - q0
            bottom, top = du + dv, dw + dq
            x, x_z = bottom + top, top - bottom
            bottom, top = dv - du, dq - dw
            x_y, x_yz = bottom + top, top - bottom
            bottom, top = (v0 - u0) + (v1 - u1), (q0 - w0) + (q1 - w1)
            y, y_z = bottom + top, top - bottom
            z = ((w0 - u0) + (w1 - u1)) + ((q0 - v0) + (q1 - v1))
            share, kxx, kyy, kzz = shares[i], xx * Dxx[i], yy * Dyy[i], zz * Dzz[i]
            kxy, kxz, kyz = xy * Dxy[i], xz * Dxz[i], yz * Dyz[i]
            one, two = m1 * share, m2 * share
            gx = (one + kxx) * x + kxy * y + kxz * z
            gy = (one + kyy) * y + kxy * x + kyz * z
            gz = (one + kzz) * z + kxz * x + kyz * y
            t = two_s * turned[i]
            txy, txz, tyz = t * abs(kxy), t * abs(kxz), t * abs(kyz)
            gxy = two * x_y + r * ((kxx + kyy - txy) * x_y + kxz * y_z + kyz * x_z)
            gxz = two * x_z + r * ((kxx + kzz - txz) * x_z + kxy * y_z + kyz * x_y)
            gyz = two * y_z + r * ((kyy + kzz - tyz) * y_z + kxy * x_z + kxz * x_y)
            gxyz = (m3 * share + r * r * (kxx + kyy + kzz)) * x_yz
            # Back to the corners, each with the signs of its differences.
            ax, ay, axy = gx - gxz, gy - gyz, gxy - gxyz
            s, t = ax + ay, ax - ay
            p0[lane] = (axy - gz) - s
            p1[lane] = t - (axy + gz)
            p2[lane] = -t - (axy + gz)
            p3[lane] = s + (axy - gz)
            ax, ay, axy = gx + gxz, gy + gyz, gxy + gxyz
            s, t = ax + ay, ax - ay
            p4[lane] = (axy + gz) - s
            p5[lane] = t - (axy - gz)
            p6[lane] = -t - (axy - gz)
            p7[lane] = s + (axy + gz)
        if takes[0]:
            _collect(p0, p1, outs[0], start, count)
        if takes[1]:
            _collect(p2, p3, outs[1], start, count)
        if takes[2]:
            _collect(p4, p5, outs[2], start, count)
        if takes[3]:
            _collect(p6, p7, outs[3], start, count)
