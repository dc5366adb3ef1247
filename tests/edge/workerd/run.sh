#!/bin/sh
# Stands in for workerd: Miniflare hands it a configuration on standard input and cannot be told of V8's flags, so they
# are added here. After that this process is workerd itself, for Miniflare ends it by a signal.
#   STREAMKIT_WORKERD            the real one
#   STREAMKIT_WORKERD_V8_FLAGS   the flags, apart by spaces
set -e
config=$(mktemp)
trap 'rm -f "$config"' EXIT
node "$(dirname "$0")/add-v8-flags.mjs" >"$config"
exec 4<"$config"
rm "$config"
exec "$STREAMKIT_WORKERD" "$@" <&4 4<&-
