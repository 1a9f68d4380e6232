# The service, thin: its own code on the base image, which must be there (see Dockerfile.base).
# hadolint global ignore=DL3007
FROM ocr-base:latest AS build
# .dockerignore says what there is to copy
COPY . /build
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation \
      --prefix=/install /build

FROM ocr-base:latest
COPY --from=build /install /opt/ocr-api
USER 10001:10001
ENTRYPOINT ["ocr-api"]
# All of it in one container, on its own loopback; docker-compose.yml runs the parts
CMD ["serve"]
