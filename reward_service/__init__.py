"""The reward service: scores steps and SQL over gRPC. Stateless; the only service that opens gold."""
