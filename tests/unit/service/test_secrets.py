"""Secrets of a home folder: made once, whoever comes first, and readable by the owner only."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from tradewind.core.errors import ConfigError
from tradewind.service.environment import SecretStr
from tradewind.service.secrets import admin_password, fernet_key, jwt_secret
from tradewind.service.settings import ApiAuthSettings, ApiSettings, CoreSettings, ServiceSettings


def at(home: Path) -> ServiceSettings:
    return ServiceSettings(home=home)


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    first = jwt_secret(at(home))
    assert len(first) >= 32
    assert jwt_secret(at(home)) == first
    assert jwt_secret(at(tmp_path / "other")) != first


def test_a_secret_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    jwt_secret(at(tmp_path))
    folder = tmp_path / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [(path.name, stat.S_IMODE(path.stat().st_mode)) for path in folder.iterdir()] == [("jwt_secret", 0o600)]


def test_the_mode_of_an_existing_home_stays_as_it_was(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    jwt_secret(at(tmp_path))
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755


def test_a_generated_fernet_key_encrypts(tmp_path: Path) -> None:
    box = Fernet(fernet_key(at(tmp_path)))
    assert box.decrypt(box.encrypt(b"x")) == b"x"


def test_settings_come_before_the_home_folder(tmp_path: Path) -> None:
    settings = ServiceSettings(
        home=tmp_path / "never made",
        core=CoreSettings(fernet_key=SecretStr("the key")),
        api=ApiSettings(admin_password=SecretStr("the password")),
        api_auth=ApiAuthSettings(jwt_secret=SecretStr("the secret")),
    )
    assert (fernet_key(settings), jwt_secret(settings)) == ("the key", "the secret")
    assert admin_password(settings).password == "the password"
    assert not admin_password(settings).is_generated
    assert not settings.home.exists()


def test_a_generated_password_says_so_and_is_the_same_next_time(tmp_path: Path) -> None:
    first = admin_password(at(tmp_path))
    assert first.is_generated
    assert admin_password(at(tmp_path)) == first


def test_processes_that_start_together_get_the_same_secret(tmp_path: Path) -> None:
    """Real processes, let go together by closing one pipe."""
    program = (
        "import sys; from pathlib import Path\n"
        "from tradewind.service.secrets import jwt_secret\n"
        "from tradewind.service.settings import ServiceSettings\n"
        "settings = ServiceSettings(home=Path(sys.argv[1]))\n"
        "print('ready', flush=True); sys.stdin.read(); print(jwt_secret(settings))"
    )
    reader, writer = os.pipe()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdin=reader, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    os.close(reader)
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    os.close(writer)
    secrets = [process.communicate(timeout=30)[0] for process in processes]
    assert len(set(secrets)) == 1
    assert len(secrets[0].strip()) >= 32
    assert [path.name for path in (tmp_path / "secrets").iterdir()] == ["jwt_secret"]


def test_a_home_that_cannot_be_made_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="TRADEWIND__HOME"):
        jwt_secret(at(tmp_path / "file" / "home"))


def test_a_home_that_is_a_file_names_the_setting(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    with pytest.raises(ConfigError, match="TRADEWIND__HOME"):
        jwt_secret(at(tmp_path / "home"))


def test_a_home_that_nobody_may_write_names_the_setting() -> None:
    with pytest.raises(ConfigError, match="TRADEWIND__HOME"):
        jwt_secret(at(Path("/proc/tradewind")))


def test_an_empty_secret_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "jwt_secret").write_text("\n")
    with pytest.raises(ConfigError, match="empty"):
        jwt_secret(at(tmp_path))


def test_the_jwt_secret_can_be_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "mounted"
    settings = ServiceSettings(home=tmp_path, api_auth=ApiAuthSettings(jwt_secret_file=file))
    with pytest.raises(ConfigError, match=r"JWT_SECRET_FILE: cannot read .*mounted"):
        jwt_secret(settings)
    file.write_text("\n")
    with pytest.raises(ConfigError, match="mounted is empty"):
        jwt_secret(settings)
    file.write_text("newest\nolder\n")
    assert jwt_secret(settings) == "newest\nolder"


def test_the_jwt_secret_is_not_said_twice(tmp_path: Path) -> None:
    twice = ApiAuthSettings(jwt_secret=SecretStr("one"), jwt_secret_file=tmp_path / "other")
    with pytest.raises(ConfigError, match="not both"):
        jwt_secret(ServiceSettings(home=tmp_path, api_auth=twice))
