# One image: serve, check, keys, journal, every command. Three stages, so that no compiler reaches the last one.

# --- the native module, as a wheel (the same Rust as rust-toolchain.toml; tests/repo compares) ---
FROM rust:1.95.0-slim-bookworm AS wheel
# hadolint ignore=DL3008 # Debian keeps one version of each; the build works with any
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY requirements-build.txt ./
RUN python3 -m venv /build && /build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt
COPY LICENSE README.md pyproject.toml ./
COPY native native
COPY gateway gateway
RUN /build/bin/maturin build --release --locked --out /dist

# --- the environment it runs in ---
FROM python:3.12-slim-bookworm AS environment
WORKDIR /src
COPY requirements.txt ./
RUN python -m venv /opt/agentcc && /opt/agentcc/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY --from=wheel /dist /dist
RUN /opt/agentcc/bin/pip install --no-cache-dir --no-index --no-deps /dist/*.whl \
    && /opt/agentcc/bin/pip uninstall --yes pip

# --- what is shipped ---
FROM python:3.12-slim-bookworm
LABEL org.opencontainers.image.title="agentcc" \
      org.opencontainers.image.description="The gateway in front of coding agents" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --system --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin agentcc \
    && install --directory --owner agentcc --group agentcc --mode 0700 /data
COPY --from=environment /opt/agentcc /opt/agentcc
ENV PATH=/opt/agentcc/bin:$PATH \
    HEALTH_URL=http://127.0.0.1:8080/healthz
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080 8081
# Without a proxy: HTTPS_PROXY and its like are for the providers.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.build_opener(u.ProxyHandler({})).open(os.environ['HEALTH_URL'], timeout=4)"]
# Open streams finish for up to `drain_ms` (30 s by default): give `docker stop --time 40`.
STOPSIGNAL SIGTERM
ENTRYPOINT ["agentcc"]
CMD ["serve", "-c", "/etc/agentcc/gateway.yaml"]
