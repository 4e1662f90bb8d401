# The image holds one program, the libraries that it is linked to, certificates and zone data: no shell, no package manager.
# Both versions are pinned by tag; `--build-arg RUST=…@sha256:…` pins them by content.
ARG RUST=docker.io/library/rust:1.95.0-slim-bookworm

FROM ${RUST} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --package aboard --bin aboard \
 && packaging/rootfs.sh target/release/aboard /rootfs

FROM scratch AS image
COPY --from=build /rootfs /
# By number, so that Kubernetes can see that it is not root.
USER 65532:65532
# The last two: memory that a large document took goes back to the system at once, instead of being kept for the next one.
ENV ABOARD_CONFIG=/etc/aboard/schedules.toml \
    STATE_DIRECTORY=/var/lib/aboard \
    RUNTIME_DIRECTORY=/run/aboard \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    MALLOC_ARENA_MAX=2 \
    MALLOC_MMAP_THRESHOLD_=131072
# The registry. The schedule file comes as a mounted directory, /etc/aboard: a single mounted file cannot be seen to change.
VOLUME ["/var/lib/aboard"]
STOPSIGNAL SIGTERM
# Whether it works, not whether a person should see to something: Swarm and others replace a container that is unhealthy, and one that
# starts with a bad schedule file refuses it.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/bin/aboard", "health", "--live"]
ENTRYPOINT ["/usr/bin/aboard"]
CMD ["run"]
