"""What the command line says and what it keeps to itself; its examples and hints work."""

import re
import shlex
import subprocess
import sys

import pytest

from cyclegan_tf.cli import main
from cyclegan_tf.cli import train as train_command
from cyclegan_tf.common.silence import LEVEL
from cyclegan_tf.data import npz
from cyclegan_tf.data.synthetic.cartoons import cartoons
from cyclegan_tf.methods.names import METHODS
from support.datasets import make_dataset


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Another folder, where paths are relative."""
    monkeypatch.setattr(train_command, "_set_up_tensorflow", lambda deterministic: None)
    monkeypatch.chdir(tmp_path)


def run(line):
    return main.main(shlex.split(line))


def help_of(command, capsys):
    with pytest.raises(SystemExit, match="0"):
        run(f"{command} --help")
    return capsys.readouterr().out


def parsed(line):
    """The options that a command line means; ends where it means none."""
    _, *words = shlex.split(line)
    options, unknown = main._parser(words).parse_known_intermixed_args(words[1:])
    assert unknown == []
    return options


@pytest.mark.parametrize("command", [*main.COMMANDS, *(f"train --method {n}" for n in METHODS)])
def test_each_command_has_two_examples_that_are_commands(command, capsys):
    lines = re.findall(r"^  (cyclegan-tf .*)$", help_of(command, capsys), re.MULTILINE)
    assert len(lines) == 2 and all(len(line) <= 82 for line in lines)
    for line in lines:
        assert parsed(line).run is main.COMMANDS[command.split()[0]].run
        assert line.startswith(f"cyclegan-tf {command.split()[0]}")


def test_the_help_of_train_without_a_method_is_short(capsys):
    assert len(help_of("train", capsys).splitlines()) < 90


@pytest.mark.parametrize("line", ["--quiet prepare x.npz {}", "prepare x.npz --quiet {}"])
def test_quiet_prints_results_and_errors_alone(line, capsys):
    assert run(line.format("--generated 2 1 --size 24")) == 0
    said = capsys.readouterr()
    assert said.out.startswith("x.npz: sketch and cartoon") and "Next" not in said.out
    assert said.err == ""
    assert run(line.format("--generated 2 1")) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("cyclegan-tf: x.npz exists")
    assert said.err.count("\n") == 1


def test_quiet_training_says_what_it_wrote(capsys, eager):
    npz.save("data.npz", make_dataset())
    small = "--filters 2 --blocks 0 --disc-layers 0 --epochs 1 --steps 1"
    assert run(f"train data.npz runs/one {small} --quiet") == 0
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()] == ["Images", "Report", "Generators"]
    assert said.err == ""


def test_verbose_shows_where_an_error_arose(capsys, monkeypatch):
    monkeypatch.setenv(LEVEL, "3")
    monkeypatch.setenv("CYCLEGAN_TF_DEBUG", "")
    assert run("translate none.keras here there") == 2
    assert "Traceback" not in capsys.readouterr().err
    assert run("--verbose translate none.keras here there") == 2
    assert "Traceback" in capsys.readouterr().err and main.os.environ[LEVEL] == "0"
    assert run("translate --quiet none.keras here there --verbose") == 2
    assert "--quiet and --verbose exclude each other" in capsys.readouterr().err


def test_a_script_completes_words_in_a_shell(capsys):
    pytest.importorskip("shtab")
    assert run("--print-completion bash") == 0
    script = capsys.readouterr().out
    asked = (
        "COMP_WORDS=(cyclegan-tf {}); COMP_CWORD=2; _shtab_cyclegan_tf; echo ${{COMPREPLY[@]}}\n"
    )
    asked = asked.format("serve --po") + asked.format("train --cycle")
    done = subprocess.run(["bash"], input=script + asked, text=True, capture_output=True)
    assert done.stdout == "--port\n--cycle-weight\n", done.stderr


@pytest.mark.parametrize("shell", ["", "fish", "bash zsh"])
def test_a_shell_that_is_not_known_is_refused(shell, capsys):
    assert run(f"--print-completion {shell}") == 2
    said = f"--print-completion takes bash, zsh, tcsh, received {shell or 'nothing'}."
    assert said in capsys.readouterr().err


def test_without_its_library_completion_names_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "shtab", None)
    assert run("--print-completion zsh") == 2
    assert "pip install shtab" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "method"),
    [
        ("--generated 3 2 --size 24", "cyclegan_fast"),
        ("--generated 3 2 --size 24 --paired", "pix2pix"),
        pytest.param("--heads 1 1 --size 24", "mri_to_ct", marks=pytest.mark.slow),
        ("--digits drawn --limit 10", "cgan"),
        ("--generated 3 2 --size 16", None),  # too small for a discriminator's patches
    ],
)
def test_the_hint_after_preparing_trains_on_what_was_prepared(source, method, capsys):
    assert run(f"prepare 'my data.npz' {source}") == 0
    hints = re.findall(r"^Next: (.*)$", capsys.readouterr().out, re.MULTILINE)
    assert len(hints) == (method is not None)
    for hint in hints:
        options = parsed(hint)
        assert (options.data, str(options.folder)) == ("my data.npz", "saved_models/my data")
        hint = hint.replace("--minutes 10", "--epochs 1 --dry-run").removeprefix("cyclegan-tf ")
        assert run(hint) == 0 and options.method == method


@pytest.mark.slow
def test_the_hint_after_training_shows_what_was_learned(tmp_path, capsys, eager):
    (tmp_path / "data").mkdir()
    faces = cartoons(3, (24, 24))
    npz.save("data/faces.npz", npz.Dataset(faces, faces, faces[:1], faces[:1]))
    small = "--filters 2 --blocks 0 --disc-layers 0 --epochs 1 --steps 1"
    assert run(f"train data/faces.npz 'runs/my faces' {small}") == 0
    (hint,) = re.findall(r"^Next +cyclegan-tf (.*)$", capsys.readouterr().out, re.MULTILINE)
    assert run(hint) == 0
    assert (tmp_path / "my faces.png").is_file()


def test_an_unknown_method_or_command_is_refused_with_status_2(capsys):
    for line in ("--quiet", "--quiet paint", "train a b --method nothing"):
        with pytest.raises(SystemExit, match="2"):
            run(line)
    assert "usage: cyclegan-tf" in capsys.readouterr().err
