#!/usr/bin/env -S python3 -B
# SPDX-License-Identifier: Apache-2.0
"""The part of the `helm` command line that this project's tests and documentation use.

usage: hack/helm.py COMMAND [ARGUMENT...]      (each command has --help)

It is not a Helm of our own: every command is one call of Helm 4's Go library, which the Python package
helm-python-sdk carries. `hack/install-deps.sh helm` puts that package into the cache, and this file runs itself again
with the Python found there. Put a link to this file named `helm` on the PATH and commands read as with Helm's own
program. What differs:

  repo, pull, push, plugin, test ...   are missing, like every flag that --help does not list
  --set 'list[1].key=value'            replaces the whole list: the library parses each --set by itself
  template                             leaves hooks out (our chart has none)

The cluster is that of --kubeconfig or KUBECONFIG, the namespace that of -n, HELM_NAMESPACE or the current context.
"""
import argparse
import json
import os
import pathlib
import re
import sys
import types

HERE = pathlib.Path(__file__).resolve().parent
PIN = re.compile(r"^helm-python-sdk==(\S+)", re.MULTILINE)


def sdk():
    """Imports the library, after a start with the cached Python if this one does not have it."""
    try:
        import helm_python
        from helm_python import _native
    except ImportError:
        cache = os.environ.get("TALOS_OPERATOR_CACHE")
        if not cache:
            cache = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "talos-operator")
        version = PIN.search((HERE / "helm-requirements.txt").read_text())[1]
        python = os.path.join(cache, f"helm-{version}", "bin", "python")
        if sys.executable == python or not os.access(python, os.X_OK):
            fail("Helm's library is not installed: run hack/install-deps.sh helm")
        os.execv(python, [python, "-B", str(HERE / "helm.py"), *sys.argv[1:]])
    return types.SimpleNamespace(helm=helm_python, native=_native)


def fail(message):
    sys.exit(f"Error: {message}")


# --- values ----------------------------------------------------------------

def merged(base, over):
    """Maps are merged, everything else is replaced, as Helm does it."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            value = merged(result[key], value)
        result[key] = value
    return result


def values_of(lib, options):
    """Helm's order: files, then --set-json, then --set, then --set-string, each from left to right."""
    result = {}
    for name in options.values:
        text = sys.stdin.read() if name == "-" else pathlib.Path(name).read_text()
        try:
            result = merged(result, lib.helm.values_from_yaml(text) or {})
        except lib.helm.HelmError as error:
            fail(f"failed to parse {name}: {error}")
    for expressions, function in (
        (options.set_json, "helm_strvals_parse_json"),
        (options.set, "helm_strvals_parse"),
        (options.set_string, "helm_strvals_parse_string"),
    ):
        for expression in expressions:
            result = merged(result, json.loads(lib.native.call_string(function, expression)))
    return result


# --- the connection --------------------------------------------------------

def namespace_of(lib, options):
    """-n, or HELM_NAMESPACE, or what the kubeconfig's current context says."""
    namespace = options.namespace or os.environ.get("HELM_NAMESPACE")
    path = options.kubeconfig or os.environ.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")
    if namespace or not os.path.isfile(path):
        return namespace or "default"
    config = lib.helm.values_from_yaml(pathlib.Path(path).read_text())
    for entry in config.get("contexts") or []:
        if entry.get("name") == config.get("current-context"):
            return entry.get("context", {}).get("namespace") or "default"
    return "default"


def connect(lib, options):
    return lib.helm.Config(
        kubeconfig_path=options.kubeconfig, namespace=namespace_of(lib, options),
        storage_driver=os.environ.get("HELM_DRIVER") or None,
    )


def seconds(text):
    """Go's notation: 90s, 5m, 1h30m."""
    parts = re.findall(r"(\d+)([hms])", text)
    if not parts or "".join(map("".join, parts)) != text:
        raise argparse.ArgumentTypeError(f"'{text}' is no duration such as 90s, 5m0s, 1h")
    return sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in parts)


def release_options(lib, options, **more):
    """What install and upgrade share, as the library's C interface names it. It refuses names it does not know."""
    given = {
        "namespace": namespace_of(lib, options),
        "create_namespace": options.create_namespace,
        "description": options.description,
        "dry_run": options.dry_run,
        "force_conflicts": options.force_conflicts,
        "api_versions": options.api_versions,
        "kube_version": options.kube_version,
        "chart_version": options.version,
        "rollback_on_failure": options.rollback_on_failure,
        "skip_schema_validation": options.skip_schema_validation,
        "take_ownership": options.take_ownership,
        "timeout_seconds": options.timeout,
        "wait": options.wait,
        **more,
    }
    return {key: value for key, value in given.items() if value not in (None, False, [])}


def call_release(lib, function, config, options, more):
    """helm_install or helm_upgrade. The Python interface has fewer options than the C interface below it."""
    if not os.path.exists(options.chart):
        fail(f'chart "{options.chart}" not found (only a directory or a .tgz file can be named here)')
    chart = lib.helm.Chart.load(options.chart)
    answer = lib.native.call_string(
        function, config._raw(), lib.native.HANDLE(0), chart._raw(), None, options.name,
        json.dumps(values_of(lib, options)), json.dumps(more),
    )
    return json.loads(answer)


# --- output ----------------------------------------------------------------

def print_json(value):
    print(json.dumps(value, indent=2))


def print_table(header, rows):
    rows = [header, *[[str(cell) for cell in row] for row in rows]]
    widths = [max(len(row[column]) for row in rows) for column in range(len(header))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def print_release(release, options):
    if options.output == "json":
        print_json(release)
        return
    for title, key in (("NAME", "name"), ("LAST DEPLOYED", "deployed_at"), ("NAMESPACE", "namespace"),
                       ("STATUS", "status"), ("REVISION", "revision"), ("DESCRIPTION", "description")):
        if release.get(key) not in (None, ""):
            print(f"{title}: {release[key]}")
    if getattr(options, "dry_run", None) not in (None, "none"):
        print(f"MANIFEST:\n{release['manifest']}")
    if release.get("notes"):
        print(f"NOTES:\n{release['notes'].rstrip()}")


def chart_of(release):
    return f"{release.get('chart_name', '')}-{release.get('chart_version', '')}"


# --- commands --------------------------------------------------------------

def template(lib, options):
    options.dry_run, options.create_namespace = "client", False
    config = lib.helm.Config(
        kubeconfig_content="", namespace=options.namespace or os.environ.get("HELM_NAMESPACE") or "default",
        storage_driver="memory",
    )
    more = release_options(lib, options)
    more["namespace"] = options.namespace or os.environ.get("HELM_NAMESPACE") or "default"
    manifest = call_release(lib, "helm_install", config, options, more)["manifest"]
    documents = [text for text in re.split(r"^---\n", manifest, flags=re.MULTILINE) if text.strip()]
    if options.include_crds:
        crds = lib.helm.Chart.load(options.chart).crds
        documents = [f"# Source: {crd['filename']}\n{crd['data']}\n" for crd in crds] + documents
    for wanted in options.show_only:
        if not any(re.match(rf"# Source: [^/]+/{re.escape(wanted)}\n", text) for text in documents):
            fail(f"could not find template {wanted} in chart")
    for text in documents:
        if not options.show_only or any(
            re.match(rf"# Source: [^/]+/{re.escape(wanted)}\n", text) for wanted in options.show_only
        ):
            print(f"---\n{text.rstrip()}")


def lint(lib, options):
    failed = 0
    for path in options.charts:
        report = lib.helm.lint(
            path, values_of(lib, options), strict=options.strict, namespace=options.namespace,
            kube_version=options.kube_version,
        )
        print(f"==> Linting {path}")
        for message in report["messages"]:
            level = ["UNKNOWN", "INFO", "WARNING", "ERROR"][message["severity"]]
            print(f"[{level}] {message['path']}: {message['error']}")
        for message in report["errors"]:
            print(f"[ERROR] {message}")
        limit = 2 if options.strict else 3
        failed += bool(report["errors"]) or any(m["severity"] >= limit for m in report["messages"])
        print()
    print(f"{len(options.charts)} chart(s) linted, {failed} chart(s) failed")
    if failed:
        sys.exit(1)


def install(lib, options):
    config = connect(lib, options)
    print_release(call_release(lib, "helm_install", config, options, release_options(lib, options)), options)


def upgrade(lib, options):
    config = connect(lib, options)
    if options.install:
        try:
            config.history(options.name)
        except lib.helm.HelmNotFoundError:
            print(f'Release "{options.name}" does not exist. Installing it now.', file=sys.stderr)
            return install(lib, options)
    more = release_options(
        lib, options, reset_values=options.reset_values, reuse_values=options.reuse_values,
        reset_then_reuse_values=options.reset_then_reuse_values, create_namespace=None,
    )
    release = call_release(lib, "helm_upgrade", config, options, more)
    if options.output == "table":
        print(f'Release "{options.name}" has been upgraded. Happy Helming!')
    print_release(release, options)


def rollback(lib, options):
    connect(lib, options).rollback(
        options.name, version=options.revision, timeout=options.timeout, wait=options.wait, dry_run=options.dry_run,
    )
    print("Rollback was a success! Happy Helming!")


def uninstall(lib, options):
    config = connect(lib, options)
    for name in options.names:
        answer = config.uninstall(
            name, keep_history=options.keep_history, ignore_not_found=options.ignore_not_found,
            timeout=options.timeout, wait=options.wait, dry_run=options.dry_run is not None,
        )
        if answer.get("info"):
            print(answer["info"].rstrip())
        print(f'release "{name}" uninstalled')


def list_releases(lib, options):
    releases = connect(lib, options).list(all_states=options.all, all_namespaces=options.all_namespaces)
    if options.output == "json":
        return print_json(releases)
    print_table(
        ["NAME", "NAMESPACE", "REVISION", "UPDATED", "STATUS", "CHART"],
        [[r["name"], r["namespace"], r["revision"], r["deployed_at"], r["status"], chart_of(r)] for r in releases],
    )


def history(lib, options):
    revisions = connect(lib, options).history(options.name)
    if options.output == "json":
        return print_json(revisions)
    print_table(
        ["REVISION", "UPDATED", "STATUS", "CHART", "DESCRIPTION"],
        [[r["revision"], r["deployed_at"], r["status"], chart_of(r), r.get("description", "")] for r in revisions],
    )


def status(lib, options):
    print_release(connect(lib, options).status(options.name, revision=options.revision), options)


def get(lib, options):
    config = connect(lib, options)
    if options.what == "values":
        print_json(config.get_values(options.name, all_values=options.all, revision=options.revision))
    elif options.what == "manifest":
        print(config.status(options.name, revision=options.revision)["manifest"].rstrip())
    elif options.what == "notes":
        print(config.status(options.name, revision=options.revision).get("notes", "").rstrip())
    else:
        print_json(config.get_metadata(options.name, revision=options.revision))


def package(lib, options):
    path = lib.helm.package(
        options.chart, destination=options.destination, version=options.version, app_version=options.app_version,
    )
    print(f"Successfully packaged chart and saved it to: {path}")


def show(lib, options):
    print(lib.helm.show(options.chart, output_format=options.what).rstrip())


def version(lib, options):
    print(f"{lib.helm.helm_sdk_version()} (helm-python-sdk {lib.helm.helm_c_version()})")


# --- the command line ------------------------------------------------------

def value_flags(parser):
    parser.add_argument("-f", "--values", action="append", default=[], metavar="FILE")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--set-string", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--set-json", action="append", default=[], metavar="KEY=JSON")
    parser.add_argument("--kube-version", metavar="VERSION", help="Capabilities.KubeVersion, without a cluster")


def wait_flags(parser):
    parser.add_argument("--wait", nargs="?", const="watcher", choices=["watcher", "legacy", "hookOnly"])
    parser.add_argument("--timeout", type=seconds, metavar="DURATION")
    parser.add_argument("--dry-run", nargs="?", const="client", choices=["client", "server", "none"])


def chart_flags(parser):
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("chart", metavar="CHART", help="a directory or a .tgz file")
    value_flags(parser)
    parser.add_argument("-a", "--api-versions", action="append", default=[], metavar="GROUP/VERSION[/KIND]")
    parser.add_argument("--create-namespace", action="store_true")
    parser.add_argument("--description", metavar="TEXT")
    parser.add_argument("--force-conflicts", action="store_true", help="take fields over from other field managers")
    parser.add_argument("--rollback-on-failure", "--atomic", action="store_true")
    parser.add_argument("--skip-schema-validation", action="store_true")
    parser.add_argument("--take-ownership", action="store_true", help="adopt objects that are there already")
    parser.add_argument("--version", metavar="VERSION")
    wait_flags(parser)


def output_flag(parser):
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")


def command(subparsers, name, function, *groups, aliases=()):
    parser = subparsers.add_parser(name, aliases=aliases, allow_abbrev=False)
    parser.set_defaults(function=function)
    parser.add_argument("-n", "--namespace")
    parser.add_argument("--kubeconfig", metavar="FILE")
    for group in groups:
        group(parser)
    return parser


def command_line():
    parser = argparse.ArgumentParser(
        prog="helm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    sub = command(subparsers, "template", template, chart_flags)
    sub.add_argument("--include-crds", action="store_true")
    sub.add_argument("-s", "--show-only", action="append", default=[], metavar="TEMPLATE")
    sub = command(subparsers, "lint", lint, value_flags)
    sub.add_argument("charts", nargs="+", metavar="CHART")
    sub.add_argument("--strict", action="store_true")
    command(subparsers, "install", install, chart_flags, output_flag)
    sub = command(subparsers, "upgrade", upgrade, chart_flags, output_flag)
    sub.add_argument("-i", "--install", action="store_true")
    sub.add_argument("--reset-values", action="store_true")
    sub.add_argument("--reuse-values", action="store_true")
    sub.add_argument("--reset-then-reuse-values", action="store_true")
    sub = command(subparsers, "rollback", rollback, wait_flags)
    sub.add_argument("name", metavar="NAME")
    sub.add_argument("revision", nargs="?", type=int, metavar="REVISION")
    sub = command(subparsers, "uninstall", uninstall, wait_flags, aliases=["delete"])
    sub.add_argument("names", nargs="+", metavar="NAME")
    sub.add_argument("--keep-history", action="store_true")
    sub.add_argument("--ignore-not-found", action="store_true")
    sub = command(subparsers, "list", list_releases, output_flag, aliases=["ls"])
    sub.add_argument("-A", "--all-namespaces", action="store_true")
    sub.add_argument("-a", "--all", action="store_true", help="in every state, not just deployed or failed")
    command(subparsers, "history", history, output_flag).add_argument("name", metavar="NAME")
    sub = command(subparsers, "status", status, output_flag)
    sub.add_argument("name", metavar="NAME")
    sub.add_argument("--revision", type=int)
    sub = command(subparsers, "get", get)
    sub.add_argument("what", choices=["values", "manifest", "notes", "metadata"])
    sub.add_argument("name", metavar="NAME")
    sub.add_argument("-a", "--all", action="store_true", help="values: defaults too")
    sub.add_argument("-o", "--output", choices=["json", "yaml"], help="JSON, which is YAML, either way")
    sub.add_argument("--revision", type=int)
    sub = command(subparsers, "package", package)
    sub.add_argument("chart", metavar="CHART")
    sub.add_argument("-d", "--destination", default=".", metavar="DIRECTORY")
    sub.add_argument("--version")
    sub.add_argument("--app-version")
    sub = command(subparsers, "show", show)
    sub.add_argument("what", choices=["all", "chart", "values", "readme", "crds"])
    sub.add_argument("chart", metavar="CHART")
    command(subparsers, "version", version)
    return parser


def main():
    options = command_line().parse_args()
    lib = sdk()
    try:
        options.function(lib, options)
    except lib.helm.HelmError as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {error.strerror}")


main()
