# One image for CPU validation and GPU production. Dependencies lie in a layer of their own below the code: a change of
# code moves kilobytes, not gigabytes. Build it with `make image`.
ARG BASE=docker.io/library/python:3.11-slim
FROM ${BASE}

# The virtual environment is found by `python`, and nothing needs to be written outside /tmp.
ENV PATH=/opt/venv/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1
RUN --mount=type=secret,id=ca,required=false \
    if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca; fi; \
    python3 -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check uv==0.13.9

# The runner's part of the pinned requirements (`make lock`): the versions of the laptop. Nothing else that changes is
# copied before this layer.
COPY images/requirements.txt /src/
RUN --mount=type=secret,id=ca,required=false \
    if [ -f /run/secrets/ca ]; then export SSL_CERT_FILE=/run/secrets/ca; fi; \
    uv pip install --python /opt/venv/bin/python --no-cache --compile-bytecode --requirement /src/requirements.txt

COPY sdk/ticketsmith /opt/ticketsmith/ticketsmith
COPY runner/ticketsmith_runner /opt/ticketsmith/ticketsmith_runner
COPY runner/ticketsmith_runtime /opt/ticketsmith/ticketsmith_runtime
COPY runner/ticketsmith_tasks /opt/ticketsmith/ticketsmith_tasks
ENV PYTHONPATH=/opt/ticketsmith
RUN python -m compileall -q /opt/ticketsmith

# The compiled training step, so that no pod compiles it; the runner copies it to /tmp, as numba insists on a folder that
# it may write to. On another kind of processor than this build's it is compiled again.
ENV NUMBA_CACHE_DIR=/tmp/numba TICKETSMITH_COMPILED=/opt/compiled
RUN TICKETSMITH_COMPILED= NUMBA_CACHE_DIR=/opt/compiled python -P -m ticketsmith_runner.warm

USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["python", "-P", "-m", "ticketsmith_runner"]
