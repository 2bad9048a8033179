# Two images from one file, both non-root and without build tools:
#   slim     gateway, evaluators, profiler, client: no torch, no CUDA
#   encoder  the same and torch, ONNX Runtime, CUDA
# The packages' layers depend on a lock alone, so that a change of code rebuilds none of them.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PATH=/opt/venv/bin:$PATH

FROM base AS slim-packages
COPY requirements-slim.lock /locks/
RUN python3 -m venv /opt/venv \
 && pip install --no-deps --no-compile -r /locks/requirements-slim.lock

FROM base AS runtime
# 10001: a number that Kubernetes and volumes can name; the folders are where volumes are mounted
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin clipbench \
 && install -d -o clipbench -g clipbench /data/state /data/weights /results
ENV HOME=/tmp \
    HF_HOME=/data/weights/huggingface \
    MPLCONFIGDIR=/tmp/matplotlib \
    JINA_OPTOUT_TELEMETRY=1 \
    JINA_HIDE_SURVEY=1 \
    JINA_MP_START_METHOD=spawn \
    CLIPBENCH_STATE=/data/state \
    CLIPBENCH_WEIGHTS=/data/weights
WORKDIR /app
# what a container is, unless told otherwise: a command line that says what it can do
CMD ["clipbench", "--help"]
# the address is the one that the service listens on; see deploy/container/healthy.py
HEALTHCHECK --interval=15s --timeout=10s --start-period=180s --retries=3 \
    CMD ["python", "/app/deploy/container/healthy.py"]

FROM runtime AS slim
COPY --from=slim-packages /opt/venv /opt/venv
COPY pyproject.toml README.md flow.yml ./
COPY deploy/container deploy/container
COPY executors executors
COPY client client
COPY clipbench clipbench
RUN pip install --quiet --no-deps --no-build-isolation --editable .
ARG CLIPBENCH_COMMIT=unknown
ENV CLIPBENCH_COMMIT=$CLIPBENCH_COMMIT
USER clipbench

FROM slim-packages AS encoder-packages
COPY requirements.lock /locks/
RUN pip install --no-deps --no-compile -r /locks/requirements.lock

FROM runtime AS encoder
COPY --from=encoder-packages /opt/venv /opt/venv
COPY pyproject.toml README.md flow.yml ./
COPY deploy/container deploy/container
COPY executors executors
COPY client client
COPY clipbench clipbench
RUN pip install --quiet --no-deps --no-build-isolation --editable .
ARG CLIPBENCH_COMMIT=unknown
ENV CLIPBENCH_COMMIT=$CLIPBENCH_COMMIT
USER clipbench
