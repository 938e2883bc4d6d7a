# SPDX-License-Identifier: Apache-2.0
# Both stages run on the platform of the image, so nothing in here names an architecture.
ARG SWIFT_VERSION=6.3.1
ARG DEBIAN_RELEASE=bookworm

FROM swift:${SWIFT_VERSION}-${DEBIAN_RELEASE} AS build
WORKDIR /src
COPY hack hack
RUN hack/install-deps.sh build
COPY . .
ARG REVISION=""
ARG SOURCE_DATE_EPOCH=""
RUN make release REVISION="${REVISION}" SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH}"

FROM debian:${DEBIAN_RELEASE}-slim
# The newest of each that the release has is what is wanted: within a release they are security fixes.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libcurl4 libssl3 libyaml-0-2 \
    && rm -rf /var/cache/apt/* /var/cache/debconf/* /var/lib/apt/lists/* /var/log/apt /var/log/dpkg.log \
    && install -d -o 65532 -g 65532 /var/lib/talos-operator/results
COPY --from=build /src/dist/talos-operator /src/dist/swift-backtrace /usr/local/bin/
# A crash tells where it was, on standard error, and asks nobody what to do next.
ENV SWIFT_BACKTRACE=enable=yes,color=no,interactive=no,registers=none,swift-backtrace=/usr/local/bin/swift-backtrace \
    RESULTS_PATH=/var/lib/talos-operator/results
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["/usr/local/bin/talos-operator"]

# Last, because they change with every commit.
ARG VERSION=""
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="talos-operator" \
    org.opencontainers.image.description="Turns a KubernetesCluster into the Machines it consists of" \
    org.opencontainers.image.url="https://github.com/vitistack/talos-operator" \
    org.opencontainers.image.source="https://github.com/vitistack/talos-operator" \
    org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.created="${CREATED}"
