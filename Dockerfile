# syntax=docker/dockerfile:1
# One image for nodes, workers and commands; docs/operations.md says how to run it.
#
#   docker build -t objectstore .
#   docker run --env-file .env objectstore python manage.py migrate
#   docker run --env-file .env -v spool:/data -p 8080:8080 objectstore

FROM python:3.11-slim-bookworm AS build
WORKDIR /app
COPY requirements.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt
COPY manage.py Procfile ./
COPY objectstore objectstore
COPY objects_app objects_app
COPY templates templates
COPY static static
# With no database named these settings are local mode's; the key is of no use later.
RUN ENV_FILE=/dev/null DATA_DIR=/tmp/build /venv/bin/python manage.py collectstatic --no-input --verbosity 0 \
    && /venv/bin/python -m compileall -q objectstore objects_app \
    && rm -rf /tmp/build

FROM python:3.11-slim-bookworm
RUN useradd --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin store \
    && install -d -o store -g store -m 0700 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
# Bodies on their way in are spooled below DATA_DIR; nothing else is written, so the
# root file system may be read-only. Mount a volume there: hosts such as Railway refuse
# an image that declares one itself.
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ENV_FILE=/dev/null \
    BIND=0.0.0.0 \
    DATA_DIR=/data
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=10s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, ssl, urllib.request as u; s = 'https' if os.environ.get('TLS_KEY') else 'http'; u.urlopen(f\"{s}://127.0.0.1:{os.environ.get('PORT', '8080')}/readyz\", timeout=9, context=ssl._create_unverified_context())"]
# The exec form: SIGTERM reaches gunicorn, which lets requests in flight finish.
STOPSIGNAL SIGTERM
CMD ["gunicorn", "--config", "objectstore/gunicorn.py"]
