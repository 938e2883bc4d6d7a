# SPDX-License-Identifier: Apache-2.0
"""Talos nodes that are simulated: their API, their etcd, and the Kubernetes of their clusters."""
