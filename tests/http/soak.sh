#!/bin/bash
# The soak of tests/torture, short.
SOAK_SECONDS=${SOAK_SECONDS:-8} exec bash "$(dirname "$0")/../torture/soak.sh"
