# SPDX-License-Identifier: Apache-2.0
"""What the user is told without a traceback."""


class Problem(Exception):
    """Something about the Pod or this machine that keeps the container from running."""
