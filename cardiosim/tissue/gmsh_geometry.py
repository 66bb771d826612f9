"""Geometries of Gmsh (.geo), meshed by the gmsh package of the optional `mesh` extra.

A .geo file is a program, in a language that can run others and write files. To read a
mesh must not do that: a file with such a word in it is refused, strings and comments
included. Where Gmsh sees a comment or a string cannot be told from outside: a loop goes
on behind the line that it began in, which may be the middle of a comment, and strings
end after 1023 characters. The same holds for the order of words, so that a file that
prints and has a ">" anywhere is refused too. What is left is meshed as a copy in a
folder of its own, since Gmsh obeys a file FILE.geo.opt that lies beside FILE.geo.

Reference: Geuzaine, Remacle 2009, doi:10.1002/nme.2579; Gmsh reference manual,
"Gmsh scripting language"
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

# What runs a program, ends this one, writes, reads further files that nobody has looked
# at, or makes code out of strings; and the options that name files or programs
# (General.LogFileName writes as soon as it is set): only those of Mesh, Geometry and
# View are left. A name ends where Gmsh's scanner ends it: 2Save is a number and a word.
_REFUSED = re.compile(
    r"(?<![A-Za-z_])(System|SystemCall|NonBlockingSystemCall|OnelabRun|OnelabAction"
    r"|ExternalProcess|Parse|ParseFile|Include|Merge|MergeWithBoundingBox|MergeFile"
    r"|ShapeFromFile|ListFromFile|Save|Print|CreateDir|RenameFile|SetEnv|GetEnv|Plugin"
    r"|SendToServer|StringToName|S2N|General|Solver|PostProcessing|ONELAB|Onelab"
    r"|Abort|Exit)(?![A-Za-z0-9_])"
)
_PRINTING = re.compile(r"(?<![A-Za-z_])(Printf|Warning|Error)(?![A-Za-z0-9_])")
_TO_FILE = re.compile(r">(?!=)")


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
    text = path.read_bytes().decode("latin-1")  # byte by byte, as Gmsh reads
    refused = _REFUSED.search(text)
    if refused is None and _TO_FILE.search(text):
        refused = _PRINTING.search(text)
    if refused:
        what = refused.group()
        what = f'"{what}" beside a ">"' if _PRINTING.match(what) else f'"{what}"'
        raise ValueError(
            f"{path}: {what} can start programs or touch other files, which reading a "
            "mesh never does; if you trust the file, mesh it with Gmsh itself and "
            "give the .msh"
        )
    try:
        import gmsh
    except (ImportError, OSError) as error:  # OSError: a system library is missing
        raise RuntimeError(
            f"{path} is a geometry, which gmsh meshes: pip install 'cardiosim[mesh]' "
            f"({error})"
        ) from None
    target, copy = folder / f"{path.stem}.msh", folder / path.name
    shutil.copyfile(path, copy)
    ours = not gmsh.isInitialized()
    if ours:  # neither options of the user's other work nor another handler of Ctrl-C
        gmsh.initialize(readConfigFiles=False, interruptible=False)
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.logger.start()
        gmsh.open(str(copy))
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
        line = (said[0] if said else str(error)).replace(str(copy), path.name)
        raise ValueError(f"{path}: Gmsh: {line}") from None
    finally:
        if ours:
            gmsh.finalize()
    return target
