# SPDX-License-Identifier: Apache-2.0
"""What the demo and the integration tests share: servers, our programs, and the comparison."""
