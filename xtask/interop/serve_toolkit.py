"""A device grant server on django-oauth-toolkit, on a free port of loopback; the first line on standard output says
which. The argument is a directory for its database.

It has the toolkit's own views, pages and defaults. Only the addresses and the user codes are set here.
"""

import os
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

# oauthlib refuses plain HTTP otherwise, on loopback, too.
os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"

import django  # noqa: E402
from django.conf import settings  # noqa: E402

SECRET = "the toolkit's secret: +%&=/"


# Filled once there are settings, which the toolkit's views need.
urlpatterns = []


class Threads(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    # Twelve polls come at once.
    request_queue_size = 64


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def user_code():
    """The toolkit's own codes, until one has the pair that looks alike. Without that, chance decides about a check."""
    from oauth2_provider.utils import user_code_generator

    while True:
        code = user_code_generator()
        if "0" in code and "O" in code:
            return code


def main():
    server = Threads(("127.0.0.1", 0), Quiet)
    url = f"http://127.0.0.1:{server.server_port}"
    settings.configure(
        SECRET_KEY="only for tests",
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF=__name__,
        LOGIN_URL="/log-in",
        USE_TZ=True,
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions",
                        "oauth2_provider"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                    "django.middleware.csrf.CsrfViewMiddleware",
                    "django.contrib.auth.middleware.AuthenticationMiddleware"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
        # A reader that becomes a writer would find the database locked, so each transaction begins as a writer.
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{sys.argv[1]}/toolkit.sqlite3",
                               "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20}}},
        PASSWORD_HASHERS=["django.contrib.auth.hashers.PBKDF2PasswordHasher"],
        LOGGING_CONFIG=None,
        OAUTH2_PROVIDER={
            "OAUTH_DEVICE_VERIFICATION_URI": f"{url}/o/device/",
            "OAUTH_DEVICE_VERIFICATION_URI_COMPLETE": f"{url}/o/device/?user_code={{user_code}}",
            "OAUTH_DEVICE_USER_CODE_GENERATOR": user_code,
            "DEVICE_FLOW_INTERVAL": 1,
        },
    )
    django.setup()

    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.core.servers.basehttp import get_internal_wsgi_application
    from django.urls import include, path
    from oauth2_provider import urls as toolkit
    from oauth2_provider.models import Application

    # RFC 8414 puts the metadata at the root, and the toolkit's documentation puts the rest below a prefix.
    metadata = path("", include((toolkit.metadata_urlpatterns, "metadata")))
    urlpatterns.extend([metadata, path("o/", include("oauth2_provider.urls")), path("log-in", log_in)])
    call_command("migrate", verbosity=0)
    User.objects.create_user("someone")
    device = {"authorization_grant_type": Application.GRANT_DEVICE_CODE}
    for name in ["public-tool", "other-tool"]:
        Application.objects.create(client_id=name, name=name, client_type=Application.CLIENT_PUBLIC, **device)
    Application.objects.create(client_id="confidential-tool", name="confidential-tool", client_secret=SECRET,
                               client_type=Application.CLIENT_CONFIDENTIAL, **device)
    server.set_app(get_internal_wsgi_application())
    print(f"listening on {url}", flush=True)
    server.serve_forever()


def log_in(request):
    """Everybody who opens the page is the one person of the server."""
    from django.contrib.auth import login
    from django.contrib.auth.models import User
    from django.http import HttpResponseRedirect

    login(request, User.objects.get(username="someone"))
    return HttpResponseRedirect(request.GET["next"])


if __name__ == "__main__":
    main()
