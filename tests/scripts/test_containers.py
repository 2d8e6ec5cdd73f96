"""What the container files promise; `scripts/try_containers` makes the image and runs it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from containers.trial import instructions

HERE = Path(__file__).resolve().parents[2] / "scripts" / "containers"
DOCKERFILE = [*instructions((HERE / "Dockerfile").read_text(encoding="utf-8"))]
USER = 10001


def last(word: str) -> str:
    """The last instruction of this word."""
    return [rest for each, rest in DOCKERFILE if each == word][-1]


def documents(name: str) -> list[dict[str, Any]]:
    """Those of a YAML file."""
    return [*yaml.safe_load_all((HERE / name).read_text(encoding="utf-8"))]


def pods() -> list[tuple[str, dict[str, Any]]]:
    """The name and the specification of each pod of the manifests."""
    found = [
        each for path in sorted((HERE / "kubernetes").glob("*.yaml")) for each in documents(path)
    ]
    return [
        (each["metadata"]["name"], each["spec"]["template"]["spec"])
        for each in found
        if each["kind"] == "StatefulSet"
    ]


def test_the_image_runs_as_nobody_in_particular() -> None:
    """And owns only its data."""
    assert last("USER") == f"{USER}:{USER}"
    assert json.loads(last("VOLUME")) == ["/data"]
    assert "XDG_DATA_HOME=/data" in last("ENV")


def test_the_port_is_one_everywhere() -> None:
    """Where the image listens, is asked for its health, and is published."""
    entry = json.loads(last("ENTRYPOINT"))
    port = entry[entry.index("--port") + 1]
    alive = (HERE / "alive.py").read_text(encoding="utf-8")
    assert last("EXPOSE") == port
    assert re.search(r"^PORT = (\d+)$", alive, re.MULTILINE)[1] == port
    proxies = [each for each in compose().values() if each["image"] == "llmcap"]
    assert {each["ports"][0].split(":")[2] for each in proxies} == {port}
    kinds = {each["kind"]: each for each in documents("kubernetes/proxy.yaml")}
    assert kinds["Service"]["spec"]["ports"][0]["port"] == int(port)
    assert kinds["NetworkPolicy"]["spec"]["ingress"][0]["ports"] == [{"port": int(port)}]


def compose() -> dict[str, Any]:
    """The services of compose.yaml."""
    services: dict[str, Any] = documents("compose.yaml")[0]["services"]
    return services


def test_each_proxy_of_compose_is_locked_and_a_node_of_its_own() -> None:
    """Read-only, without rights, reachable from this machine only, its ledger its own."""
    proxies = [each for each in compose().values() if each["image"] == "llmcap"]
    assert len(proxies) == 2
    for each in proxies:
        assert each["read_only"]
        assert each["cap_drop"] == ["ALL"]
        assert each["security_opt"] == ["no-new-privileges:true"]
        assert each["ports"][0].startswith("127.0.0.1:")
    ledgers = [next(v for v in each["volumes"] if v.endswith(":/data")) for each in proxies]
    assert len(set(ledgers)) == 2


@pytest.mark.parametrize(("name", "pod"), pods(), ids=[name for name, _ in pods()])
def test_each_container_of_a_pod_is_locked(name: str, pod: dict[str, Any]) -> None:
    """As the restricted standard of Kubernetes asks, with a read-only root on top."""
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert not pod["automountServiceAccountToken"]
    for each in [*pod["containers"], *pod.get("initContainers", [])]:
        held = each["securityContext"]
        assert held["readOnlyRootFilesystem"]
        assert not held["allowPrivilegeEscalation"]
        assert held["capabilities"] == {"drop": ["ALL"]}


def test_pods_ask_for_health_as_the_image_does() -> None:
    """One command says whether a proxy serves."""
    pod = dict(pods())["llmcap"]
    assert pod["securityContext"]["runAsUser"] == USER
    (proxy,) = pod["containers"]
    health = json.loads(last("HEALTHCHECK").partition(" CMD ")[2])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert proxy[probe]["exec"]["command"] == health


def test_no_secret_stands_in_a_file() -> None:
    """Passwords come from the environment and from Secrets."""
    for path in HERE.rglob("*.yaml"):
        assert not re.search(r"://[^@/\s]*:[^@/\s]*@", path.read_text(encoding="utf-8")), path
