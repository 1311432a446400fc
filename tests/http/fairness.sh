#!/bin/bash
# How fairly the HTTP server serves: of engine.sh what compares.
ENGINE_TESTS=fairness exec bash "$(dirname "$0")/engine.sh"
