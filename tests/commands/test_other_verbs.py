"""The verbs that only tell: cells, show-kernel, info; and what is no verb."""

import subprocess
import sys

import cardiosim as package


def test_cells_lists_what_ships(cardiosim):
    code, stdout, _ = cardiosim("cells")
    assert code == 0
    assert {"skibsbye2016", "nagumo"} <= {
        line.split()[0] for line in stdout.split("\n")[1:-1]
    }


def test_show_kernel_prints_the_generated_code(cardiosim):
    code, stdout, _ = cardiosim("show-kernel", "nagumo")
    assert code == 0
    assert "membrane_i_ion = " in stdout
    compile(stdout, "kernel", "exec")


def test_show_kernel_of_an_unknown_cell_names_the_nearest(cardiosim):
    code, stdout, stderr = cardiosim("show-kernel", "nagumi")
    assert (code, stdout) == (1, "")
    assert "nagumo" in stderr


def test_info_names_versions_and_machine(cardiosim):
    code, stdout, _ = cardiosim("info")
    assert code == 0
    for what in ("cardiosim", "numba", "processor", "threads", "load", "gpu"):
        assert f"\n{what} " in stdout or stdout.startswith(what)


def test_version(cardiosim):
    assert cardiosim("--version")[1] == f"cardiosim {package.__version__}\n"


def test_an_unknown_verb_is_a_usage_error(cardiosim):
    assert cardiosim("ran")[0] == 2


def test_the_command_line_starts_without_what_only_runs_need():
    heavy = "numba matplotlib pint myokit scipy"
    code = (
        "import sys; sys.argv = ['cardiosim', '--help']; "
        "from cardiosim.commands import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        f"assert not set(sys.modules) & set({heavy!r}.split())"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_ctrl_c_while_the_commands_are_imported_leaves_no_traceback():
    code = (
        "import sys; from cardiosim.commands import main\n"
        "class Stopped:\n"
        "    def find_spec(self, name, *more):\n"
        "        if name == 'cardiosim.commands.run': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Stopped()); main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_importing_the_package_is_light():
    heavy = "numba matplotlib pint myokit h5py scipy"
    code = (
        f"import cardiosim, sys; assert not set(sys.modules) & set({heavy!r}.split())"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
