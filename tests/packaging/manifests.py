#!/usr/bin/python3
"""The container file and the Kubernetes manifests, by the rules that they are there to keep.

    manifests.py SOURCE_DIR
"""
import pathlib
import re
import sys

import yaml

packaging = pathlib.Path(sys.argv[1]) / "agent" / "packaging"
broken = []
checked = set()


def rule(holds, where, what):
    if not holds:
        broken.append(f"{where}: {what}")


class Strict(yaml.SafeLoader):
    """A key that stands twice is an error: the second would silently win."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key) for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"twice: {twice}", node.start_mark)
        return super().construct_mapping(node, deep)


# What of the API is used, with its types: apps/v1, batch/v1 and core/v1. A field that is not here is mistyped, or to be added.
NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
QUANTITY = re.compile(r"[0-9]+(m|Ki|Mi|Gi)?")
IMAGE = re.compile(r"[a-z0-9][a-z0-9._/-]*:[A-Za-z0-9._-]+")
PATH = re.compile(r"/[^:]*")
LABELS = {"*": NAME}
PROBE = {"exec": {"command": [str]}, "periodSeconds": int, "timeoutSeconds": int, "failureThreshold": int}
AMOUNTS = {"cpu": QUANTITY, "memory": QUANTITY}
SECURITY = {"runAsUser": int, "runAsGroup": int, "runAsNonRoot": bool, "allowPrivilegeEscalation": bool,
            "readOnlyRootFilesystem": bool, "capabilities": {"drop": [str], "add": [str]}}
CONTAINER = {"name": NAME, "image": IMAGE, "command": [str], "args": [str], "restartPolicy": "Always",
             "env": [{"name": re.compile(r"[A-Z_]+"), "value": str}], "securityContext": SECURITY,
             "startupProbe": PROBE, "livenessProbe": PROBE, "readinessProbe": PROBE,
             "resources": {"requests": AMOUNTS, "limits": AMOUNTS},
             "volumeMounts": [{"name": NAME, "mountPath": PATH, "readOnly": bool}]}
POD = {"restartPolicy": "Never", "priorityClassName": "system-node-critical", "tolerations": [{"operator": "Exists"}],
       "terminationGracePeriodSeconds": int,
       "securityContext": {"fsGroup": int, "fsGroupChangePolicy": "OnRootMismatch", "runAsNonRoot": bool,
                           "seccompProfile": {"type": "RuntimeDefault"}},
       "initContainers": [CONTAINER], "containers": [CONTAINER],
       "volumes": [{"name": NAME, "emptyDir": {"medium": "Memory", "sizeLimit": QUANTITY},
                    "hostPath": {"path": PATH, "type": "DirectoryOrCreate"},
                    "secret": {"secretName": NAME, "defaultMode": int}}]}
TEMPLATE = {"metadata": {"labels": LABELS}, "spec": POD}
SELECTOR = {"matchLabels": LABELS}
KINDS = {
    "Deployment": {"apiVersion": "apps/v1", "spec": {"selector": SELECTOR, "template": TEMPLATE}},
    "DaemonSet": {"apiVersion": "apps/v1", "spec": {
        "selector": SELECTOR, "template": TEMPLATE,
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": int, "maxSurge": int}}}},
    "Job": {"apiVersion": "batch/v1", "spec": {"backoffLimit": int, "template": TEMPLATE}},
}


def check_shape(where, value, shape):
    if isinstance(shape, dict):
        rule(isinstance(value, dict), where, "is no mapping")
        for key, each in value.items() if isinstance(value, dict) else []:
            rule(key in shape or "*" in shape, where, f"there is no field {key}")
            check_shape(f"{where}.{key}", each, shape.get(key, shape.get("*", object)))
    elif isinstance(shape, list):
        rule(isinstance(value, list) and value, where, "is no list, or an empty one")
        for i, each in enumerate(value if isinstance(value, list) else []):
            check_shape(f"{where}[{i}]", each, shape[0])
    elif isinstance(shape, re.Pattern):
        rule(isinstance(value, str) and shape.fullmatch(value), where, f"'{value}' does not look like one")
    elif isinstance(shape, str):
        rule(value == shape, where, f"is '{value}', not '{shape}'")
    else:
        rule(isinstance(value, shape) and (shape is object or not (shape is int and isinstance(value, bool))), where,
             f"'{value}' is no {shape.__name__}")


def bytes_of(quantity):
    number, unit = re.fullmatch(r"(\d+)(\D*)", quantity).groups()
    return int(number) * {"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30}[unit]


def check_containers(where, pod):
    every = pod.get("initContainers", []) + pod["containers"]
    names = [container["name"] for container in every]
    rule(len(set(names)) == len(names), where, "two containers have one name")
    rings = next((volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"]
                  if volume["name"] == "rings" and "emptyDir" in volume), None)
    for container in every:
        limit = bytes_of(container["resources"]["limits"]["memory"])
        rule(bytes_of(container["resources"]["requests"]["memory"]) <= limit, where, f"{container['name']} requests more memory than it may have")
        rule(rings is None or bytes_of(rings) < limit, where, f"rings alone are more than the limit of {container['name']}")
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            patience = container.get(kind, {}).get("timeoutSeconds", 6)
            rule(patience > 5, where, f"{kind} gives up before payi-agent health does")
    for volume in pod["volumes"]:
        rule(len(volume) == 2, where, f"volume {volume['name']} is not of one kind")
        rule(volume.get("secret", {}).get("defaultMode", 0o440) == 0o440, where, "the key can be read by all, or not by its group")


def check_manifest(where, manifest):
    kind = KINDS.get(manifest.get("kind"))
    rule(kind, where, f"is of no kind that is known here: {manifest.get('kind')}")
    if not kind:
        return
    check_shape(where, manifest, {"kind": str, "metadata": {"name": NAME}, **kind})
    rule(manifest.get("apiVersion") == kind["apiVersion"], where, "is of another version of the API")
    spec = manifest["spec"]
    if manifest["kind"] == "Job":
        rule(spec["template"]["spec"].get("restartPolicy") == "Never", where, "a job must say Never or OnFailure")
    else:
        labels = spec["template"]["metadata"]["labels"]
        rule(spec["selector"]["matchLabels"].items() <= labels.items(), where, "selects other pods than its own")
    check_containers(where, spec["template"]["spec"])


def load(name):
    documents = list(yaml.load_all((packaging / "kubernetes" / name).read_text(), Loader=Strict))
    rule(len(documents) == 1, name, "is not one document")
    if name not in checked:
        check_manifest(name, documents[0])
    checked.add(name)
    return documents[0]


def probe(container, kind):
    return container.get(kind, {}).get("exec", {}).get("command")


def check_locked_down(where, container, is_root=False):
    security = container.get("securityContext", {})
    rule(security.get("allowPrivilegeEscalation") is False, where, "may escalate privileges")
    rule(security.get("readOnlyRootFilesystem") is True, where, "can write to its root")
    rule("ALL" in security.get("capabilities", {}).get("drop", []), where, "keeps capabilities")
    rule(is_root or security.get("runAsUser", 0) > 0, where, "runs as root")
    rule("memory" in container.get("resources", {}).get("limits", {}), where, "has no limit of memory")
    rule("memory" in container.get("resources", {}).get("requests", {}), where, "requests no memory")


def check_volumes(where, pod):
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    used = set()
    for container in pod.get("initContainers", []) + pod["containers"]:
        for mount in container.get("volumeMounts", []):
            used.add(mount["name"])
            rule(mount["name"] in volumes, where, f"{container['name']} mounts {mount['name']}, which is no volume")
    rule(used == set(volumes), where, f"volumes that nobody mounts: {set(volumes) - used}")
    return volumes


def check_agent(where, agent):
    rule(agent["args"][0] == "run", where, "does not run the agent")
    rule(probe(agent, "startupProbe") == ["payi-agent", "health", "--ready"], where, "has no startup probe")
    rule(probe(agent, "livenessProbe") == ["payi-agent", "health"], where, "has no liveness probe")
    environment = {entry["name"]: entry["value"] for entry in agent["env"]}
    mounts = {mount["mountPath"]: mount for mount in agent["volumeMounts"]}
    rule(environment["PAYI_RING_DIR"] == "/run/payi/rings" and "/run/payi" in mounts, where, "has no rings")
    rule(environment["PAYI_DATA_DIR"].startswith("/var/lib/payi") and "/var/lib/payi" in mounts, where, "has no data")
    rule(mounts.get("/etc/payi-key", {}).get("readOnly"), where, "has no key, or can write it")
    rule(environment["PAYI_API_KEY_FILE"].startswith("/etc/payi-key/"), where, "does not find the key")
    rule("PAYI_API_KEY" not in environment, where, "has the key in its environment")
    return int(re.search(r"--shutdown-flush-s=(\d+)", " ".join(agent["args"])).group(1))


def check_sidecar(name):
    pod = load(name)["spec"]["template"]["spec"]
    agents = [each for each in pod["initContainers"] if each["name"] == "payi-agent"]
    rule(len(agents) == 1 and agents[0].get("restartPolicy") == "Always", name, "the agent is no native sidecar")
    flush = check_agent(name, agents[0])
    rule(probe(agents[0], "readinessProbe") is None, name, "a full disk takes the application out of its service")
    rule(pod["terminationGracePeriodSeconds"] >= flush + 30, name, "is killed while it flushes")
    rule(pod["securityContext"].get("fsGroup", 0) > 0, name, "the containers share no group")
    rule(pod["securityContext"].get("runAsNonRoot") is True, name, "may run as root")
    for container in agents + pod["containers"]:
        check_locked_down(f"{name}: {container['name']}", container)
    volumes = check_volumes(name, pod)
    rings = volumes["rings"].get("emptyDir", {})
    rule(rings.get("medium") == "Memory" and "sizeLimit" in rings, name, "rings are not in memory, or without a bound")
    rule(volumes["data"].get("emptyDir", {}).get("medium") != "Memory", name, "the history is in memory")
    rule("secret" in volumes["key"], name, "the key is no secret")
    for app in pod["containers"]:
        rule({"name": "rings", "mountPath": "/run/payi"} in app["volumeMounts"], name, f"{app['name']} has no rings")
        rule(app["securityContext"]["runAsUser"] != agents[0]["securityContext"]["runAsUser"], name, "shows one user for both")


def check_daemonset(name):
    spec = load(name)["spec"]
    pod = spec["template"]["spec"]
    agent = pod["containers"][0]
    flush = check_agent(name, agent)
    rule(spec["updateStrategy"]["rollingUpdate"]["maxSurge"] == 0, name, "two agents may meet on a node")
    rule(probe(agent, "readinessProbe") == ["payi-agent", "health", "--ready"], name, "has no readiness probe")
    rule(pod["terminationGracePeriodSeconds"] >= flush + 30, name, "is killed while it flushes")
    check_locked_down(f"{name}: {agent['name']}", agent)
    check_locked_down(f"{name}: directories", pod["initContainers"][0], is_root=True)
    volumes = check_volumes(name, pod)
    rule(volumes["rings"]["hostPath"]["path"] == "/run/payi", name, "rings are not the node's")
    rule("3770" in " ".join(pod["initContainers"][0]["args"]), name, "the ring directory is not for its group")


def check_container_file():
    text = (packaging / "Containerfile").read_text().replace("\\\n", " ")
    stages = re.split(r"^FROM ", text, flags=re.M)[1:]
    last = stages[-1]
    version = re.search(r"VERSION (\S+)", (packaging.parents[1] / "CMakeLists.txt").read_text().split("project(")[1]).group(1)
    rule(len(stages) == 2 and "COPY --from=build" in last, "Containerfile", "does not leave the compiler behind")
    rule(last.startswith("debian:12-slim"), "Containerfile", "is based on something else")
    user = re.search(r"^USER (\d+):(\d+)$", last, flags=re.M)
    rule(user and int(user.group(1)) > 0, "Containerfile", "runs as root, or as a name that runAsNonRoot cannot check")
    rule("STOPSIGNAL SIGTERM" in last, "Containerfile", "is stopped by another signal")
    rule('CMD ["payi-agent", "health"]' in last, "Containerfile", "has no health check")
    rule('ENTRYPOINT ["payi-agent"]' in last, "Containerfile", "has a shell between")
    rule("VOLUME /var/lib/payi" in last, "Containerfile", "keeps the history in its own layer")
    rule(f'version="{version}"' in last, "Containerfile", f"is not labelled {version}")
    for manifest in ("sidecar.yaml", "job.yaml", "daemonset.yaml"):
        rule(f"payi-agent:{version}" in (packaging / "kubernetes" / manifest).read_text(), manifest, "is of another version")
    for run in re.findall(r"^RUN (apt-get .*)$", text, flags=re.M):
        rule("--no-install-recommends" in run and "rm -rf /var/lib/apt/lists" in run, "Containerfile", f"leaves behind: {run[:40]}")


check_sidecar("sidecar.yaml")
check_sidecar("job.yaml")
check_daemonset("daemonset.yaml")
check_container_file()
for line in broken:
    print(line)
sys.exit(1 if broken else 0)
