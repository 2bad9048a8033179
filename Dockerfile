# Two images from one file, both non-root and without build tools:
#   slim     gateway, evaluators, profiler, client: no torch, no CUDA
#   encoder  the same and torch, ONNX Runtime, CUDA
# The packages' layers depend on a lock alone, so that a change of code rebuilds none of them, and the
# encoder's stand on the slim ones, so that a host keeps those once.
# PYTHON_VERSION (3.11, 3.12 or 3.13) picks the base and the locks: docker build --build-arg PYTHON_VERSION=3.13
ARG PYTHON_VERSION=3.12
FROM python:${PYTHON_VERSION}-slim-bookworm AS base
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

FROM base AS source
COPY pyproject.toml setup.py README.md LICENSE flow.yml ./
COPY requirements requirements
COPY deploy/container deploy/container
COPY executors executors
COPY client client
COPY clipbench clipbench

FROM base AS slim-packages
ARG PYTHON_VERSION
COPY requirements/py${PYTHON_VERSION}/client.lock /locks/
RUN python3 -c 'import sys; assert "%d.%d" % sys.version_info[:2] == "'${PYTHON_VERSION}'", sys.version' \
 && python3 -m venv /opt/venv \
 && pip install --quiet --no-deps -r /locks/client.lock

FROM slim-packages AS slim
ARG PYTHON_VERSION
COPY --from=source /app /app
# the table of open_clip's models is read from its package, which is not kept
RUN pip install --quiet --no-deps --no-build-isolation --editable . \
 && sed -n '/^open-clip-torch==/,/[^\\]$/p' requirements/py${PYTHON_VERSION}/server.lock > /tmp/open_clip.lock \
 && pip install --quiet --no-deps --target /tmp/open_clip -r /tmp/open_clip.lock \
 && PYTHONPATH=/tmp/open_clip python -m clipbench.networks.open_clip_data clipbench/networks/open_clip.json \
 && rm -r /tmp/open_clip /tmp/open_clip.lock \
 && python -m compileall -q .
ARG CLIPBENCH_COMMIT=unknown
ENV CLIPBENCH_COMMIT=$CLIPBENCH_COMMIT
USER clipbench

FROM slim-packages AS encoder-packages
ARG PYTHON_VERSION
COPY requirements/py${PYTHON_VERSION}/server.lock /locks/
RUN pip install --quiet --no-deps -r /locks/server.lock

FROM encoder-packages AS encoder
COPY --from=source /app /app
RUN pip install --quiet --no-deps --no-build-isolation --editable . \
 && python -m compileall -q .
ARG CLIPBENCH_COMMIT=unknown
ENV CLIPBENCH_COMMIT=$CLIPBENCH_COMMIT
USER clipbench
