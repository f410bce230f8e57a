# The product for production: web, worker and beat run from this one image. See docker-compose.yml.
FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app

COPY requirements/base.txt requirements/base.txt
RUN pip install --require-hashes -r requirements/base.txt

COPY pyproject.toml manage.py ./
COPY inbuild inbuild
COPY companies companies
COPY invoices invoices
COPY procore_sync procore_sync
COPY quickbooks quickbooks
COPY templates templates
COPY static static
RUN pip install --no-deps --no-build-isolation --editable .

# Collecting reads the settings, so they get invented values for this one command; none of them stays in the image.
RUN SECRET_KEY=only-while-building FIELD_KEYS=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    DATABASE_URL=postgres://nobody@localhost/nothing REDIS_URL=redis://localhost/0 \
    PUBLIC_URL=https://build.invalid EMAIL_URL=smtp://build.invalid \
    python manage.py collectstatic --no-input

RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin inbuild \
    && mkdir -p /srv/media /srv/beat && chown inbuild /srv/media /srv/beat
ENV MEDIA_ROOT=/srv/media
USER inbuild
EXPOSE 8000

CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--no-ws", "--workers", "2", \
     "--blocking-threads", "8", "--workers-kill-timeout", "120", "--log-level", "warning", "inbuild.wsgi:application"]
