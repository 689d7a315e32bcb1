"""Artifacts as they would be at a revision of the git repository that one works in.

What the revision decides: the model file and the tuning records, where they are of the repository, and, in a
checkout of armlet's own, armlet itself.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..artifact import Artifact
from ..errors import ArmletError, InvalidArtifactError, UsageError

PACKAGE = Path(__file__).resolve().parents[1]
# The command line, without what the working directory has by names of modules.
ARMLET = (sys.executable, "-P", "-c", "from armlet.cli import main; main()")


@contextmanager
def rebuilt(artifacts: Sequence[Artifact], revision: str) -> Iterator[list[Artifact]]:
    """`artifacts`, each compiled again at `revision`, as long as the block lasts.

    Raises UsageError if the working directory is of no git repository or that has no such revision,
    InvalidArtifactError if it does not decide an artifact, ArmletError if one cannot be compiled there.
    """
    repository = _repository(revision)
    with tempfile.TemporaryDirectory(prefix="armlet-revision-", ignore_cleanup_errors=True) as name:
        folder = Path(name).resolve()
        # A checkout, not an archive: models are often kept in Git LFS.
        tree = folder / "tree"
        _git(repository, "worktree", "add", "--detach", "--quiet", str(tree), revision)
        try:
            yield [
                _compiled(artifact, repository, tree, folder / str(number), revision)
                for number, artifact in enumerate(artifacts)
            ]
        finally:
            _git(repository, "worktree", "remove", "--force", str(tree))


def _repository(revision: str) -> Path:
    """The top of the repository that has `revision`."""
    here = Path.cwd()
    try:
        top = Path(_git(here, "rev-parse", "--show-toplevel"))
        _git(here, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    except ArmletError as error:
        raise UsageError(
            f"{revision} is neither the folder of an artifact nor a revision of a git repository at {here}"
        ) from error
    return top.resolve()


def _compiled(artifact: Artifact, repository: Path, tree: Path, work: Path, revision: str) -> Artifact:
    """`artifact` as `tree`, which is `repository` at `revision`, makes it in the folder `work`."""
    manifest, report = artifact.manifest, artifact.report.get("made_of")
    if not isinstance(report, dict) or not report.get("source"):
        raise InvalidArtifactError(
            f"{artifact.folder} does not say which model it was made of: make it with armlet compile"
        )
    made_of = {name: report[name] for name in ("source", "weights", "database") if report.get(name)}
    named = {name: _at(path, repository, tree) for name, path in made_of.items()}
    if repository != PACKAGE and named == made_of:
        raise InvalidArtifactError(
            f"{revision} says nothing of {artifact.folder}: it was made of {' and '.join(made_of.values())}, "
            f"which is not in {repository}"
        )
    options = [f"--{name}={manifest[name]}" for name in ("precision", "layout")]
    options += [f"--target={manifest['target']['core']}", f"--os={manifest['target']['os']}"]
    options += [f"--name={manifest['c_library']['name']}", f"--output={work / 'artifact'}"]
    for name, sizes in report["input_shapes"].items():
        options.append(f"--input-shape={f'{name}=' if name else ''}{','.join(map(str, sizes))}")
    if "weights" in named:
        options += [f"--weights={named['weights']}", f"--source={report['whose']}"]
    # There may have been no records then.
    if Path(named.get("database", "")).is_file():
        options.append(f"--database={named['database']}")
    environment = dict(os.environ)
    work.mkdir()
    if repository == PACKAGE:
        (work / "armlet").symlink_to(tree)
        environment["PYTHONPATH"] = str(work)
    command = [*ARMLET, "compile", named["source"], *options]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        (reason,) = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise ArmletError(f"{artifact.folder} cannot be compiled as of {revision}: {reason}")
    return Artifact.open(work / "artifact")


def _at(name: str, repository: Path, tree: Path) -> str:
    """What `name`, a model of armlet's or the path of a file, is in `tree`."""
    path = Path(name)
    return str(tree / path.relative_to(repository)) if path.is_relative_to(repository) else name


def _git(folder: Path, *arguments: str) -> str:
    """What git says in `folder`; raises ArmletError if it is missing or fails."""
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True)
    except FileNotFoundError as error:
        raise ArmletError("git is needed for --against GITREV: apt-get install git") from error
    if done.returncode:
        raise ArmletError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()
