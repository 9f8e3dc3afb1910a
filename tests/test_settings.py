"""Settings: where they come from, which contradict each other, and that docs/settings.md tells every one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from env_service.config import EnvSettings
from gateway.config import GatewaySettings
from reward_service.config import RewardSettings
from sqlenv.errors import ConfigError
from sqlenv.sandbox import Limits
from sqlenv.settings import ServerSettings
from sqlenv.tasks import BUNDLED

ROOT = Path(__file__).resolve().parent.parent
SERVICES: list[type[ServerSettings]] = [EnvSettings, RewardSettings]
DOCUMENTED: list[type[BaseSettings]] = [*SERVICES, GatewaySettings]
both = pytest.mark.parametrize("kind", SERVICES)


def make(kind: type[ServerSettings], **values: Any) -> ServerSettings:
    return kind(_env_file=None, **values)


@both
def test_the_defaults_stand(kind: type[ServerSettings]) -> None:
    settings = make(kind)
    assert settings.host == "127.0.0.1"
    assert settings.dataset_dir == BUNDLED
    assert not settings.insecure


def test_the_services_do_not_want_the_same_port() -> None:
    assert make(EnvSettings).port != make(RewardSettings).port
    assert make(EnvSettings).model_dump()["reward_target"] == f"127.0.0.1:{make(RewardSettings).port}"


@both
def test_the_environment_names_them_with_the_services_prefix(
    kind: type[ServerSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = {EnvSettings: "SQLENV_ENV_", RewardSettings: "SQLENV_REWARD_"}[kind]
    monkeypatch.setenv(prefix + "PORT", "7001")
    monkeypatch.setenv(prefix + "QUERY_VM_STEPS", "5000")
    monkeypatch.setenv("PORT", "7002")
    monkeypatch.setenv("SQLENV_PORT", "7003")
    monkeypatch.setenv(prefix + "NO_SUCH_SETTING", "x")
    settings = make(kind)
    assert settings.port == 7001
    assert settings.limits().vm_steps == 5_000


def test_the_prefixes_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SQLENV_ENV_MAX_BATCH", "3")
    before = make(RewardSettings).model_dump()["max_batch"]
    assert (make(EnvSettings).model_dump()["max_batch"], before) == (3, 4_096)


def test_an_env_file(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("SQLENV_ENV_PORT=7001\nSQLENV_REWARD_PORT=7002\nOTHER=1\n")
    assert EnvSettings(_env_file=file).port == 7001
    assert RewardSettings(_env_file=file).port == 7002


@both
@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "[::1]"])
def test_loopback_needs_nothing(kind: type[ServerSettings], host: str) -> None:
    assert make(kind, host=host).host == host


BEYOND = [
    "0.0.0.0",
    "::",
    "[::]",
    "10.0.0.1",
    "192.168.1.4",
    "example.com",
    "",
    "localhost.example.com",
    "127.0.0.1.nip.io",
]


@both
@pytest.mark.parametrize("host", BEYOND)
def test_beyond_loopback_is_refused_in_plain_text(kind: type[ServerSettings], host: str) -> None:
    with pytest.raises(ConfigError, match="plain text") as raised:
        make(kind, host=host)
    assert "INSECURE" in str(raised.value)


@both
@pytest.mark.parametrize("host", BEYOND)
def test_beyond_loopback_with_tls_or_on_purpose(kind: type[ServerSettings], host: str) -> None:
    assert make(kind, host=host, insecure=True).insecure
    assert make(kind, host=host, tls_cert_file="cert.pem", tls_key_file="key.pem").tls_cert_file == Path("cert.pem")


def test_a_unix_socket_is_on_this_machine() -> None:
    assert make(EnvSettings, host="0.0.0.0", unix_socket="/run/sqlenv.sock").unix_socket == Path("/run/sqlenv.sock")


@both
@pytest.mark.parametrize(
    "values",
    [
        {"tls_cert_file": "cert.pem"},
        {"tls_key_file": "key.pem"},
        {"tls_client_ca_file": "ca.pem"},
        {"tls_client_ca_file": "ca.pem", "tls_key_file": "key.pem"},
        {"tls_cert_file": "cert.pem", "insecure": True},
    ],
)
def test_tls_files_go_together(kind: type[ServerSettings], values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="TLS_"):
        make(kind, **values)


@pytest.mark.parametrize(
    "values",
    [
        {"port": -1},
        {"port": 65_536},
        {"port": "x"},
        {"max_steps": 0},
        {"max_sessions": 0},
        {"session_ttl_ms": 0},
        {"query_vm_steps": 0},
        {"query_inline_vm_steps": 0},
        {"query_processes": 0},
        {"max_message_bytes": 10},
        {"reward_batch_steps": 0},
        {"insecure": "perhaps"},
        {"log_level": "shout"},
    ],
    ids=repr,
)
def test_values_out_of_range_name_the_setting(values: dict[str, Any]) -> None:
    with pytest.raises((ValidationError, ConfigError)) as raised:
        make(EnvSettings, **values)
    assert next(iter(values)) in str(raised.value)


def test_an_empty_variable_is_as_good_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files write `SQLENV_ENV_TLS_CERT_FILE=${CERT:-}`."""
    for name in ("TLS_CERT_FILE", "TLS_KEY_FILE", "TLS_CLIENT_CA_FILE", "UNIX_SOCKET"):
        monkeypatch.setenv(f"SQLENV_ENV_{name}", "")
    settings = make(EnvSettings)
    assert not settings.tls_cert_file
    assert not settings.unix_socket


def test_limits_are_what_the_settings_say() -> None:
    values = {
        "query_vm_steps": 2_000,
        "query_wall_ms": 30,
        "query_sql_bytes": 4_000,
        "query_value_bytes": 5_000,
        "query_memory_bytes": 2**21,
    }
    limits = make(EnvSettings, **values).limits()
    assert (limits.vm_steps, limits.wall_ms, limits.sql_bytes) == (2_000, 30, 4_000)
    assert (limits.value_bytes, limits.memory_bytes) == (5_000, 2**21)


def test_the_defaults_of_the_settings_are_the_sandboxs_own() -> None:
    assert make(EnvSettings).limits() == Limits()


def test_a_candidates_whole_result_is_compared() -> None:
    limits = make(RewardSettings, score_rows=70, score_bytes=2**17).limits()
    assert (limits.result_rows, limits.result_bytes) == (70, 2**17)
    assert limits.counted_rows > limits.result_rows


# The documentation


def shown(field: FieldInfo) -> str:
    """A default as docs/settings.md writes it."""
    value = field.default
    if value is None or value == "":
        return "none"
    if value == BUNDLED:
        return "`data/bundled`"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def rows(kind: type[BaseSettings]) -> dict[str, tuple[str, str]]:
    """What docs/settings.md has to tell: variable, default, description."""
    prefix = str(kind.model_config["env_prefix"])
    return {prefix + name.upper(): (shown(field), field.description or "") for name, field in kind.model_fields.items()}


def documented() -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for line in (ROOT / "docs" / "settings.md").read_text(encoding="utf-8").splitlines():
        match = re.fullmatch(r"\| `(SQLENV_[A-Z0-9_]+)` \| (.*?) \| (.*) \|", line)
        if match:
            assert match[1] not in found, f"{match[1]} is there twice"
            found[match[1]] = (match[2], match[3])
    return found


@pytest.mark.parametrize("kind", DOCUMENTED)
def test_every_setting_is_documented_as_it_is(kind: type[BaseSettings]) -> None:
    told = documented()
    for variable, (default, description) in rows(kind).items():
        assert description, f"{variable} has no description"
        assert told.get(variable) == (default, description), f"docs/settings.md: {variable}"


def test_nothing_is_documented_that_is_not_there() -> None:
    assert set(documented()) == {variable for kind in DOCUMENTED for variable in rows(kind)}


UNITS = re.compile(
    r"_(ms|bytes|steps|rows|processes|sessions|file|dir|port|level|host|batch|socket|target|in_flight|connections|entries)$"
)


@both
def test_numbers_have_their_unit_in_their_name(kind: type[ServerSettings]) -> None:
    for name, field in kind.model_fields.items():
        if field.annotation is int:
            assert UNITS.search("_" + name), name
