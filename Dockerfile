# One image for every role: web, workers, beat. Built in two steps so that no compiler or pip cache stays in it.
# Untested: written where no container engine was at hand.

FROM python:3.13-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
WORKDIR /srv/newsroom
COPY requirements/base.txt requirements/base.txt
RUN /opt/venv/bin/pip install --require-hashes --requirement requirements/base.txt
COPY manage.py pyproject.toml ./
COPY locale locale
COPY static static
COPY templates templates
COPY newsroom newsroom
COPY subscriptions subscriptions
COPY digests digests
RUN for po in locale/*/LC_MESSAGES/*.po; do \
        /opt/venv/bin/pybabel --quiet compile --input-file "$po" --output-file "${po%.po}.mo"; \
    done \
    # Throw-away SQLite settings: collecting files needs none of the real secrets.
    && /opt/venv/bin/python manage.py collectstatic --noinput --verbosity 0 \
    && rm -rf var/keys var/*.sqlite3* && mkdir -p var

FROM python:3.13-slim
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
RUN useradd --system --uid 10001 --home-dir /srv/newsroom newsroom
WORKDIR /srv/newsroom
COPY --from=build /opt/venv /opt/venv
COPY --from=build --chown=newsroom:newsroom /srv/newsroom /srv/newsroom
USER newsroom
EXPOSE 8000
CMD ["gunicorn", "newsroom.wsgi", "--bind", "0.0.0.0:8000", "--workers", "3", "--max-requests", "2000", \
     "--max-requests-jitter", "200", "--access-logfile", "-", "--logger-class", "newsroom.web.access_log.AccessLogger", \
     "--worker-tmp-dir", "/dev/shm"]
