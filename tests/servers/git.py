"""A Git repository that people push to, made with the program `git`."""

import shutil
import subprocess
from pathlib import Path

IDENTITY = ("-c", "user.name=Author", "-c", "user.email=author@example.org", "-c", "protocol.file.allow=always")


class GitOrigin:
    """A bare repository, and somebody's clone of it."""

    def __init__(self, folder: Path) -> None:
        self.bare = folder / "origin.git"
        self._work = folder / "work"
        folder.mkdir(parents=True, exist_ok=True)
        self._git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(self.bare))
        self._git(folder, "init", "--quiet", "--initial-branch=main", str(self._work))

    @property
    def url(self) -> str:
        return f"file://{self.bare}"

    def commit(self, files: dict[str, str | None], *, branch: str = "main") -> str:
        """Write the files (None: remove it), push them to the branch; returns the commit."""
        for name, text in files.items():
            path = self._work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        self._git(self._work, "add", "--all")
        self._git(self._work, "commit", "--quiet", "--message=change")
        return self.push(f"HEAD:refs/heads/{branch}")

    def push(self, refspec: str) -> str:
        """Returns the clone's commit."""
        self._git(self._work, "push", "--quiet", "--force", str(self.bare), refspec)
        return self._git(self._work, "rev-parse", "HEAD")

    def add_submodule(self, other: "GitOrigin", path: str) -> str:
        """Take another repository in, and push that; returns the commit."""
        self._git(self._work, "submodule", "--quiet", "add", other.url, path)
        return self.commit({})

    def link(self, name: str, target: str) -> str:
        """Push a symbolic link; returns the commit."""
        (self._work / name).symlink_to(target)
        return self.commit({})

    def hide(self) -> None:
        """From now on it is not to be reached."""
        self.bare.rename(self.bare.with_suffix(".hidden"))

    def show(self) -> None:
        """It is, again."""
        self.bare.with_suffix(".hidden").rename(self.bare)

    def remove(self) -> None:
        """For good."""
        shutil.rmtree(self.bare)

    def _git(self, folder: Path, *arguments: str) -> str:
        done = subprocess.run(["git", *IDENTITY, *arguments], cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
