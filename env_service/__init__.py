"""The environment service: episodes over gRPC. It holds no gold; the reward service scores its steps."""
