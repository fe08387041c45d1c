# syntax=docker/dockerfile:1
ARG PYTHON_IMAGE=python:3.13-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
ENV UV_CACHE_DIR=/var/cache/uv \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PROJECT_ENVIRONMENT=/opt/treehold \
    UV_PYTHON_DOWNLOADS=never
COPY scripts/uv-requirements.txt scripts/
RUN pip install --no-cache-dir --only-binary :all: --require-hashes --requirement scripts/uv-requirements.txt
# The locked packages change seldom and Treehold often: they are layers of their own.
COPY pyproject.toml uv.lock ./
COPY sdk/pyproject.toml sdk/
RUN --mount=type=cache,target=/var/cache/uv \
    uv sync --frozen --no-dev --no-install-workspace
COPY . .
RUN --mount=type=cache,target=/var/cache/uv \
    uv sync --frozen --no-dev --no-editable

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 10001 treehold \
    && useradd --uid 10001 --gid treehold --no-create-home --home-dir /var/lib/treehold \
        --shell /usr/sbin/nologin treehold \
    && install --directory --owner treehold --group treehold --mode 0700 /var/lib/treehold
COPY --from=build /opt/treehold /opt/treehold
ENV PATH=/opt/treehold/bin:${PATH} \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TREEHOLD_DATA_DIR=/var/lib/treehold \
    TREEHOLD_HOST=0.0.0.0
USER treehold
WORKDIR /var/lib/treehold
VOLUME /var/lib/treehold
EXPOSE 8321
# For the API, which is the default command; docker-compose.yml gives the other services checks of their own.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=6 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8321/healthz', timeout=4)"]
ENTRYPOINT ["treehold"]
CMD ["api"]
