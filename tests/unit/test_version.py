"""The commit in the version: from the file of a build, else from git's files beside the package."""

import os
import subprocess

import pytest

from app.version import RELEASE, __version__, read_commit

IDENTITY = {
    "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.com", "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.com", "GIT_CONFIG_GLOBAL": os.devnull,
}  # fmt: skip


@pytest.fixture
def git(tmp_path):
    """Run git in a new repository, which has one commit; return what git prints."""

    def run(*arguments):
        command = ["git", "-C", tmp_path / "checkout", *arguments]
        environment = {"PATH": os.environ["PATH"], **IDENTITY}
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()

    (tmp_path / "checkout/app").mkdir(parents=True)
    run("init", "--quiet")
    run("commit", "--quiet", "--allow-empty", "--message", "first")
    return run


@pytest.fixture
def package(tmp_path):
    return tmp_path / "checkout/app"


def test_the_commit_of_a_checkout_is_that_of_its_branch(git, package):
    assert read_commit(package) == git("rev-parse", "HEAD")[:7]


def test_the_commit_is_found_on_a_packed_branch(git, package):
    git("pack-refs", "--all")
    git("tag", "other")
    assert read_commit(package) == git("rev-parse", "HEAD")[:7]


def test_the_commit_is_found_without_a_branch(git, package):
    git("checkout", "--quiet", "--detach")
    assert read_commit(package) == git("rev-parse", "HEAD")[:7]


@pytest.mark.parametrize("packed", [False, True])
def test_the_commit_of_a_worktree_is_its_own(git, tmp_path, packed):
    git("worktree", "add", "--quiet", tmp_path / "tree")
    git("commit", "--quiet", "--allow-empty", "--message", "second")
    if packed:
        git("pack-refs", "--all")
    assert read_commit(tmp_path / "tree/app") == git("rev-parse", "HEAD~1")[:7]


def test_the_commit_that_a_build_wrote_comes_first(git, package):
    (package / "_commit.txt").write_text("0123456789abcdef0123456789abcdef01234567\n")
    assert read_commit(package) == "0123456"


@pytest.mark.parametrize("written", ["", "unknown"])
def test_the_commit_is_unknown_where_neither_a_build_nor_git_names_it(tmp_path, written):
    (tmp_path / "_commit.txt").write_text(written)
    assert read_commit(tmp_path) is None


def test_the_commit_of_a_repository_without_commits_is_unknown(git, package):
    git("checkout", "--quiet", "--orphan", "empty")
    assert read_commit(package) is None


def test_the_version_of_this_checkout_is_the_release_with_its_commit():
    assert __version__.partition("+g")[0] == RELEASE
