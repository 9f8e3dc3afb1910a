"""The trainer: demonstrations, SFT and GRPO with TRL on episodes served over gRPC. Needs the extra `sqlenv[train]`."""
