#!/bin/bash
# How fairly the HTTP server serves many connections, ten thousand among them, and slow ones: what runs by itself.
ENGINE_TESTS="clients fairness" exec bash "$(dirname "$0")/engine.sh"
