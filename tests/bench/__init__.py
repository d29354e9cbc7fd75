# SPDX-License-Identifier: Apache-2.0
"""The bench: what each stage of the path does, beside what its client library can do by itself."""
