# A static binary on a base without a shell. The base brings CA certificates,
# time zones and the user 65532.

FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG REVISION=unknown
# The source embeds the file VERSION. The revision is an argument, because the
# build context has no repository to read it from.
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath \
        -ldflags "-s -w -X github.com/prometheus/common/version.Revision=$REVISION" \
        -o /out/huaweicloud_meeting_exporter . && \
    mkdir -p /out/var/lib/huaweicloud_meeting_exporter

FROM gcr.io/distroless/static-debian12:nonroot
ARG REVISION=unknown
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="huaweicloud_meeting_exporter" \
      org.opencontainers.image.description="Prometheus exporter for Huawei Cloud Meeting" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
COPY --from=build /out/huaweicloud_meeting_exporter /usr/local/bin/
# A new named volume copies the owner of this directory, so the exporter can
# write the ledger.
COPY --from=build --chown=65532:65532 /out/var/lib/huaweicloud_meeting_exporter /var/lib/huaweicloud_meeting_exporter
VOLUME /var/lib/huaweicloud_meeting_exporter
USER 65532:65532
EXPOSE 10047
ENTRYPOINT ["/usr/local/bin/huaweicloud_meeting_exporter"]
