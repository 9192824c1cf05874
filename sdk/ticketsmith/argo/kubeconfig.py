"""Identity and address for a Kubernetes API: the kubeconfig, read by lightkube."""

import os
from collections.abc import Generator, Mapping

import httpx2
import yaml
from lightkube.config.client_adapter import ConnectionParams
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from ..errors import Denied, UsageError

SHOW = "`kubectl config view` shows it; KUBECONFIG names another"
ODD = (AttributeError, ConfigError, KeyError, OSError, TypeError, ValueError, yaml.YAMLError)
"""Errors that lightkube raises for a file that is no kubeconfig."""


def kubeconfig(environment: Mapping[str, str]) -> SingleConfig:
    """That of KUBECONFIG or ~/.kube/config; in a pod without either, the pod's own. Raises UsageError."""
    path = environment.get("KUBECONFIG") or os.path.expanduser("~/.kube/config")
    there = os.path.exists(path)
    try:
        config = (KubeConfig.from_file(path) if there else KubeConfig.from_service_account()).get()
    except ODD as error:
        if there:
            raise UsageError(f"{path} is no kubeconfig ({' '.join(str(error).split())})", SHOW) from error
        raise UsageError(
            f"no cluster: ARGO_SERVER is not set and there is no {path}",
            "set ARGO_SERVER and ARGO_TOKEN, or KUBECONFIG (GKE: `gcloud container clusters get-credentials CLUSTER`)",
        ) from error
    if config is None:
        raise UsageError(f"{path} has no current context", "`kubectl config use-context NAME`")
    return config


def client(config: SingleConfig, transport: httpx2.BaseTransport | None = None) -> httpx2.Client:
    """An HTTP client with the address and the credentials of a kubeconfig. Raises UsageError for files not there."""
    try:
        parameters = ConnectionParams(transport=transport).httpx_params(config)
    except (*ODD, AssertionError) as error:
        raise UsageError(f"kubeconfig: {error}", SHOW) from error
    if auth := parameters.get("auth"):
        parameters["auth"] = Credentials(auth)
    return httpx2.Client(**parameters)


class Credentials(httpx2.Auth):
    """lightkube's, whose plugins fail with all sorts of errors when a token is asked for."""

    def __init__(self, inner: httpx2.Auth) -> None:
        self.inner = inner

    def sync_auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        try:
            yield from self.inner.sync_auth_flow(request)
        except ODD as error:
            raise Denied(
                f"kubeconfig: no credentials ({type(error).__name__}: {' '.join(str(error).split())})",
                "`kubectl get workflows` must work; with a plugin that it knows and this does not, set ARGO_SERVER",
            ) from error
