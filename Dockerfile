# The one image of all services: `docker build -t quartet .` (docs/kubernetes.md).
# What runs in a container is said by the chart; each service has an identity of its own there.
ARG PYTHON=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON} AS built
# Where the wheels come from, if not from the registry that pip is set to.
ARG PIP_ARGUMENTS=""
COPY runtime/images/requirements.lock /app/
RUN python3 -m pip install --quiet --disable-pip-version-check --no-cache-dir --no-compile --no-deps \
    --require-hashes --only-binary :all: --target /app/lib ${PIP_ARGUMENTS} -r /app/requirements.lock
COPY LICENSE pyproject.toml models.yaml /app/
COPY quartet /app/quartet
COPY services /app/services
COPY packs /app/packs
# Checked by nothing at run time, so that neither dates nor a writable disk matter.
RUN find /app -name '*.pyc' -delete && \
    python3 -m compileall -q --invalidation-mode unchecked-hash /app && \
    chmod -R u=rwX,go=rX /app

FROM ${PYTHON}
ARG VERSION=0.0.0
LABEL org.opencontainers.image.title="quartet" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PYTHONPATH=/app/lib:/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    QUARTET_VERSION=${VERSION}
COPY --from=built /app /app
WORKDIR /app
USER 10001:10001
CMD ["python3", "-m", "quartet", "--help"]
