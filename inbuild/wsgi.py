"""What granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from inbuild.memory import keep_what_is_loaded

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "inbuild.settings")

application = get_wsgi_application()
keep_what_is_loaded()
