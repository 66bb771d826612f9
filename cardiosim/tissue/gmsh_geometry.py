"""Geometries of Gmsh (.geo), meshed by the gmsh package of the optional `mesh` extra.

A .geo file is a program, in a language that can run others and write files. To read a
mesh must not do that: a file with such a word in it is refused, comments included,
since a search for words cannot know where Gmsh sees a comment.

Reference: Geuzaine, Remacle 2009, doi:10.1002/nme.2579; Gmsh reference manual,
"Gmsh scripting language"
"""

from __future__ import annotations

import re
from pathlib import Path

# What runs a program, ends this one, writes, reads further files that nobody has looked
# at, or makes code out of strings.
_REFUSED = re.compile(
    r"\b(SystemCall|NonBlockingSystemCall|OnelabRun|ExternalProcess|Parse|Include"
    r"|Merge|MergeWithBoundingBox|MergeFile|ShapeFromFile|Save|Print|CreateDir"
    r"|SetEnv|Plugin|Solver|Exit)\b"
)
_WRITING = re.compile(r"\b(?:Printf|Warning|Error)\b[^;]*\)\s*>")


def meshed(path: Path, folder: Path) -> Path:
    """Mesh a geometry with first-order elements.

    Args:
        path: a .geo file.
        folder: to write the mesh to.

    Returns:
        The mesh, a .msh file.

    Raises:
        ValueError: the geometry has a mistake, has nothing to mesh, or does more than
            describe a geometry.
        RuntimeError: gmsh is not installed.
    """
    text = path.read_text(encoding="utf-8", errors="replace")
    refused = _REFUSED.search(text) or _WRITING.search(text)
    if refused:
        raise ValueError(
            f'{path}: "{refused.group().split("(")[0].strip()}" can start programs or '
            "touch other files, which reading a mesh never does; if you trust the "
            "file, mesh it with Gmsh itself and give the .msh"
        )
    try:
        import gmsh
    except (ImportError, OSError) as error:  # OSError: a system library is missing
        raise RuntimeError(
            f"{path} is a geometry, which gmsh meshes: pip install 'cardiosim[mesh]' "
            f"({error})"
        ) from None
    target = folder / f"{path.stem}.msh"
    ours = not gmsh.isInitialized()
    if ours:  # neither options of the user's other work nor another handler of Ctrl-C
        gmsh.initialize(readConfigFiles=False, interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.logger.start()
        gmsh.open(str(path))
        dimension = gmsh.model.getDimension()
        if dimension < 1:
            raise ValueError(f"{path} describes no curve, surface or volume to mesh")
        gmsh.model.mesh.generate(dimension)
        gmsh.option.setNumber("Mesh.SaveAll", 0)
        gmsh.option.setNumber("Mesh.MshFileVersion", 4.1)
        gmsh.option.setNumber("Mesh.Binary", 1)
        gmsh.write(str(target))
    except ValueError:
        raise
    except Exception as error:  # gmsh raises nothing more particular
        said = [line for line in gmsh.logger.get() if line.startswith("Error")]
        raise ValueError(f"{path}: Gmsh: {said[0] if said else error}") from None
    finally:
        if ours:
            gmsh.finalize()
    return target
