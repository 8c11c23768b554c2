"""Everything that can be wrong between here and a backend: code, verdict, cause, and the line that fixes it.

One table: `Destination.check()` and `spancast doctor` take their text from it, `spancast explain CODE` prints it.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..record.fast_frozen import frozen


@frozen()
class ErrorCode:
    """One thing that can be wrong.

    Attributes:
        verdict: In a word or two, for programs and for the last line of a test.
        cause: What is the matter, in a sentence.
        fix: What to do, in a line.
        details: What else one may want to know.
    """

    verdict: str
    cause: str
    fix: str
    details: str = ""


ERROR_CODES: Mapping[str, ErrorCode] = {
    # ---------------------------------------------------------------- settings
    "E100": ErrorCode(
        "settings", "a setting cannot be used", "follow the sentence above: it names the setting and what is right"
    ),
    "E101": ErrorCode(
        "settings",
        "a value that the backend needs is missing",
        "give the argument, or set the variable that the sentence names",
        "`spancast settings` shows every setting, its variable, and where its value comes from.",
    ),
    "E102": ErrorCode(
        "settings",
        "a setting refers to a place (env:NAME, keyring:NAME) that holds nothing",
        "set the environment variable where the application runs, then test again",
        "References are looked up when a destination is made: the application needs the variable as well.",
    ),
    "E103": ErrorCode(
        "port",
        "the URL names port 4317, which speaks gRPC",
        "use port 4318 with the path /v1/traces",
        "spancast sends OTLP over HTTP. Every receiver of gRPC has an HTTP port beside it; behind a proxy it may differ.",
    ),
    "E104": ErrorCode("settings", "the URL has no scheme or no host", "write https://host:port/v1/traces"),
    "E105": ErrorCode(
        "settings",
        "a key or a header has white space or a line break in it",
        "copy the key again, without the line break; give it without 'Bearer' where a preset asks for a key",
    ),
    "E106": ErrorCode(
        "settings",
        "the function that returns the headers raised",
        "correct the function: it is called for every request",
    ),
    "E108": ErrorCode(
        "settings",
        "a key would be saved in the clear",
        "give env:NAME, or --keyring, or --plain-secrets",
        "Saved references are looked up when the application starts; the key itself stays where it is.",
    ),
    "E110": ErrorCode(
        "path",
        "the URL is a base: the path /v1/traces is missing",
        "put /v1/traces at the end of the URL",
        "Some receivers, Arize AX among them, answer 200 on every path and drop what comes on the wrong ones: "
        "the status alone proves nothing. `OTEL_EXPORTER_OTLP_ENDPOINT` is a base (the path is put behind it); "
        "`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` and otlp(endpoint) are used as they are.",
    ),
    "E111": ErrorCode(
        "settings",
        "the space is no Arize Space ID; with a space's name Arize answers 200 and stores nothing",
        "copy the Space ID from Arize's Space Settings: base64 text that begins with U3BhY2U6",
    ),
    "E112": ErrorCode(
        "settings",
        "Axiom needs the name of a dataset, in the header X-Axiom-Dataset",
        "use destinations.axiom(token=..., dataset=...), or add the header",
    ),
    "E113": ErrorCode(
        "settings",
        "a header's value is percent-encoded, and would be sent like that",
        "write a space as a space; only OTEL_EXPORTER_OTLP_HEADERS is percent-encoded (Authorization=Bearer%20...)",
    ),
    "E115": ErrorCode(
        "path",
        "the base URL lacks /otlp, and Grafana Cloud answers 404 there",
        "copy the OTLP endpoint from the stack's page: it ends in /otlp",
    ),
    "E116": ErrorCode(
        "settings",
        "a name does not exist: of an argument, a setting, a preset or a destination",
        "write it as the sentence says; `spancast settings --all` lists all settings",
    ),
    "E117": ErrorCode(
        "settings",
        "a settings file cannot be read or written",
        "correct the file that the sentence names; until then nothing is sent in its place",
        "A file that cannot be read may ask for privacy mode: without it, traces do not go out in the clear instead.",
    ),
    "W110": ErrorCode(
        "passed",
        "the URL does not end in /v1/traces: a receiver may answer 200 there and drop the spans",
        "check that the test span arrived; most receivers want /v1/traces",
    ),
    "W111": ErrorCode(
        "passed",
        "the endpoint answers 400 to a span and to an empty request alike, as some webhooks do",
        "check that the test span arrived",
    ),
    "W114": ErrorCode(
        "passed",
        "the value in OTEL_EXPORTER_OTLP_HEADERS has a plain space; other exporters refuse it",
        "write the space as %20: Authorization=Bearer%20...",
    ),
    # ---------------------------------------------------------------- the way there
    "E201": ErrorCode(
        "host",
        "the DNS does not have the host's name",
        "correct the host in the URL; regions are part of it",
        "In a container the name of a service on another network is unknown too. Behind a proxy set HTTPS_PROXY.",
    ),
    "E202": ErrorCode(
        "host",
        "nothing listens at that port",
        "start the receiver, or correct the port: 4318 for OTLP over HTTP",
        "Collectors and Tempo listen on localhost only by default; other containers need 0.0.0.0:4318.",
    ),
    "E203": ErrorCode(
        "host", "the host did not answer in time", "look at firewalls and proxies (HTTPS_PROXY) between here and there"
    ),
    "E204": ErrorCode("host", "the host cannot be reached", "look at the network: no route from here to there"),
    "E205": ErrorCode(
        "TLS",
        "the certificate is for another name than the URL's host",
        "use a host name that the certificate has; regional hosts of Arize are destinations.arize(region=...)",
    ),
    "E206": ErrorCode(
        "TLS",
        "the certificate is not signed by an authority that is trusted here",
        "give ca_file= (or OTEL_EXPORTER_OTLP_CERTIFICATE) the PEM file of the authority; there is no way to switch it off",
    ),
    "E207": ErrorCode(
        "TLS", "the certificate has expired, or is not valid yet", "renew it; or set this machine's clock"
    ),
    "E208": ErrorCode(
        "TLS", "one side speaks TLS and the other does not", "write http:// for a port without TLS, https:// with"
    ),
    "E209": ErrorCode(
        "port",
        "the receiver broke the connection: a gRPC port, or one with TLS, answers HTTP like that",
        "use the HTTP port, 4318 instead of 4317, with the path /v1/traces; https:// where it has TLS",
    ),
    "E210": ErrorCode(
        "timeout", "the receiver accepted the request and did not answer in time", "try again; or raise timeout="
    ),
    "E211": ErrorCode(
        "TLS",
        "the receiver wants a certificate of the client, and got none that it trusts",
        "give client_certificate= and client_key= (or OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY), PEM files",
        "The certificate has to be signed by the authority that the receiver's `client_ca_file` names, and be valid today.",
    ),
    "E212": ErrorCode(
        "port",
        "what answers at that port does not speak HTTP/1.1, or not as its rules say",
        "correct host and port: 4318 for OTLP over HTTP; or look at the proxy before the receiver",
    ),
    "E213": ErrorCode(
        "TLS",
        "a file of a certificate or a key cannot be used",
        "give PEM files: ca_file=, and client_certificate= with its client_key=, without a pass phrase",
        "`openssl x509 -inform der -in FILE` prints a DER file as PEM, `openssl pkey -in FILE` a key without pass phrase.",
    ),
    "E214": ErrorCode(
        "TLS",
        "the receiver has no version of TLS that is secure enough here",
        "let it speak TLS 1.2 or newer; look at the proxy before it",
    ),
    # ---------------------------------------------------------------- the answer
    "E300": ErrorCode(
        "path", "the receiver redirects elsewhere", "use the final URL as the endpoint: a POST is not redirected"
    ),
    "E400": ErrorCode(
        "receiver",
        "the receiver could not read the request",
        'try protocol="http/protobuf" (or "http/json"); see its words',
    ),
    "E401": ErrorCode(
        "credentials",
        "the key or token was refused",
        "copy the key again; check that it belongs to this host and region",
    ),
    "E403": ErrorCode(
        "credentials",
        "the key is valid, and may not write here",
        "give the key the right to write traces; look at space, dataset, workspace and region",
    ),
    "E404": ErrorCode(
        "path", "nothing takes traces at this path", "the path of an OTLP/HTTP URL is usually /v1/traces"
    ),
    "E405": ErrorCode(
        "path",
        "this path does not take POST",
        "the path of an OTLP/HTTP URL is usually /v1/traces, not the page's address",
    ),
    "E413": ErrorCode(
        "size", "the receiver takes no request of even one span", "look at the limits of proxies before the receiver"
    ),
    "E415": ErrorCode(
        "use protobuf",
        "the receiver does not take JSON",
        'give protocol="http/protobuf", or use the preset of this backend',
        "Phoenix, Weave and Elastic's APM Server take protobuf only; Arize AX, collectors and most others take both.",
    ),
    "E416": ErrorCode("use JSON", "the receiver does not take protobuf", 'give protocol="http/json"'),
    "E422": ErrorCode("receiver", "the receiver could not use the span", "see its words; tell us"),
    "E429": ErrorCode("rate", "the receiver limits the rate", "wait and test again; a lower sampling_rate= helps"),
    "E430": ErrorCode("receiver", "the receiver refused the span", "see its words"),
    "E500": ErrorCode(
        "receiver",
        "the receiver is failing",
        "try again later; Arize AX answers 500 where the project's name is missing: give model_id=",
    ),
    "E503": ErrorCode("receiver", "the receiver is overloaded or starting", "try again in a minute"),
    "E600": ErrorCode(
        "rejected",
        "the receiver accepted the request and rejected the span in it",
        "follow its words: quotas, unknown projects and attribute limits are reported like that",
    ),
    "E601": ErrorCode(
        "path",
        "the answer is a page for people: 200, and no receiver of traces",
        "use the address that takes traces, usually port 4318 and /v1/traces; not the page's",
    ),
    # ---------------------------------------------------------------- here
    "E700": ErrorCode("file", "the file cannot be written", "choose another path, or free the folder"),
    "E702": ErrorCode(
        "file",
        "the default file, or the folder it lies in, is somebody else's",
        "set SPANCAST_FILE to a path of your own",
        "Another user of this machine could read what is written there.",
    ),
    "E701": ErrorCode("exporter", "the span exporter reported a failure", "look at its own log"),
    # ---------------------------------------------------------------- the application
    "W801": ErrorCode(
        "passed",
        "another tracer is there for the same runs: they may arrive, and be paid for, twice",
        "switch one of them off",
    ),
    "W802": ErrorCode(
        "passed",
        "this is a serverless function: it may be frozen before spans have left",
        "call spancast.flush() at the end of each request",
    ),
    "W803": ErrorCode(
        "passed", "OTEL_SDK_DISABLED is set: nothing is recorded", "unset it where the application is to be traced"
    ),
    "W806": ErrorCode(
        "passed",
        "an OpenTelemetry variable is set that has no effect here, or a value that cannot be used",
        "see the sentence; `spancast settings` shows what counts instead",
    ),
    "W807": ErrorCode(
        "passed",
        "a settings file was found and is not used: it is not yours alone",
        "correct its owner and mode, or name it with SPANCAST_CONFIG if you trust it",
    ),
    "W804": ErrorCode(
        "passed",
        "no framework that spancast traces is installed here",
        'pip install "spancast[langchain]" or "spancast[llama-index]" into the application\'s environment',
    ),
    "W805": ErrorCode(
        "passed",
        "uWSGI runs without threads by default, and spans are sent by a thread",
        "start uWSGI with --enable-threads (or --threads 2)",
    ),
}
