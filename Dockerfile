# syntax=docker/dockerfile:1
# The shell and the library, for a server that is elsewhere: DATABASE_URL must be set. See docs/railway.md.
#
#   docker build -t guestsql .
#   docker run --rm -e DATABASE_URL guestsql guestsql migrate up --wait 60
#   docker run -e DATABASE_URL -e PORT=8080 -p 8080:8080 guestsql

ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
COPY requirements/image.lock requirements/image.lock
# The extras are in the lock, except one: an embedded PostgreSQL would lose its data with the container.
RUN python -m venv --without-pip /opt/guestsql \
    && pip --python /opt/guestsql/bin/python install --no-compile --require-hashes -r requirements/image.lock
COPY pyproject.toml README.md LICENSE ./
COPY guestsql guestsql
COPY queries queries
COPY migrations migrations
COPY docs/rules docs/rules
RUN pip wheel --no-deps --wheel-dir /dist . \
    && pip --python /opt/guestsql/bin/python install --no-compile --no-deps /dist/*.whl

FROM python:${PYTHON}-slim
ENV PATH=/opt/guestsql/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp
COPY --from=build /opt/guestsql /opt/guestsql
# A number, so that a platform that refuses root can verify that the account is not root. It has no home and no shell.
USER 10001:10001
WORKDIR /tmp
EXPOSE 8080
# No HEALTHCHECK: Railway and Kubernetes do not read it, and a bot built on this image has its own port.
# As a list: the program itself gets SIGTERM, not a shell that keeps it.
CMD ["guestsql", "health", "--drain", "5"]
