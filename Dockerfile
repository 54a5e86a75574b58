# A static binary on a base without a shell: CA certificates, time zones, and
# the numeric user 65532 are all that comes with it.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG REVISION=unknown
# VERSION is stamped by the source itself; the revision comes from outside,
# since the context holds no repository.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
        -ldflags "-s -w -X github.com/prometheus/common/version.Revision=$REVISION" \
        -o /out/huaweicloud_meeting_exporter . && \
    mkdir -p /out/var/lib/huaweicloud_meeting_exporter

FROM gcr.io/distroless/static-debian12:nonroot
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="huaweicloud_meeting_exporter" \
      org.opencontainers.image.description="Prometheus exporter for the ended meetings of Huawei Cloud Meeting" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /out/huaweicloud_meeting_exporter /usr/local/bin/
# A named volume takes over the owner, so that the user may write the ledger.
COPY --from=build --chown=65532:65532 /out/var/lib/huaweicloud_meeting_exporter /var/lib/huaweicloud_meeting_exporter
VOLUME /var/lib/huaweicloud_meeting_exporter
USER 65532:65532
EXPOSE 10047
ENTRYPOINT ["/usr/local/bin/huaweicloud_meeting_exporter"]
