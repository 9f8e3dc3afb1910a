# One file, one image for each process and one with all of them:
#
#   docker build --target env .      episodes; holds no gold in any layer
#   docker build --target reward .   scores
#   docker build --target gateway .  HTTP, WebSocket and the page
#   docker build --target trainer --build-arg TORCH_INDEX=URL .  `sqlenv train`
#   docker build .                   space: all three under supervisord, for Hugging Face Spaces and for trying out
#
# Builds with BuildKit and with the classic builder alike. DATASET is `bundled`, or what `sqlenv data pull` can fetch.
ARG PYTHON_IMAGE=python:3.11-slim

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/sqlenv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp
WORKDIR /app

# Dependencies by what needs them, before the code: a change of code leaves these layers as they are.
FROM base AS core-packages
COPY pyproject.toml constraints.txt deployments/image/requirements.py /build/
RUN python3 -m venv --without-pip /opt/sqlenv \
 && python3 /build/requirements.py /build/pyproject.toml > /build/requirements.txt \
 && pip --python /opt/sqlenv/bin/python install --no-cache-dir -c /build/constraints.txt -r /build/requirements.txt

FROM core-packages AS gateway-packages
RUN python3 /build/requirements.py /build/pyproject.toml gateway > /build/requirements.txt \
 && pip --python /opt/sqlenv/bin/python install --no-cache-dir -c /build/constraints.txt -r /build/requirements.txt

# TORCH_INDEX: where torch comes from, as PyTorch's own index of CPU builds; the rest is PyPI's. Unset, torch is PyPI's too,
# which for x86-64 brings CUDA: gigabytes. The classic builder builds every stage, asked for or not, and so this one
# only where TORCH_INDEX is set; BuildKit is known by TARGETPLATFORM.
FROM core-packages AS trainer-packages
ARG TORCH_INDEX
ARG TARGETPLATFORM
RUN if [ -z "$TORCH_INDEX$TARGETPLATFORM" ]; then echo "no TORCH_INDEX: nothing to train with"; else \
      pip --python /opt/sqlenv/bin/python install --no-cache-dir --no-deps -c /build/constraints.txt \
        ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} torch \
      && python3 /build/requirements.py /build/pyproject.toml train > /build/requirements.txt \
      && pip --python /opt/sqlenv/bin/python install --no-cache-dir -c /build/constraints.txt -r /build/requirements.txt; fi

FROM gateway-packages AS space-packages
RUN python3 /build/requirements.py /build/pyproject.toml space > /build/requirements.txt \
 && pip --python /opt/sqlenv/bin/python install --no-cache-dir -c /build/constraints.txt -r /build/requirements.txt

# The data set, whole, and without what tells an answer.
FROM core-packages AS dataset
ARG DATASET=bundled
ARG HF_ENDPOINT
COPY sqlenv /app/sqlenv
COPY reward_service /app/reward_service
COPY data /app/data
RUN if [ "$DATASET" = bundled ]; then cp -r /app/data/bundled /data; else \
      python3 /build/requirements.py /build/pyproject.toml hub > /build/requirements.txt \
      && pip --python /opt/sqlenv/bin/python install --no-cache-dir -c /build/constraints.txt -r /build/requirements.txt \
      && python -m sqlenv data pull "$DATASET" --out /data && python -m sqlenv data build-instances /data; fi \
 && chmod -R a+rX /data

FROM dataset AS public-dataset
RUN mkdir /public && cp -r /data/database /data/dataset.json /data/tables.json /data/tasks.jsonl /public/

# Code, compiled: the file systems of the images may be read-only. File times are left out of it, or each build differs.
FROM core-packages AS env-code
COPY sqlenv /app/sqlenv
COPY env_service /app/env_service
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM core-packages AS reward-code
COPY sqlenv /app/sqlenv
COPY reward_service /app/reward_service
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM gateway-packages AS gateway-code
COPY sqlenv /app/sqlenv
COPY gateway /app/gateway
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

# Everything: a Space is built from a folder without trainer/, which no COPY may miss, and the classic builder comes by here.
FROM core-packages AS trainer-code
COPY . /app/
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM base AS env
COPY --from=core-packages /opt/sqlenv /opt/sqlenv
COPY --from=public-dataset /public /data
COPY --from=env-code /app /app
ENV SQLENV_ENV_DATASET_DIR=/data
USER 1000:1000
EXPOSE 50051
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s CMD ["python", "-m", "sqlenv.probe", "127.0.0.1:50051"]
CMD ["python", "-m", "env_service"]

FROM base AS reward
COPY --from=core-packages /opt/sqlenv /opt/sqlenv
COPY --from=dataset /data /data
COPY --from=reward-code /app /app
ENV SQLENV_REWARD_DATASET_DIR=/data
USER 1000:1000
EXPOSE 50052
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s CMD ["python", "-m", "sqlenv.probe", "127.0.0.1:50052"]
CMD ["python", "-m", "reward_service"]

FROM base AS gateway
COPY --from=gateway-packages /opt/sqlenv /opt/sqlenv
COPY --from=gateway-code /app /app
USER 1000:1000
ENV SQLENV_GATEWAY_HOST=0.0.0.0
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s CMD ["sh", "-c", "python -m sqlenv.probe http://127.0.0.1:${PORT:-8000}/health"]
CMD ["python", "-m", "gateway"]

# Runs land in /work/runs, models of the Hub in /models: mount volumes there. Starts services of its own where the
# configuration names none, so it holds the bundled set's gold. With GPUs: `docker run --gpus all`. A run notes GIT_REVISION.
FROM base AS trainer
COPY --from=trainer-packages /opt/sqlenv /opt/sqlenv
COPY --from=trainer-code /app /app
RUN mkdir -p /work/runs /models && chown 1000:1000 /work/runs /models
ARG GIT_REVISION
ENV GIT_REVISION=$GIT_REVISION \
    HF_HOME=/models \
    USER=sqlenv \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /work
VOLUME ["/work/runs", "/models"]
USER 1000:1000
STOPSIGNAL SIGINT
ENTRYPOINT ["python", "-m", "sqlenv", "train"]
CMD ["--help"]

# For deployments/local: everything, and what restarts a service when its source changes.
FROM space-packages AS local
RUN python3 /build/requirements.py /build/pyproject.toml reload > /build/requirements.txt \
 && pip --python /opt/sqlenv/bin/python install --no-cache-dir -c /build/constraints.txt -r /build/requirements.txt
COPY --from=dataset /data /data
COPY --from=reward-code /app /app
COPY --from=env-code /app/env_service /app/env_service
COPY --from=gateway-code /app/gateway /app/gateway
ENV SQLENV_ENV_DATASET_DIR=/data \
    SQLENV_REWARD_DATASET_DIR=/data \
    SQLENV_GATEWAY_HOST=0.0.0.0
USER 1000:1000

# The last target is what `docker build .` makes, and what Spaces and `openenv build` run.
FROM base AS space
COPY --from=space-packages /opt/sqlenv /opt/sqlenv
COPY --from=dataset /data /data
COPY --from=reward-code /app /app
COPY --from=env-code /app/env_service /app/env_service
COPY --from=gateway-code /app/gateway /app/gateway
COPY deployments/image/supervisord.conf deployments/image/space.sh /app/
ENV SQLENV_ENV_DATASET_DIR=/data \
    SQLENV_REWARD_DATASET_DIR=/data \
    SQLENV_GATEWAY_HOST=0.0.0.0
USER 1000:1000
EXPOSE 8000 7860
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["sh", "/app/space.sh", "probe"]
CMD ["sh", "/app/space.sh"]
