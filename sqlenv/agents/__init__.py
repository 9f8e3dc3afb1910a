"""Agents, and what plays and sums up episodes with any of them.

    base.py          what an agent is
    random_agent.py  `random`: looks around without aim, answers with a value it saw
    explorer.py      `explorer`: a scripted heuristic that knows only what it sees
    oracle.py        `oracle`: is given gold; shows what a perfect agent gets
    rollout.py       plays episodes through a client, many at once; the record of an episode
    players.py       what plays a set of episodes, scripted or not
    chat.py          a model behind an OpenAI-compatible API: endpoint.py asks it, turns.py reads it
    summary.py       what a set of played episodes comes to
    figures.py       what several agents come to, for JSON; bootstrap.py draws its intervals
    records.py       episodes as rows of a data set, and back

Runs on the client's side only: no service imports this package.
"""

from sqlenv.agents.base import Agent, Maker
from sqlenv.agents.rollout import Job, Trajectory, play
from sqlenv.agents.summary import Summary, summarise

__all__ = ["Agent", "Job", "Maker", "Summary", "Trajectory", "play", "summarise"]
