"""The committed stubs load beside the protobuf runtimes that users bring: vLLM's, TRL's and ours."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import sqlenv.v1

STUBS = Path(sqlenv.v1.__file__).parent
PROTOS = STUBS.parents[1] / "protos" / "sqlenv" / "v1"
CHECK = """
import sys, warnings
warnings.simplefilter("error")
sys.path.insert(0, sys.argv[1])
from sqlenv.v1 import environment_pb2, environment_pb2_grpc, reward_pb2, reward_pb2_grpc, types_pb2
import google.protobuf
action = types_pb2.Action(query=types_pb2.Query(sql="SELECT 1"))
step = environment_pb2.StepRequest(episode_id="e", step_index=3, action=action)
assert environment_pb2.StepRequest.FromString(step.SerializeToString()) == step
print(google.protobuf.__version__)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("protobuf", "grpcio"), [("5.29.6", "1.76.0"), ("6.33.6", "1.76.0"), ("7.36.2", "1.85.1")])
def test_stubs_load_beside(protobuf: str, grpcio: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    python = tmp_path / "venv" / "bin" / "python"
    wanted = [f"protobuf=={protobuf}", f"grpcio=={grpcio}", "googleapis-common-protos"]
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    # The stubs alone: sqlenv/__init__.py would bring the client and all it needs.
    package = tmp_path / "lone" / "sqlenv"
    (package / "v1").mkdir(parents=True)
    for path in STUBS.glob("*.py"):
        (package / "v1" / path.name).write_bytes(path.read_bytes())
    done = subprocess.run(
        [python, "-c", CHECK, str(tmp_path / "lone")], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == protobuf


def test_stubs_carry_no_check_of_the_runtime() -> None:
    for path in STUBS.glob("*_pb2*.py"):
        text = path.read_text()
        assert "ValidateProtobufRuntimeVersion" not in text, path
        assert "GRPC_GENERATED_VERSION" not in text, path


def test_every_message_and_field_is_commented() -> None:
    """buf's COMMENTS rules say the same; this runs where buf is absent."""
    declared = re.compile(r"^\s*(message|enum|service|rpc|oneof)\s+\w+|^\s+[\w.]+(\s[\w.]+)?\s+\w+\s*=\s*\d+;")
    for path in PROTOS.glob("*.proto"):
        lines = path.read_text().splitlines()
        for number, line in enumerate(lines):
            if declared.match(line) and "}" not in lines[number - 1]:
                assert lines[number - 1].strip().startswith("//"), f"{path.name}:{number + 1}: {line.strip()}"
