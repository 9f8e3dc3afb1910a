"""Deployments are whole: every folder, variable and compose file; and the rules of the images that need no engine."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from env_service.config import EnvSettings
from gateway.config import GatewaySettings
from reward_service.config import RewardSettings

ROOT = Path(__file__).resolve().parents[1]
DEPLOYMENTS = ROOT / "deployments"
FOLDERS = sorted(path for path in DEPLOYMENTS.iterdir() if path.is_dir() and path.name != "image")
OVERLAYS = [folder for folder in FOLDERS if (folder / "docker-compose.yml").exists()]
BASE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def variables(path: Path) -> dict[str, str]:
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def known_settings() -> set[str]:
    found = {"PORT", "SPACE_ID", "RUN_DIR"}
    for settings, prefix in ((EnvSettings, "ENV"), (RewardSettings, "REWARD"), (GatewaySettings, "GATEWAY")):
        found |= {f"SQLENV_{prefix}_{name.upper()}" for name in settings.model_fields}
    return found


def interpolated(*files: Path) -> dict[str, str]:
    """Variables of compose files, with the default that each gives."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return dict(re.findall(r"\$\{([A-Z_]+):-([^}]*)\}", text))


def compose_files(folder: Path) -> list[Path]:
    return [BASE, folder / "docker-compose.yml"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: path.name)
def test_a_folder_is_whole(folder: Path) -> None:
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert [line[3:4] for line in readme.splitlines() if re.match(r"## \d\.", line)] == ["1", "2", "3"]
    assert readme.count("Expected:") >= 2
    assert f"]({folder.name}/)" in (DEPLOYMENTS / "README.md").read_text(encoding="utf-8")
    lines = (folder / ".env.example").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("#")
    for before, line in zip(["", *lines], lines, strict=False):
        assert "=" not in line or line.startswith("#") or before.startswith("#") or "=" in before, line


@pytest.mark.parametrize("path", [ROOT / ".env.example", *(folder / ".env.example" for folder in FOLDERS)], ids=str)
def test_every_variable_is_read_by_something(path: Path) -> None:
    files = [BASE, *(folder / "docker-compose.yml" for folder in OVERLAYS)]
    known = set(interpolated(*files)) | known_settings()
    assert set(variables(path)) <= known


def test_the_example_names_every_variable_of_the_compose_file_with_its_default() -> None:
    example = variables(ROOT / ".env.example")
    for name, default in interpolated(BASE).items():
        assert example[name] == default, name


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.name)
def test_a_folder_says_only_what_differs(folder: Path) -> None:
    named = variables(folder / ".env.example")
    assert set(interpolated(folder / "docker-compose.yml")) <= set(named) | set(variables(ROOT / ".env.example"))


@pytest.mark.parametrize("path", [BASE, *(folder / "docker-compose.yml" for folder in OVERLAYS)], ids=str)
def test_settings_in_compose_files_exist(path: Path) -> None:
    services = yaml.safe_load(path.read_text(encoding="utf-8"))["services"]
    for service in services.values():
        assert set(service.get("environment", {})) <= known_settings()


def test_only_the_gateway_is_published() -> None:
    services = yaml.safe_load(BASE.read_text(encoding="utf-8"))["services"]
    assert {name for name, service in services.items() if "ports" in service} == {"gateway"}
    assert all("public" not in services[name]["networks"] for name in ("env", "reward"))


def test_settings_in_images_exist() -> None:
    image = DEPLOYMENTS / "image"
    text = DOCKERFILE + (image / "supervisord.conf").read_text() + (image / "space.sh").read_text()
    assert set(re.findall(r"\bSQLENV_[A-Z_]+", text)) <= known_settings()


def test_the_dockerfile_builds_with_any_builder_and_ends_with_space() -> None:
    assert "--mount" not in DOCKERFILE
    assert re.findall(r"^FROM \S+ AS (\S+)", DOCKERFILE, re.MULTILINE)[-1] == "space"


def test_the_env_image_is_made_of_nothing_that_knows_gold() -> None:
    stages = dict(re.findall(r"^FROM \S+ AS (\S+)\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL))
    parents = {name: parent for parent, name in re.findall(r"^FROM (\S+) AS (\S+)", DOCKERFILE, re.MULTILINE)}
    assert parents["env"] == "base"
    assert set(re.findall(r"--from=(\S+)", stages["env"])) == {"core-packages", "public-dataset", "env-code"}
    assert "data" not in stages["env-code"]
    assert "COPY data" not in stages["core-packages"]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("folder", [None, *OVERLAYS], ids=str)
def test_compose_files_are_valid(folder: Path | None) -> None:
    files = [BASE] if folder is None else compose_files(folder)
    example = (ROOT if folder is None else folder) / ".env.example"
    command = ["docker-compose", *(word for path in files for word in ("-f", str(path))), "--env-file", str(example)]
    done = subprocess.run([*command, "config", "-q"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
