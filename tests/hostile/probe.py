"""An honest neighbour: `python -m tests.hostile.probe TARGET` plays small queries until its standard input closes.

It prints when each step was sent and how long it took, in seconds: [[monotonic, latency], …]. Each step asks what
nobody asked before, so that it is executed and scored. It is a process of its own, lest it wait for the attacker.
"""

from __future__ import annotations

import json
import sys
import threading
import time

import grpc

from sqlenv.v1 import environment_pb2 as pb
from sqlenv.v1 import environment_pb2_grpc, types_pb2

TASK = "campus_pets-001"
PAUSE_S = 0.002


def main() -> None:
    """Plays on."""
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    samples: list[tuple[float, float]] = []
    with grpc.insecure_channel(sys.argv[1]) as channel:
        stub = environment_pb2_grpc.EnvironmentServiceStub(channel)
        number = 0
        while not over.is_set():
            episode = stub.Reset(pb.ResetRequest(task=pb.TaskSelector(task_id=TASK), seed=1)).episode_id
            for index in range(14):
                number += 1
                sql = f"SELECT name, species FROM pet WHERE pet_id % 20 = {index} AND pet_id <> -{number} ORDER BY name"
                action = types_pb2.Action(query=types_pb2.Query(sql=sql))
                start = time.monotonic()
                response = stub.Step(pb.StepRequest(episode_id=episode, step_index=index, action=action))
                samples.append((start, time.monotonic() - start))
                assert response.observation.HasField("result"), response
                time.sleep(PAUSE_S)
            stub.CloseEpisode(pb.CloseEpisodeRequest(episode_id=episode))
    print(json.dumps(samples))


if __name__ == "__main__":
    main()
