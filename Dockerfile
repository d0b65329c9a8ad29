# syntax=docker/dockerfile:1
# The shell and the library, for a server that is elsewhere: DATABASE_URL must be set. docs/deployment.md tells the rest.
#
#   docker build -t guestsql .
#   docker run --rm -e DATABASE_URL guestsql guestsql migrate up --wait 60
#   docker run -e DATABASE_URL -e PORT=8080 -p 8080:8080 guestsql

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
# Such as [prometheus]. Not [embedded]: a PostgreSQL in the container would lose its data with it.
ARG EXTRAS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY guestsql guestsql
COPY queries queries
COPY migrations migrations
# DL3013 asks for a version: the wheel is the one that was just built, and its bounds stand in pyproject.toml.
# hadolint ignore=DL3013
RUN pip wheel --no-deps --wheel-dir /dist . \
    && python -m venv --without-pip /opt/guestsql \
    && wheel="$(echo /dist/*.whl)" \
    && pip --python /opt/guestsql/bin/python install --no-compile "${wheel}${EXTRAS}"

FROM python:${PYTHON}-slim
ENV PATH=/opt/guestsql/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
COPY --from=build /opt/guestsql /opt/guestsql
# A number, so that a platform that refuses root can see that it is none. The account has no home and no shell.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
# No HEALTHCHECK: Railway and Kubernetes do not read it, and a bot that is built upon this image knows its own port.
# As a list: the program itself gets SIGTERM, not a shell that keeps it.
CMD ["guestsql", "health", "--drain", "5"]
