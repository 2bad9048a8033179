# Two images from one file, both non-root and without build tools:
#   slim     gateway, evaluators, profiler, client: no torch, no CUDA
#   encoder  the same and torch, ONNX Runtime, CUDA
# The packages' layers depend on a lock alone, so that a change of code rebuilds none of them, and the
# encoder's stand on the slim ones, so that a host keeps those once.
FROM python:3.11-slim-bookworm AS base
# 10001: a number that Kubernetes and volumes can name; the folders are where volumes are mounted
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin clipbench \
 && install -d -o clipbench -g clipbench /data/state /data/weights /results
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    HOME=/tmp \
    HF_HOME=/data/weights/huggingface \
    MPLCONFIGDIR=/tmp/matplotlib \
    JINA_OPTOUT_TELEMETRY=1 \
    JINA_HIDE_SURVEY=1 \
    JINA_MP_START_METHOD=spawn \
    CLIPBENCH_STATE=/data/state \
    CLIPBENCH_WEIGHTS=/data/weights
WORKDIR /app
# the address comes from CLIPBENCH_HEALTH; without one there is nothing to check
HEALTHCHECK --interval=10s --timeout=20s --start-period=300s --retries=6 \
    CMD ["python", "deploy/container/healthy.py"]
CMD ["clipbench", "--help"]

FROM base AS slim-packages
COPY requirements-slim.lock /locks/
RUN python3 -m venv /opt/venv \
 && pip install --quiet --no-deps -r /locks/requirements-slim.lock

FROM slim-packages AS slim
COPY pyproject.toml README.md flow.yml ./
COPY deploy/container deploy/container
COPY executors executors
COPY client client
COPY clipbench clipbench
RUN pip install --quiet --no-deps --no-build-isolation --editable . \
 && python -m compileall -q .
ARG CLIPBENCH_COMMIT=unknown
ENV CLIPBENCH_COMMIT=$CLIPBENCH_COMMIT
USER clipbench

FROM slim-packages AS encoder-packages
COPY requirements.lock /locks/
RUN pip install --quiet --no-deps -r /locks/requirements.lock

FROM encoder-packages AS encoder
COPY pyproject.toml README.md flow.yml ./
COPY deploy/container deploy/container
COPY executors executors
COPY client client
COPY clipbench clipbench
RUN pip install --quiet --no-deps --no-build-isolation --editable . \
 && python -m compileall -q .
ARG CLIPBENCH_COMMIT=unknown
ENV CLIPBENCH_COMMIT=$CLIPBENCH_COMMIT
USER clipbench
